"""``pytest-postmortem ci`` in a simulated job: a repository, variables, an event, and an API."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from forge import TOKEN, SimulatedForge
from prove_repository import FIXED, OLD, Repository, text_of
from pytest_postmortem.ci.change import Forge
from pytest_postmortem.cli.main import main
from repositories import said
from server import Server

REGISTRY = "- {id: PM-1, title: Charged twice}\n"
NEW_ENTRY = "- {id: PM-4, title: 'Price of @everyone'}\n"

GUARD = """\
import pytest

@pytest.mark.postmortem("PM-1")
def test_charged_once(): pass
"""

OTHER = "def test_other(): pass\n"


class Job:
    """A pull or merge request, whose pushes each start a job."""

    def __init__(
        self, repository: Repository, monkeypatch: pytest.MonkeyPatch, server: Server, forge: Forge
    ) -> None:
        self._repository = repository
        self.api = SimulatedForge(forge, server, asks=forge == "GitLab")
        self.summary = repository.temporary / "summary.md"
        self.output = repository.temporary / "output"
        self._event = repository.temporary / "event.json"
        repository.write({".gitignore": "__pycache__\n"})
        self.base = repository.commit(
            {
                "pytest.ini": "[pytest]\npostmortem_registry = pm.yml\npythonpath = .\n",
                "pm.yml": REGISTRY,
                "pm4.py": OLD,
                "test_guard.py": GUARD,
                "test_other.py": OTHER,
            }
        )
        repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
        repository.git("switch", "--quiet", "--create", "change")
        variables = self._github() if forge == "GitHub" else self._gitlab()
        for name, value in {**variables, "POSTMORTEM_TOKEN": TOKEN}.items():
            monkeypatch.setenv(name, value)
        self._monkeypatch = monkeypatch

    def check_out(self) -> None:
        """Check out what the forge does: GitHub the change merged into its target."""
        if self.api.kind == "GitLab":
            return
        head = said(self._repository.folder, "rev-parse", "change")
        pull = {"number": 12, "base": {"ref": "main", "sha": self.base}, "head": {"sha": head}}
        self._event.write_text(json.dumps({"pull_request": pull}))
        self._repository.git("checkout", "--quiet", "--detach", "origin/main")
        self._repository.git("merge", "--quiet", "--no-ff", "--message=Merge", "change")

    def _github(self) -> dict[str, str]:
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "shop/api",
            "GITHUB_API_URL": f"{self.api.server.url}/api",
            "GITHUB_EVENT_PATH": str(self._event),
            "GITHUB_BASE_REF": "main",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
        }

    def _gitlab(self) -> dict[str, str]:
        return {
            "CI_API_V4_URL": f"{self.api.server.url}/api",
            "CI_PROJECT_ID": "9",
            "CI_MERGE_REQUEST_PROJECT_ID": "7",
            "CI_MERGE_REQUEST_IID": "12",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": self.base,
        }

    def push(self, files: dict[str, str | None], message: str = "change") -> int:
        """Commit files to the change and run the job; return its exit status."""
        self.commit(files, message)
        return self.run()

    def commit(self, files: dict[str, str | None], message: str = "change") -> None:
        """Commit files to the change, and check it out as a job does."""
        self._repository.git("switch", "--quiet", "change")
        self._repository.commit(dict(files), message)
        self.check_out()

    def run(self, *arguments: str) -> int:
        """Run the job, which has the token, and return its exit status."""
        self._monkeypatch.setenv("POSTMORTEM_TOKEN", TOKEN)
        return main(["ci", *arguments])

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the last job, but for the paths of files."""
        text = (self._repository.folder / "postmortem-ci" / "outputs.env").read_text()
        pairs = dict(line.split("=", 1) for line in text.splitlines())
        return {
            name.removeprefix("POSTMORTEM_").lower(): value
            for name, value in pairs.items()
            if "/" not in value
        }


@pytest.fixture
def job(
    request: pytest.FixtureRequest,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    server: Server,
) -> Job:
    """A change without a push, at the forge that the test names."""
    return Job(repository, monkeypatch, server, request.param)


def run_pytest(*arguments: str) -> None:
    """Run pytest in the folder of the change, as an earlier job does."""
    subprocess.run([sys.executable, "-m", "pytest", *arguments], capture_output=True)


on_github = pytest.mark.parametrize("job", ["GitHub"], indirect=True)

