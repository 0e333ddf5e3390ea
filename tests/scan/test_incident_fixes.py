"""The fix of an incident in a real history: which evidence is taken, and which is not."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem import git_history
from pytest_postmortem.model import Postmortem
from pytest_postmortem.scan.forges import OwnRepositories
from pytest_postmortem.scan.history_index import HistoryIndex
from pytest_postmortem.scan.incident_fixes import FixFinder, IncidentFix, IncidentText
from repositories import commit, git, repository, said

PULL = "https://github.com/shop/cart/pull"
OWN = OwnRepositories(frozenset(["shop/cart"]), frozenset(["cart"]))


def find(root: Path, postmortem: Postmortem, text: str = "") -> IncidentFix:
    """Return the fix of one incident with a text."""
    index = HistoryIndex(git_history.read_history(root))
    finder = FixFinder(root, index, OWN, lambda path: path.startswith("shop/"), {})
    texts = {postmortem.id: IncidentText("pm.md", list(enumerate(text.split("\n"), 1)))}
    return finder.find_fixes([postmortem], texts)[0]


def ids(fix: IncidentFix) -> list[str]:
    """Return the commits of a fix."""
    return [commit.id for commit in fix.commits]


def reasons(fix: IncidentFix) -> list[str]:
    """Return why evidence is not taken."""
    return [evidence.why for evidence in fix.evidence if not evidence.taken]


def change(n: int, name: str = "cart") -> dict[str, str]:
    """Return a change of source."""
    return {f"shop/{name}.py": f"N = {n}\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one commit."""
    commit(repository(tmp_path), change(0), "Begin")
    return tmp_path


def test_a_pull_request_in_the_text_is_the_fix(root: Path) -> None:
    """The number becomes the commit that the forge landed."""
    fixed = commit(root, change(1), "Charge once (#12)")
    commit(root, change(2), "Refactor (#13)\n\nFollows #12.")

    fix = find(root, Postmortem("PM-1", "x"), f"A [public PR]({PULL}/12) with the fix was merged.")

    assert ids(fix) == [fixed]
    assert fix.source == "#12 in text"


def test_the_cause_and_other_repositories_are_not_the_fix(root: Path) -> None:
    """What introduced the problem is shown, and not taken."""
    commit(root, change(1), "Cache (#9)")
    fixed = commit(root, change(2), "Charge once (#12)")
    text = f"Introduced in {PULL}/9, fixed in {PULL}/12.\nSee https://github.com/shop/infra/pull/13"

    fix = find(root, Postmortem("PM-1", "x"), text)

    assert ids(fix) == [fixed]
    assert [(each.what, each.role) for each in fix.evidence if not each.taken] == [
        ("#9", "cause"),
        ("#13", "elsewhere"),
    ]


def test_a_rollback_is_the_revert_of_what_the_text_names(root: Path) -> None:
    """A revert commit is the fix when the text says that a change was rolled back."""
    cause = commit(root, change(1), "Cache (#9)")
    reverted = commit(root, change(0), f'Revert "Cache (#9)"\n\nThis reverts commit {cause}.')

    assert ids(find(root, Postmortem("PM-1", "x"), f"We rolled back {PULL}/9.")) == [reverted]


def test_closing_keywords_are_a_hint_and_never_taken(root: Path) -> None:
    """``Fixes #12`` names an issue, and was wrong wherever it was tried."""
    hint = commit(root, change(1), "Charge once\n\nFixes #12")

    fix = find(root, Postmortem("PM-1", "x"), f"Fixed in {PULL}/12.")

    assert ids(fix) == []
    assert hint[:9] in reasons(fix)[0]


def test_a_trailer_and_the_registry_count_more_than_the_text(root: Path) -> None:
    """What a team has written down for the purpose comes first."""
    trailer = commit(root, change(1), "Charge once\n\nPostmortem: PM-1")
    commit(root, change(2), "Other (#12)")
    text = f"Fixed in {PULL}/12."

    assert ids(find(root, Postmortem("PM-1", "x"), text)) == [trailer]
    registered = find(root, Postmortem("PM-1", "x", fix=("HEAD",)), text)
    assert registered.is_registered


