"""A line of the fix is reached when a statement with an effect ran, not when its condition did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prove_repository import Repository
from pytest_postmortem.prove.child import import_hook, instrument
from pytest_postmortem.prove.fix_lines import find_effective_ranges

OLD = "def f(x):\n    return x + 1\n"

GUARDS = {
    "body": "import sys\ndef f(x):\n    if sys.version_info >= (3, 99):\n        x = int(x)\n"
    "    return x + 1\n",
    "early": "import sys\ndef f(x):\n    if sys.platform == 'os9':\n        return 2\n"
    "    return x + 1\n",
    "else": "import os\ndef f(x):\n    if os.name == 'x':\n        y = 3\n    else:\n"
    "        return x + 1\n    return y\n",
    "handler": "def f(x):\n    try:\n        return x + 1\n    except TypeError:\n"
    "        return 0\n",
    "constant": "LATEST = (3, 99)\nimport sys\ndef f(x):\n    while sys.version_info > LATEST:\n"
    "        x = int(x)\n    return x + 1\n",
    "module": "import sys\ndef f(x):\n    return x + 1\nif sys.platform == 'os9':\n"
    "    def f(x):\n        return 7\n",
}

REACHED = {
    "value": "def f(x):\n    return 1 + x\n",
    "true": "def f(x):\n    if x:\n        x = int(x)\n    return x + 1\n",
    "locked": "import threading\nL = threading.Lock()\ndef f(x):\n    with L:\n"
    "        return x + 1\n",
    "import alone": "import os\ndef f(x):\n    return x + 1\n",
}


def reached(old: str, new: str) -> bool:
    """Return whether calling the function runs lines of the fix, with it or without it."""
    places: list[str] = []
    sides = find_effective_ranges({"m.py": (old, new)})["m.py"]
    for text, marks in zip((old, new), sides, strict=True):
        code = compile(instrument.instrument_code(text, marks, []), "m.py", "exec")
        space: dict[str, Any] = {instrument.REACHED: places.append}
        exec(code, space)
        space["f"](1)
    return bool(places)


@pytest.mark.parametrize("new", GUARDS.values(), ids=GUARDS)
def test_an_evaluated_condition_is_not_the_fix(new: str) -> None:
    """Nor are imports and constants that only the guarded code uses."""
    assert not reached(OLD, new)


@pytest.mark.parametrize("new", REACHED.values(), ids=REACHED)
def test_what_has_an_effect_is_reached(new: str) -> None:
    """The body of a condition, a lock around old lines, or the only thing that differs."""
    assert reached(OLD, new)


def test_a_shaken_condition_is_a_place_to_wait() -> None:
    """Other threads run between a check and what it guards."""
    places: list[str] = []
    text = "def f(x):\n    if x:\n        pass\n"
    tree = instrument.instrument_code(text, [[2, 2]], [], conditions=True)
    space: dict[str, Any] = {instrument.REACHED: places.append}
    exec(compile(tree, "m.py", "exec"), space)

    space["f"](0)

    assert places == ["2"]
    assert import_hook.IN_SHADOW is False


@pytest.mark.slow
@pytest.mark.parametrize("guard", ["body", "constant"])
def test_a_guard_for_another_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], guard: str
) -> None:
    """The fix was not tried here."""
    repository = Repository(tmp_path / "repo", monkeypatch)
    repository.commit({"m.py": OLD, "pytest.ini": "[pytest]\npythonpath = .\n"})
    test = "from m import f\nclass TestF:\n    def test_f(self):\n        assert f(1) == 2\n"
    fix = repository.commit({"m.py": GUARDS[guard], "tests/test_m.py": test})

    with repository.untouched():
        status, said = repository.prove(capsys, "--fix", fix)

    assert status == 0
    assert said.startswith(f"{fix[:9]}  not reached  test_f passes without {fix[:9]},")