PUSHES: list[tuple[dict[str, str | None], str]] = [
    ({"test_guard.py": None}, "Remove a test"),
    (
        {"pm.yml": REGISTRY + NEW_ENTRY, "pm4.py": FIXED, "test_pm4.py": text_of("PM-4")},
        "Fix the price",
    ),
    ({"test_guard.py": GUARD}, "Bring it back"),
    ({"test_pm4.py": text_of("PM-4").replace("price(500) == 5", "price(0) == 0")}, "Tidy up"),
]

LOST = """\
#### ❌ No longer guarded: 1 incident

Put the test back, move its mark to another test, or retire the lesson: `test: exempt` with a \
reason (see `pytest-postmortem explain retire-a-lesson`).

- PM-1 Charged twice – test\\_guard.py::test\\_charged\\_once is deleted with its file
"""

WELL = (
    "✅ 2 of 2 incidents guarded (100 %), 2 linked. No lesson lost."
    " Newly linked to an active test: PM-4. 1 of 1 proven.\n"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("job", "refused"), [("GitHub", 0), ("GitHub", 403), ("GitLab", 0)], indirect=["job"]
)
def test_a_lost_lesson_a_new_one_and_a_repair_in_one_comment(
    job: Job, refused: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """After each push the one comment is right, and so is the exit status, which does not depend
    on the permission to comment.
    """
    job.api.refused = refused
    job.api.add("ada", "Looks good", "User")
    statuses, texts, outputs = [], [], []
    for files, message in PUSHES:
        capsys.readouterr()
        statuses.append(job.push(files, message))
        outputs.append(job.outputs())
        texts.append(capsys.readouterr().out if refused else job.api.bodies[-1])

    assert statuses == [1, 1, 0, 1]
    assert job.api.bodies[0] == "Looks good"
    assert len(job.api.bodies) == (1 if refused else 2)
    assert LOST in texts[0]
    assert LOST in texts[1]
    assert "| PM-4 Price of @\u200beveryone | proven | test\\_price: fails without" in texts[1]
    assert WELL in texts[2]
    assert "### ❌ 1 regression test passes without its fix\n" in texts[3]
    assert [tuple(each.values()) for each in outputs] == [
        ("0", "1", "0", "1", "0", "0"),
        ("1", "2", "50", "1", "0", "0"),
        ("2", "2", "100", "0", "0", "0"),
        ("2", "2", "100", "0", "1", "0"),
    ]


SEES_TOKEN = """\
import os

def test_token():
    assert not [name for name, value in os.environ.items() if value == "token-of-this-job-51"]
"""


@on_github
def test_no_test_sees_the_token(job: Job) -> None:
    """Code of a pull request could send it elsewhere."""
    job.push({"test_other.py": SEES_TOKEN})

    assert job.run("--prove=off") == 0


@on_github
def test_a_change_that_concerns_no_incident_has_no_comment(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary of the job has the line all the same, and the outputs the figures."""
    status = job.push({"README.txt": "new\n"})

    assert status == 0
    assert job.api.bodies == []
    assert "Comment on shop/api#12 not needed: nothing to report\n" in capsys.readouterr().out
    assert job.summary.read_text(encoding="utf-8") == (
        "\n✅ 1 of 1 incident guarded (100 %), 1 linked. No lesson lost.\n"
    )
    assert [*job.outputs().values()] == ["1", "1", "100", "0", "0", "0"]


@on_github
def test_without_a_pull_request_nothing_is_compared(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A push to the main branch runs the tests, and says so."""
    monkeypatch.delenv("GITHUB_EVENT_PATH")
    monkeypatch.delenv("GITHUB_BASE_REF")

    status = job.push({"test_guard.py": None})

    assert status == 0
    assert "Nothing to compare with: this is not a pull or merge request" in capsys.readouterr().out
    assert [*job.outputs().values()] == ["0", "1", "0", "", "", ""]
    assert job.api.server.asked == []


@on_github
@pytest.mark.parametrize(("ratchet", "expected"), [("fail", 3), ("warn", 0)])
def test_a_shallow_clone_is_not_judged(
    job: Job,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    ratchet: str,
    expected: int,
) -> None:
    """What `actions/checkout` fetches without `fetch-depth: 0` has no base."""
    job.commit({"test_guard.py": None})
    repository.git("branch", "--force", "merged", "HEAD")
    address = f"file://{repository.folder}"
    target = str(repository.temporary / "shallow")
    repository.git("clone", "--quiet", "--depth=1", "--branch=merged", address, target)
    monkeypatch.chdir(target)

    status = job.run("--ratchet", ratchet)

    assert status == expected
    (body,) = job.api.bodies
    assert "### ⚠️ not everything could be judged\n" in body
    assert (
        "- base: Couldn't read the repository: origin/main, the base of this change, is not in"
        " this clone; fetch the history of the base too (in CI fetch-depth: 0 or GIT\\_DEPTH: 0)\n"
    ) in body


@on_github
def test_every_step_runs_after_pytest_has_failed(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong option of pytest does not hide a lost lesson."""
    job.push({"test_guard.py": None})
    capsys.readouterr()

    status = job.run("--pytest-args=--no-such-option", "--prove=off", "--page=on")

    assert status == 1
    assert capsys.readouterr().out.endswith(
        "Failed: tests (exit status 4), ratchet (exit status 1)\n"
    )
    assert "- tests: pytest wrote no report (exit status 4)\n" in job.api.bodies[0]
    assert LOST in job.api.bodies[0]


@on_github
def test_reports_of_earlier_jobs_take_the_place_of_a_run(
    job: Job, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are joined, and the gate is judged on the whole."""
    job.push({"pm.yml": REGISTRY + NEW_ENTRY})
    whole = (repository.folder / "postmortem-ci" / "report.json").read_text()
    repository.write({"reports/a.json": whole, "reports/b.json": whole})

    passed = job.run("--reports=reports/*.json", "--fail-under=50")
    outputs = job.outputs()
    failed = job.run("--reports", "reports/a.json reports/b.json", "--fail-under=60")
    missing = job.run("--reports=reports/c*.json")

    assert (passed, failed, missing) == (0, 1, 2)
    assert [*outputs.values()][:3] == ["1", "2", "50"]
    assert "Couldn't read report 'reports/c*.json': no file matches it" in capsys.readouterr().err


@on_github
def test_a_project_without_a_registry_is_told_what_to_run(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing went wrong, and there is nothing to say to a reviewer."""
    nothing: dict[str, str | None] = {"pytest.ini": "[pytest]\n", "pm.yml": None}
    job.commit({**nothing, "test_guard.py": None})

    status = job.run("--prove=off", "--ratchet=off")

    assert status == 0
    assert job.api.bodies == []
    assert "no registry found; run `pytest-postmortem init`\n" in capsys.readouterr().out
    assert "✅" not in job.summary.read_text(encoding="utf-8")


@on_github
def test_a_broken_registry_is_named_once_with_its_place(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the comment and as an annotation, although each step needs it."""
    status = job.push({"pm.yml": "- {id: PM-1\n- ["})

    out = capsys.readouterr().out
    assert status == 4
    (body,) = job.api.bodies
    assert body.count("Couldn't read") == 1
    assert "- registry: Couldn't read registry 'pm.yml', line 2" in body
    assert out.count("::error file=pm.yml,line=2,title=Incident coverage::Couldn't read") == 1


@on_github
def test_a_loss_that_is_tolerated_is_a_warning(job: Job) -> None:
    """The job passes, and so its heading is not that of a failure; it names the comment."""
    job.commit({"test_guard.py": None})

    status = job.run("--ratchet=warn", "--prove=off", "--name=shop")

    assert status == 0
    assert "### ⚠️ shop: 1 lesson lost\n" in job.api.bodies[0]
    assert "#### ⚠️ No longer guarded" in job.api.bodies[0]


@on_github
def test_reports_of_a_part_of_the_suite_are_not_judged(
    job: Job, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shard that is missing would have judged the rest; no gate is needed to notice it."""
    job.commit({"pm.yml": REGISTRY + NEW_ENTRY})
    run_pytest("-q", "--postmortem-report=json:part.json", "test_guard.py")

    status = job.run("--reports=part.json", "--prove=off")

    assert status == 3
    assert "### ⚠️ 1 new incident without a test; not everything" in job.api.bodies[0]
    assert "- not judged as a whole: 1 of 2 files given\n" in job.api.bodies[0]
    assert "\nnot judged as a whole: 1 of 2 files given\n" in capsys.readouterr().out


@on_github
@pytest.mark.parametrize(("gate", "expected"), [([], 0), (["--fail-under=50"], 3)])
def test_a_run_of_a_part_judges_no_gate(job: Job, gate: list[str], expected: int) -> None:
    """What ran has passed, and whether the rest would is not known."""
    job.commit({"README.txt": "new\n"})

    status = job.run("--pytest-args=test_guard.py", "--prove=off", *gate)

    assert status == expected
    assert "### ⚠️ not everything could be judged\n" in job.summary.read_text(encoding="utf-8")


@on_github
def test_reports_with_a_failed_test_fail(job: Job, repository: Repository) -> None:
    """The jobs that wrote them may not have failed for it."""
    job.commit({"test_guard.py": GUARD.replace("pass", "assert 0")})
    run_pytest("-q", "--postmortem-report=json:all.json")

    status = job.run("--reports=all.json", "--prove=off")

    assert status == 1
    assert "### ❌ 1 incident may be back\n" in job.api.bodies[0]


@on_github
def test_a_folder_that_is_there_keeps_its_files(job: Job, repository: Repository) -> None:
    """The folder of the results may be one of the project."""
    job.commit({"README.txt": "new\n"})
    before = (repository.folder / ".gitignore").read_text()
    (repository.folder / "report.json").write_text("of an earlier run")

    status = job.run("--folder=.", "--prove=off", "--pytest-args=--no-such-option")

    assert status == 4
    assert (repository.folder / ".gitignore").read_text() == before
    assert job.summary.read_text(encoding="utf-8").count("wrote no report") == 1


@on_github
def test_a_required_comment_that_is_refused_fails(job: Job) -> None:
    """Only if that was asked for."""
    job.api.refused = 403
    job.push({"pm.yml": REGISTRY + NEW_ENTRY})

    statuses = [job.run("--prove=off", f"--comment={word}") for word in ("on", "off", "require")]

    assert statuses == [0, 0, 3]


def test_all_inputs_that_are_not_valid_are_named(
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At once, as variable or option, before anything runs."""
    monkeypatch.setenv("POSTMORTEM_CI_RATCHET", "maybe")
    monkeypatch.setenv("POSTMORTEM_CI_PYTEST_ARGS", "'open")

    status = main(["ci", "--prove=some", "--fail-under=many", "--prove-timeout=-1"])

    assert status == 2
    lines = capsys.readouterr().err.splitlines()
    assert [*zip(lines[::3], lines[1::3], strict=True)] == [
        ("Couldn't use POSTMORTEM_CI_PYTEST_ARGS: \"'open\" is not valid", "  close the quotes"),
        ("Couldn't use --fail-under: 'many' is not valid", "  write a percentage, as 80"),
        ("Couldn't use POSTMORTEM_CI_RATCHET: 'maybe' is not valid", "  write fail, warn or off"),
        ("Couldn't use --prove: 'some' is not valid", "  write new, all or off"),
        ("Couldn't use --prove-timeout: '-1' is not valid", "  write seconds, as 600"),
    ]
    assert not (repository.folder / "postmortem-ci").exists()


OLD_ENTRY = "- {id: PM-4, title: Wrong price}\n"
HOLLOW = text_of("PM-4").replace("price(500) == 5", "price(0) == 0")


@pytest.mark.slow
@on_github
def test_a_test_of_an_older_incident_is_not_called_hollow_without_its_fix(
    job: Job, repository: Repository
) -> None:
    """The change that marks it may have another reason; which fix it was is to be named."""
    job.commit({"pm.yml": REGISTRY + OLD_ENTRY})
    repository.git("update-ref", "refs/remotes/origin/main", "change")

    status = job.push({"pm4.py": FIXED, "test_pm4.py": HOLLOW})

    assert status == 0
    assert "### ⚠️ 1 incident not proven\n" in job.api.bodies[-1]
    assert "no fix is named, and its tests pass without this change" in job.api.bodies[-1]


@pytest.mark.slow
@on_github
def test_a_named_fix_and_a_changed_test_are_proven_and_nothing_else(
    job: Job, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the change does not touch costs no time."""
    marked: dict[str, str | None] = {
        "pm4.py": FIXED,
        "test_pm4.py": text_of("PM-4"),
        "pm.yml": REGISTRY + OLD_ENTRY,
    }
    job.commit(marked, "Fix the price\n\nPostmortem: PM-4")
    repository.git("update-ref", "refs/remotes/origin/main", "change")

    job.push({"README.txt": "new\n"})
    untouched = job.outputs()
    job.push({"test_pm4.py": HOLLOW})
    hollow = job.outputs()

    assert (untouched["hollow"], untouched["unproven"]) == ("0", "0")
    assert (hollow["hollow"], hollow["unproven"]) == ("1", "0")