@pytest.mark.parametrize(
    ("files", "message", "why"),
    [
        ({"docs/x.md": "x"}, "Document INC-7", "changes no source"),
        (change(9), "Bump lib from 1 to 2\n\nINC-7 is fixed", "updates a dependency"),
        (change(9), "Other\n\nSee INC-7 for a similar problem", "next to 'see'"),
        (change(9), 'Revert "Fix INC-7"', "reverts another change"),
        (change(9), "Release 1.2 with the fix of INC-7", "prepares a release"),
    ],
)
def test_a_message_that_names_an_incident_is_guarded(
    root: Path, files: dict[str, str], message: str, why: str
) -> None:
    """Bots, releases, reverts and documents name incidents, too."""
    commit(root, files, message)

    fix = find(root, Postmortem("PM-1", "x", aliases=("INC-7",)))

    assert ids(fix) == []
    assert why in reasons(fix)[0]


def test_a_message_that_names_an_alias_is_evidence(root: Path) -> None:
    """The oldest of several commits that fix it is the fix; the later ones are kept."""
    fixed = commit(root, change(1), "Fix INC-7: charge once")
    later = commit(root, change(2), "Fix INC-7 again, in tests")

    fix = find(root, Postmortem("PM-1", "x", aliases=("INC-7",)))

    assert ids(fix) == [fixed]
    assert [each.id for each in fix.later] == [later]


def advisory(*references: str) -> Postmortem:
    """Return an advisory with references."""
    return Postmortem("GHSA-2222-3333-4444", "x", references=references)


def test_a_commit_in_a_field_of_an_advisory_is_guarded(root: Path) -> None:
    """Ranges name releases, and the commit that introduced the problem."""
    introduced = commit(root, change(1), "Cache prices")
    git(root, "tag", "v1.0")
    release = commit(root, {**change(1), "shop/version.py": "1\n"}, "Prepare release of 1.1")
    fixed = commit(root, change(2), "Charge once")

    fix = find(
        root, advisory(f"range {release}", f"range {introduced}", f"range {fixed}", "affected 1.0")
    )

    assert ids(fix) == [fixed]
    assert [why.partition(" ")[2] for why in reasons(fix)] == [
        "prepares a release",
        "is in 1.0, which has the problem",
    ]


def test_the_twin_of_a_fix_on_a_release_branch_is_found(root: Path) -> None:
    """The record names the commit of another branch, and this one has the same change."""
    git(root, "checkout", "-q", "-b", "1.x")
    commit(root, change(5, "other"), "Diverge")
    named = commit(root, change(1), "Charge a customer once")
    git(root, "checkout", "-q", "main")
    fixed = commit(root, change(1), "Payment: no second charge")

    fix = find(root, advisory(f"range {named}"))

    assert ids(fix) == [fixed]
    assert "of another branch" in fix.evidence[0].why


def test_the_commit_that_wrote_the_id_into_the_changelog_together_with_source(root: Path) -> None:
    """Where nothing else names the fix, the changelog does."""
    fixed = commit(
        root, {**change(1), "CHANGES.md": "* Charge once. GHSA-2222-3333-4444\n"}, "Charge"
    )

    assert ids(find(root, advisory())) == [fixed]


def test_a_note_of_a_release_names_the_change_or_its_only_unnamed_advisory(root: Path) -> None:
    """A release that adds the id to its notes is not the fix."""
    merged = commit(root, change(1), "Merge commit from fork")
    commit(root, {**change(1, "v"), "CHANGES.md": "* GHSA-2222-3333-4444\n"}, "Version 1.2")

    assert ids(find(root, advisory())) == [merged]


