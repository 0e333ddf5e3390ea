"""The first line of a verdict has the cause: a missing plugin or module, never a rootdir."""

from __future__ import annotations

import pytest

from pytest_postmortem.prove.verdict import find_cause_in_output

USAGE = """\
ERROR: usage: run_pytest.py [options] [file_or_dir]
run_pytest.py: error: unrecognized arguments: --cov=shop
  inifile: /shop/pytest.ini
  rootdir: /shop
"""


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        (USAGE, "pytest does not know --cov=shop: a plugin is missing in this environment"),
        (
            "Traceback (most recent call last):\n  File 'x', line 1\n"
            "ModuleNotFoundError: No module named 'django'\n",
            "no module named django in this environment",
        ),
        ("ERROR: file or directory not found: /x\n\nno tests ran", "ERROR: file or directory"
         " not found: /x"),
        ("ERROR: Missing required plugins: pytest-django\n",
         "the plugin pytest-django is missing in this environment"),
        ("rootdir: /shop\nno tests ran in 0.01s\n", "no tests ran in 0.01s"),
        ("rootdir: /shop\n", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_the_line_that_says_why(output: str, cause: str) -> None:
    """Lines about the configuration come after it."""
    assert find_cause_in_output(output) == cause
