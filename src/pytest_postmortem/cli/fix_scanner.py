"""The fixes of a project's incidents, the tests that came with them, and their proofs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pytest_postmortem import git, git_history
from pytest_postmortem.cli.git_project import DEPTH_REMEDY, GitCheckout
from pytest_postmortem.cli.prove import prove_subjects
from pytest_postmortem.cli.prove_cases import (
    ProofSubject,
    ProveRequest,
    build_workspace,
    select_postmortems,
)
from pytest_postmortem.errors import GitError
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.git_history import LoggedCommit
from pytest_postmortem.model import Postmortem, Registry
from pytest_postmortem.proofs import shorten_revision
from pytest_postmortem.prove.fix import read_fix_from_revisions
from pytest_postmortem.prove.fix_files import Fix
from pytest_postmortem.prove.strategy import IncidentProof
from pytest_postmortem.prove.today import ProofCase
from pytest_postmortem.pysource.marker_index import LinkedIncident, find_linked_tests
from pytest_postmortem.registry.postmortem_text import read_incident_lines
from pytest_postmortem.reports.redaction import redact_postmortem
from pytest_postmortem.scan.findings import CandidateTest, FixFinding, FixScan, select_verdict
from pytest_postmortem.scan.fix_mentions import find_link_definitions
from pytest_postmortem.scan.fix_tests import (
    FixTest,
    FixTestFinder,
    SuiteRules,
    find_test_folder,
)
from pytest_postmortem.scan.forges import OwnRepositories, find_own_repositories
from pytest_postmortem.scan.history_index import HistoryIndex
from pytest_postmortem.scan.incident_fixes import (
    FixFinder,
    IncidentFix,
    IncidentText,
    is_searchable_name,
)
from pytest_postmortem.scan.message_kinds import is_dependency_update
from pytest_postmortem.scan.suggestions import ScannedFile
from pytest_postmortem.text import join_some_texts

METADATA_FILES = (
    *("pyproject.toml", "setup.cfg", "setup.py", "package.json", "mkdocs.yml", "docs/conf.py"),
    *("README.md", "README.rst", "README", "CONTRIBUTING.md", "CONTRIBUTING.rst", "SECURITY.md"),
    *(".github/ISSUE_TEMPLATE/config.yml", ".github/CONTRIBUTING.md", ".github/SECURITY.md"),
)
"""Files that may name the repository."""

MAX_FILES_OF_CHANGE = 20
"""Files of a merged change whose tests belong to a commit in it; a bigger one is about more."""

SHALLOW_NOTE = (
    "the clone is shallow, and fixes that are older can't be seen: run `git fetch --unshallow`"
    f" ({DEPTH_REMEDY})"
)


NO_INCIDENTS_NOTE = "fixes are not looked for: the registry has no incident for this suite"


class FixScanner:
    """Finds the fixes of incidents and their tests in one checkout."""

    def __init__(self, checkout: GitCheckout) -> None:
        """Read the history.

        Raises: GitError if git fails, or has no commit.
        """
        if git.is_unborn_branch(checkout.root):
            raise git.build_git_error("the branch has no commit", "commit the code first")
        self.checkout = checkout
        self.workspace = build_workspace(checkout)
        self.index = HistoryIndex(git_history.read_history(checkout.root))
        self.sources: dict[str, ScannedFile] = {}
        self._is_shallow = git.is_shallow_clone(checkout.root)
        names = checkout.registry.group_names() if checkout.registry else {}
        cut = git_history.read_shallow_commits(checkout.root) if self._is_shallow else frozenset()
        self.finder = FixFinder(
            checkout.root, self.index, self.own_repositories, self.is_source, names, cut
        )

    @cached_property
    def own_repositories(self) -> OwnRepositories:
        """The names of this repository on forges."""
        top = self.checkout.top
        metadata = (read_file_bytes(top / name) or b"" for name in METADATA_FILES)
        return find_own_repositories(
            git_history.list_remote_urls(self.checkout.root),
            (
                commit.message
                for commit in self.index.commits.values()
                if not is_dependency_update(commit)
            ),
            (data.decode(errors="replace") for data in metadata),
        )

    def is_source(self, path: str) -> bool:
        """Return whether a file of any commit, by its path from the top, is source."""
        if find_test_folder(path) is not None:
            return False
        return self.workspace.kind_of(path, ()) in ("source", "opaque")

    def scan_fixes(self, postmortems: Sequence[Postmortem], places: Sequence[Path] = ()) -> FixScan:
        """Return the fixes of some incidents, and the tests that came with them.

        With ``places``, only tests in these files and folders count.

        Raises: GitError if git fails.
        """
        fixes = self.find_fixes(postmortems)
        notes = [SHALLOW_NOTE] if self._is_shallow else []
        notes += [] if postmortems else [NO_INCIDENTS_NOTE]
        is_unread = False
        try:
            tests = self.find_tests(fixes)
        except GitError as error:
            tests, is_unread = {}, True
            notes.append(f"the tests of fixes can't be read: {error.brief}")
        links = self.checkout.find_links(self.checkout.read_working_tree(()))
        findings = (
            self.build_finding(
                *(postmortem, fix, tests.get(fix.id, ())),
                find_linked_tests(links, postmortem.id),
                places,
            )
            for postmortem, fix in zip(postmortems, fixes, strict=True)
        )
        return FixScan(
            tuple(replace(finding, is_unread=is_unread) for finding in findings), tuple(notes)
        )

    def find_fixes(self, postmortems: Sequence[Postmortem]) -> list[IncidentFix]:
        """Return the fix of each incident.

        Raises: GitError if git fails.
        """
        return self.finder.find_fixes(postmortems, self._read_texts(postmortems))

    def _read_texts(self, postmortems: Sequence[Postmortem]) -> Mapping[str, IncidentText]:
        read = read_incident_lines(postmortems, self.checkout.root)
        return {
            id: IncidentText(found.path, found.lines, find_link_definitions(found.whole))
            for id, found in read.items()
        }

    def find_tests(self, fixes: Sequence[IncidentFix]) -> Mapping[str, Sequence[FixTest]]:
        """Return the tests that came with each fix, by id, those that are gone as well.

        If a fix has none, those of later commits that name the incident count.

        Raises: GitError if git fails.
        """
        finder = FixTestFinder(
            self.checkout.root, self.index, self._rules, self._suite, self.finder.list_changes
        )
        commits = {fix.id: self._list_test_commits(fix) for fix in fixes}
        self.finder.read_changes([commit for found in commits.values() for commit in found])
        tests = finder.find_tests(commits)
        bare = {fix.id: fix.later for fix in fixes if fix.commits and not tests[fix.id]}
        return tests | {id: found for id, found in finder.find_tests(bare).items() if found}

    @cached_property
    def _rules(self) -> SuiteRules:
        functions, _ = self.checkout.test_name_patterns
        return SuiteRules(tuple(self.checkout.config.getini("python_files")), tuple(functions))

    @cached_property
    def _suite(self) -> Mapping[str, bytes]:
        """The files of today's suite with their contents, by their paths from the top."""
        suite, present = self.checkout.suite, self.checkout.present
        paths = (path for path in present if suite.is_suite_file(path, present))
        contents = ((path, read_file_bytes(suite.top / path)) for path in sorted(paths))
        return {path: data for path, data in contents if data is not None}

    def _list_test_commits(self, fix: IncidentFix) -> list[LoggedCommit]:
        """Return the commits of a fix, with the small merges of changes that contain them."""
        commits = list(fix.commits)
        for commit in fix.commits:
            merge = self.finder.find_change_merge(commit.id)
            if merge is not None and not self.finder.fixes_several(merge):
                whole = self.index.commits[merge]
                if len(self.finder.list_changes(whole)) <= MAX_FILES_OF_CHANGE:
                    commits.append(whole)
        return list(dict.fromkeys(commits))

    def build_finding(
        self,
        postmortem: Postmortem,
        fix: IncidentFix,
        tests: Sequence[FixTest],
        linked: LinkedIncident,
        places: Sequence[Path],
    ) -> FixFinding:
        """Return the reported results of an incident, with the tests of today's suite."""
        shown = redact_postmortem(postmortem, self.checkout.settings.show)
        top = self.checkout.top
        candidates = [
            self._build_candidate(test, frozenset(linked.tests))
            for test in tests
            if test.path_today is not None
            and (not places or any((top / test.path_today).is_relative_to(each) for each in places))
        ]
        return FixFinding(
            postmortem.id,
            shown.title if shown.title != shown.id else "",
            fix,
            tuple(candidates),
            tuple(test for test in tests if test.path_today is None),
            bool(linked.tests),
        )

    def _build_candidate(self, test: FixTest, linked: frozenset[str]) -> CandidateTest:
        path = str(test.path_today)
        shown = self.checkout.suite.shown(path)
        data = self._suite[path]
        self.sources[shown] = ScannedFile(shown, self.checkout.top / path, data)
        names = [
            each.name for each in self.checkout.tests(data) or () if each.line == test.line
        ] or [str(test.names_today)]
        nodeids = tuple(f"{shown}::{name}" for name in dict.fromkeys(names))
        return CandidateTest(test, shown, nodeids, linked.issuperset(nodeids))

    def prove_findings(self, scan: FixScan, request: ProveRequest) -> FixScan:
        """Run the tests of each fix with and without it, in one experiment for each fix.

        Raises: What `prove` raises.
        """
        subjects = [
            ProofSubject(
                _format_proof_key(finding.id),
                self._build_case(finding),
                Postmortem(finding.id, finding.title or finding.id),
            )
            for finding in scan.findings
            if finding.tests
        ]
        results = prove_subjects(self.checkout, self.workspace, request, subjects)
        result_by_key = {result.id: result for result in results}
        findings = (
            _add_proof(finding, result_by_key.get(_format_proof_key(finding.id)))
            for finding in scan.findings
        )
        return replace(scan, findings=tuple(findings))

    def _build_case(self, finding: FixFinding) -> ProofCase:
        nodeids = tuple(dict.fromkeys(nodeid for test in finding.tests for nodeid in test.nodeids))
        files = tuple(dict.fromkeys(nodeid.partition("::")[0] for nodeid in nodeids))
        revisions = [self.finder.format_revision(commit) for commit in finding.fix.commits]

        def read_fix() -> Fix:
            return read_fix_from_revisions(self.checkout.root, revisions)

        shown = self.checkout.suite.shown
        names_then = {
            nodeid: f"{shown(candidate.test.path)}::{candidate.test.names}"
            for candidate in finding.tests
            for nodeid in candidate.nodeids
        }
        return ProofCase(
            _format_proof_key(finding.id), read_fix, files, (), nodeids, nodeids, names_then
        )