def test_a_note_in_the_changelog_names_the_number(root: Path) -> None:
    """The item with the id names the pull request."""
    fixed = commit(root, change(1), "Charge once (#12)")
    commit(
        root,
        {"CHANGES.md": "* Other #11\n* Charge once, see\n  GHSA-2222-3333-4444. #12\n"},
        "Notes",
    )

    assert ids(find(root, advisory())) == [fixed]


def test_a_commit_of_a_branch_that_was_merged_without_its_changes_is_not_the_fix(
    root: Path,
) -> None:
    """A dead branch is an ancestor of HEAD, and yet not its code."""
    git(root, "checkout", "-q", "-b", "old")
    dead = commit(root, change(1), "Charge once")
    git(root, "checkout", "-q", "main")
    commit(root, change(5, "other"), "Go on")
    git(root, "merge", "-q", "-s", "ours", "-m", "Merge branch 'old'", "old")

    fix = find(root, advisory(f"range {dead}"))

    assert ids(fix) == []
    assert "merged without its changes" in reasons(fix)[0]


def test_many_links_without_a_word_of_fixing_are_not_taken(root: Path) -> None:
    """A list of related work is no fix."""
    for number in range(1, 6):
        commit(root, change(number), f"Work (#{number})")

    fix = find(root, Postmortem("PM-1", "x"), "\n\n".join(f"{PULL}/{n}" for n in range(1, 6)))

    assert ids(fix) == []
    assert set(reasons(fix)) == {"one of 5 changes without a word of fixing"}


