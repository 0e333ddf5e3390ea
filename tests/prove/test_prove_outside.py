"""What is outside of the runs of `prove`: what incidents share, and what a user's options write."""

from __future__ import annotations

import pytest

from prove_repository import FIXED, TEST, Repository, module_of, table, text_of

pytestmark = pytest.mark.slow

ALONE = """\
import os, time
import pytest
from {module} import price

@pytest.mark.postmortem("{id}")
def test_price():
    os.mkdir("port")
    try:
        time.sleep(0.5)
        assert price(0) == 0
    finally:
        os.rmdir("port")
"""


def test_tests_of_two_incidents_do_not_run_at_once(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """They may share a port, a database or a file, as they do in a run of pytest."""
    for id in ("PM-1", "PM-2"):
        module = module_of(id)
        after = {f"{module}.py": FIXED, f"test_{module}.py": text_of(id, ALONE)}
        repository.fixed(id, after=after)
    repository.register()

    said = repository.prove(capsys)

    rows = {
        id: (
            "not proven",
            f"test_price passes without <{id}>, though it runs its lines",
            "the test would not notice if the problem came back",
        )
        for id in ("PM-1", "PM-2")
    }
    assert said == (1, table(rows, "0 of 2 proven, 2 not proven"))


WRITES = """\
[pytest]
addopts = --junitxml=report.xml --log-file=run.log
log_file = other.log
log_file_level = INFO
"""

LOGS = TEST.replace(
    "    assert", "    import logging; logging.getLogger().warning('price')\n    assert"
)


@pytest.mark.parametrize("test", [LOGS, LOGS.replace("== 5", "== 4")], ids=["proven", "red"])
def test_what_a_run_reports_is_not_written_where_the_user_has_it(
    repository: Repository, capsys: pytest.CaptureFixture[str], test: str
) -> None:
    """A report of the last real run stays what it was, also where tests run as the user would."""
    repository.write({"pytest.ini": WRITES, "report.xml": "mine", "run.log": "", "other.log": ""})
    repository.fixed(after={"pm1.py": FIXED, "test_pm1.py": text_of("PM-1", test)})
    repository.register()

    with repository.untouched():
        status, _ = repository.prove(capsys)

    assert status == (0 if test == LOGS else 1)