def _format_proof_key(id: str) -> str:
    """Return the name under which the proof of candidates is kept.

    It is not the incident's id, for which the proof of its linked tests is kept.
    """
    return f"scan {id}"


def _add_proof(finding: FixFinding, result: IncidentProof | None) -> FixFinding:
    """Return a finding with the verdicts on its tests."""
    if result is None:
        return finding
    judged = result.judged
    tests = []
    for candidate in finding.tests:
        own = [
            test
            for test in judged.tests
            if any(
                test.nodeid == nodeid or test.nodeid.startswith(f"{nodeid}[")
                for nodeid in candidate.nodeids
            )
        ]
        verdict = select_verdict([test.verdict for test in own]) or "inconclusive"
        messages = [test.message for test in own if test.verdict == verdict]
        message = messages[0] if messages else judged.message
        tests.append(replace(candidate, verdict=verdict, message=message))
    return replace(finding, tests=tuple(tests), was_run=True, message=judged.message)


def list_unmarked_fixes(
    checkout: GitCheckout, base: str, earlier: Registry | None
) -> Iterator[str]:
    """Yield a note on each incident that a branch adds or fixes, if its tests are not marked.

    ``earlier`` is the registry of the commit at which the branch left its base. Only commits count.

    Raises: GitError if git fails.
    """
    if checkout.registry is None:
        return
    branch = HistoryIndex(git_history.read_history(checkout.root, f"{base}..HEAD"))
    names = checkout.registry.group_names()
    postmortems = [
        postmortem
        for postmortem in select_postmortems(checkout, ())
        if (earlier is not None and earlier.find(postmortem.id) is None)
        or any(branch.find_mentions(filter(is_searchable_name, names[postmortem.id])))
        or any(name.casefold() in branch.trailers for name in names[postmortem.id])
    ]
    if not postmortems:
        return
    scanner = FixScanner(checkout)
    for finding in scanner.scan_fixes(postmortems).findings:
        if finding.tests and not finding.is_guarded:
            in_branch = any(commit.id in branch.commits for commit in finding.fix.commits)
            nodeids = [nodeid for test in finding.tests for nodeid in test.nodeids]
            commits = ", ".join(shorten_revision(commit.id) for commit in finding.fix.commits)
            what = "this branch fixes" if in_branch else "no test is linked to"
            yield (
                f"{what} {finding.id} ({commits}); mark {join_some_texts(nodeids, ', ', 3)}"
                ", or let `pytest-postmortem scan --prove --apply` do it"
            )