def test_git_is_asked_a_few_times_for_all_incidents(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time does not depend on the number of incidents."""
    for number in range(1, 30):
        commit(root, change(number), f"Fix INC-{number}00 (#{number})")
    calls: list[object] = []
    run = subprocess.run

    def count(command: Sequence[str], **options: Any) -> object:
        calls.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", count)
    index = HistoryIndex(git_history.read_history(root))
    finder = FixFinder(root, index, OWN, lambda path: path.startswith("shop/"), {})
    postmortems = [Postmortem(f"INC-{number}00", "x") for number in range(1, 30)]
    fixes = finder.find_fixes(postmortems, {})

    assert all(fix.commits for fix in fixes)
    assert len(calls) < 10


def test_a_short_hash_is_found(root: Path) -> None:
    """A hash in the text may be cut."""
    fixed = commit(root, change(1), "Charge once")
    short = said(root, "rev-parse", "--short=8", fixed)
    text = f"Fixed in commit {short}."

    assert ids(find(root, Postmortem("PM-1", "x"), text)) == [fixed]


def test_numbers_in_the_text_of_another_repositorys_incident_are_not_taken(root: Path) -> None:
    """With `repository:` an incident says where its numbers belong."""
    fixed = commit(root, change(1), "Charge once (#12)")

    other = Postmortem("PM-1", "x", repository=("shop/infra",))
    assert ids(find(root, other, "Fixed in #12.")) == []
    own = Postmortem("PM-1", "x", repository=("https://github.com/shop/cart",))
    assert ids(find(root, own, "Fixed in #12.")) == [fixed]


def test_a_commit_of_a_dead_branch_stands_for_its_twin_on_the_main_line(root: Path) -> None:
    """A release branch is merged without its changes, and the record names its commit."""
    git(root, "checkout", "-q", "-b", "3.8")
    named = commit(root, change(1), "[PR #7/85713a48 backport][3.8] Charge a customer once (#8)")
    git(root, "checkout", "-q", "main")
    fixed = commit(root, change(2), "Charge a customer once (#7)")
    git(root, "merge", "-q", "-s", "ours", "-m", "Merge 3.8", "3.8")

    for fix in (
        find(root, advisory(f"range {named}")),
        find(root, advisory(f"fix {PULL[:-5]}/commit/{named}")),
        find(root, advisory(f"fix {PULL}/8")),
        find(root, advisory(), f"Fixed in {named}."),
    ):
        assert ids(fix) == [fixed]
        assert "of another branch" in fix.evidence[0].why


def test_a_backport_names_its_origin(root: Path) -> None:
    """Backports of bots have another author, and may have another subject."""
    fixed = commit(root, change(1), "Charge once (#7)")
    git(root, "checkout", "-q", "-b", "3.8", "HEAD~1")
    body = f"**This is a backport of PR #7 as merged into main\n({fixed}).**"
    named = commit(root, change(1), f"[3.8] Charge (#8)\n\n{body}")
    git(root, "checkout", "-q", "main")

    assert ids(find(root, advisory(f"range {named}"))) == [fixed]


def test_a_linked_change_without_source_is_not_the_fix(root: Path) -> None:
    """A record links the pull request of the release notes as well as the commit."""
    fixed = commit(root, change(1), "Charge once")
    commit(root, {"docs/notes.rst": "Charge once\n"}, "Update the release notes (#9)")
    commit_link = f"fix {PULL[:-5]}/commit/{fixed}"

    fix = find(root, advisory(f"link {PULL}/9", commit_link))

    assert ids(fix) == [fixed]
    assert "changes no source" in reasons(fix)[0]


def test_what_a_text_or_message_names_without_fixing_anything_is_not_the_fix(root: Path) -> None:
    """A deployed commit that changes no source, and a commit that writes about the incident."""
    notes = commit(root, {"README.md": "how to deploy\n"}, "Describe the deployment")
    commit(root, change(1), "Postmortem of PM-1: correct the cause")

    fix = find(root, Postmortem("PM-1", "x"), f"The deployed commit: {notes}")

    assert ids(fix) == []
    assert [why.partition(" ")[2] for why in reasons(fix)] == [
        "changes no source",
        "writes about the incident",
    ]


def test_of_a_merge_that_fixes_several_only_what_names_the_incident_is_its_fix(
    root: Path,
) -> None:
    """The whole would be proven for each of them by the tests of all."""
    git(root, "checkout", "-q", "-b", "security")
    first = commit(root, change(1), "Fix CVE-2026-1001: charge once")
    commit(root, change(2, "other"), "Fix CVE-2026-1002: refund once")
    commit(root, {"notes.md": "CVE-2026-1001, CVE-2026-1002\n"}, "Describe the fixes")
    git(root, "checkout", "-q", "main")
    git(root, "merge", "-q", "--no-ff", "-m", "Merge pull request #7 from shop/x", "security")

    fix = find(
        root, Postmortem("PYSEC-1", "x", aliases=("CVE-2026-1001",), references=(f"fix {PULL}/7",))
    )
    whole = find(root, Postmortem("PYSEC-3", "x", references=(f"fix {PULL}/7",)))

    assert ids(fix) == [first]
    assert "fixes other incidents too" in fix.evidence[0].why
    assert ids(whole) == [said(root, "rev-parse", "HEAD").strip()]


def test_a_linked_change_that_an_affected_version_contains_is_not_the_fix(root: Path) -> None:
    """A record links the change that introduced the problem, or an earlier attempt."""
    commit(root, change(1), "Retry (#9)")
    git(root, "tag", "1.0")
    fixed = commit(root, change(2), "Charge once (#10)")

    fix = find(root, advisory(f"link {PULL}/9", f"link {PULL}/10", "affected 1.0"))

    assert ids(fix) == [fixed]
    assert "is in 1.0, which has the problem" in reasons(fix)[0]


@pytest.mark.parametrize("message", ["Merge release-1.2-99: Release 1.2", "Update the notes"])
def test_a_merge_that_collects_the_notes_of_a_release_is_not_the_fix(
    root: Path, message: str
) -> None:
    """It adds the id to the changelog, sets the version and removes the news fragments."""
    fragments = {f"newsfragments/{number}.bugfix": "x\n" for number in range(4)}
    commit(root, fragments, "Describe changes")
    git(root, "checkout", "-q", "-b", "release")
    git(root, "rm", "-q", "-r", "newsfragments")
    commit(root, {**change(2, "version"), "NEWS.md": "* GHSA-2222-3333-4444\n"}, "Write")
    git(root, "checkout", "-q", "main")
    git(root, "merge", "-q", "--no-ff", "-m", message, "release")

    fix = find(root, advisory())

    assert ids(fix) == []


@pytest.mark.parametrize("written", ["#12", "!12", f"{PULL}/12"])
def test_the_registry_may_name_a_fix_by_its_number(root: Path, written: str) -> None:
    """A number and the address of a change mean the commit that landed it."""
    fixed = commit(root, change(1), "Charge once (#12)")
    commit(root, change(2), "Go on")

    fix = find(root, Postmortem("PM-1", "x", fix=(written,)))

    assert (ids(fix), fix.source, fix.is_registered) == ([fixed], "registry", True)


@pytest.mark.parametrize("dots", ["..", "..."])
def test_a_range_of_commits_is_a_fix_as_a_whole(root: Path, dots: str) -> None:
    """Its changes are those between both ends, and `prove` gets the range."""
    before = said(root, "rev-parse", "HEAD")
    commit(root, change(1), "Charge once")
    last = commit(root, change(1, "other"), "Charge once, elsewhere")
    written = f"{before}{dots}{last}"
    index = HistoryIndex(git_history.read_history(root))
    finder = FixFinder(root, index, OWN, lambda path: path.startswith("shop/"), {})

    (fix,) = finder.find_fixes([Postmortem("PM-1", "x", fix=(written,))], {})

    (found,) = fix.commits
    assert found.id == last
    assert finder.format_revision(found) == written


def test_a_range_whose_end_is_unknown_is_no_fix(root: Path) -> None:
    """The reason names what this clone lacks."""
    fix = find(root, Postmortem("PM-1", "x", fix=(f"{'1' * 40}..HEAD",)))

    assert ids(fix) == []
    assert "is not in this clone" in reasons(fix)[0]


def test_a_commit_that_this_clone_lacks_is_told(root: Path) -> None:
    """A record may name a commit of a fork."""
    fix = find(root, advisory(f"fix {PULL[:-5]}/commit/{'a1' * 20}"))

    assert ids(fix) == []
    assert reasons(fix) == ["a1a1a1a1a is not in this clone"]


def test_a_commit_that_this_clone_lacks_stands_for_what_was_picked_from_it(root: Path) -> None:
    """``git cherry-pick -x`` writes the origin into the message."""
    origin = "a1" * 20
    picked = commit(root, change(1), f"Charge once\n\n(cherry picked from commit {origin})")

    fix = find(root, advisory(f"fix {PULL[:-5]}/commit/{origin}"))

    assert ids(fix) == [picked]
    assert fix.evidence[0].why == "cherry-picked from a1a1a1a1a"


def test_a_referenced_change_of_another_repository_is_not_the_fix(root: Path) -> None:
    """The same number means something else there."""
    commit(root, change(1), "Charge once (#12)")

    fix = find(root, advisory("fix https://github.com/shop/infra/pull/12"))

    assert ids(fix) == []
    assert reasons(fix) == ["another repository"]


def test_a_change_that_rolled_back_without_a_revert_is_the_fix(root: Path) -> None:
    """A rollback by hand has a number of its own and no message of git."""
    fixed = commit(root, change(1), "Take the cache out (#12)")

    assert ids(find(root, Postmortem("PM-1", "x"), f"Reverted by {PULL}/12.")) == [fixed]


def test_a_commit_that_introduced_the_problem_is_never_its_fix(root: Path) -> None:
    """Records name the same commit as both."""
    introduced = commit(root, change(1), "Cache prices")

    fix = find(root, advisory(f"introduced {introduced}", f"range {introduced}"))

    assert ids(fix) == []
    assert f"{introduced[:9]} introduced the problem" in reasons(fix)


def test_a_commit_that_writes_many_ids_into_the_changelog_is_an_import(root: Path) -> None:
    """Four incidents in one commit are a list, although the commit changes source too."""
    advisories = [Postmortem(f"GHSA-2222-3333-444{n}", "x") for n in range(4, 8)]
    notes = "".join(f"* {each.id}\n" for each in advisories)
    commit(root, {**change(1), "CHANGES.md": notes}, "Write notes")
    index = HistoryIndex(git_history.read_history(root))
    finder = FixFinder(root, index, OWN, lambda path: path.startswith("shop/"), {})

    assert [ids(fix) for fix in finder.find_fixes(advisories, {})] == [[], [], [], []]


@pytest.mark.parametrize(
    "note",
    [
        "* GHSA-2222-3333-4444: charge\n  once (#12)\n* Other #11\n",
        "* Charge once :cve:`2026-1234` #12\n* Other #11\n",
        "* Charge once, GHSA-2222-3333-4444. bpo-12345\n",
    ],
)
def test_a_note_of_several_lines_or_of_another_form_names_the_change(root: Path, note: str) -> None:
    """An item is read to its end, with roles of Sphinx and the numbers of trackers."""
    fixed = commit(root, change(1), "bpo-12345: Charge once (#12)")
    commit(root, {"CHANGES.md": note}, "Notes")
    postmortem = Postmortem("GHSA-2222-3333-4444", "x", aliases=("CVE-2026-1234",))

    assert ids(find(root, postmortem)) == [fixed]


@pytest.mark.parametrize("merges", [0, 2])
def test_a_note_of_a_release_with_no_single_advisory_names_none(root: Path, merges: int) -> None:
    """Which of two unnamed merges it was can't be known."""
    commit(root, change(7), "Version 1.1")
    for number in range(merges):
        commit(root, change(number + 1), "Merge commit from fork")
    commit(root, {**change(1, "v"), "CHANGES.md": "* GHSA-2222-3333-4444\n"}, "Version 1.2")

    fix = find(root, advisory())

    assert ids(fix) == []
    assert any(why.endswith("prepares a release") for why in reasons(fix))


def test_the_merge_of_an_advisory_by_its_id_is_the_fix(root: Path) -> None:
    """The forge writes the id into the message of the merge."""
    merged = commit(root, change(1), "Merge pull request from GHSA-2222-3333-4444\n\nCharge once")

    assert ids(find(root, advisory())) == [merged]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://bugs.python.org/issue12345", "bpo-12345: Charge once"),
        ("https://bugzilla.shop.com/show_bug.cgi?id=12345", "Bug 12345 - charge once"),
    ],
)
def test_the_bug_that_an_incident_links_to_names_its_fix(
    root: Path, url: str, message: str
) -> None:
    """Messages name a bug of a tracker in the form of that tracker."""
    fixed = commit(root, change(1), message)
    commit(root, change(2), "Go on")

    assert ids(find(root, Postmortem("PM-1", "x", url=url))) == [fixed]


@pytest.mark.parametrize("how", [("-s", "ours"), ("--no-ff",)], ids=["ours", "merged"])
def test_a_copy_on_a_merged_release_branch_is_not_a_second_fix(
    root: Path, how: tuple[str, ...]
) -> None:
    """Of two commits with the same message the one of the main line counts."""
    git(root, "checkout", "-q", "-b", "1.x")
    commit(root, change(1), "Fix INC-7: charge once")
    git(root, "checkout", "-q", "main")
    commit(root, change(5, "other"), "Go on")
    fixed = commit(root, change(1), "Fix INC-7: charge once")
    git(root, "merge", "-q", *how, "-m", "Merge branch '1.x'", "1.x")

    fix = find(root, Postmortem("INC-7", "x"))

    assert ids(fix) == [fixed]
    assert fix.later == ()


def test_a_patch_is_told_to_bring_no_test(root: Path) -> None:
    """An incident whose fix is a patch is not searched for in vain without a word."""
    fix = find(root, Postmortem("PM-1", "x", patch="fixes/pm-1.patch"))

    assert fix.notes == ("the fix is a patch, which brings no test",)
