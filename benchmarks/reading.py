"""What `pytest-postmortem list` costs where no test runs, as a ratio to parsing the same files.

Instructions are counted by valgrind; a tenth of the files is taken off, so that the start
does not count. ``literal`` marks every test, ``in texts`` names the marker in strings alone, as
tests of pytest plugins do.

    python benchmarks/reading.py [--files 100]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from callgrind import count_instructions

TEST = """\
{mark}
def test_{n}(tmp_path):
    code = {code!r}
    found = [each.strip() for each in code.splitlines() if each]
    assert len(found) < 10, (tmp_path, {n})


"""
MARK = '@pytest.mark.postmortem("PM-1")'
FORMS = {"literal": (MARK, ""), "in texts": ("", f"{MARK}\ndef test_inner(): pass\n")}
PARSE = "import ast, pathlib, gc; gc.disable(); [*map(ast.parse, map(pathlib.Path.read_text, " + (
    "pathlib.Path().glob('test_*.py')))]"
)


def cost(folder: Path, files: int, form: str, arguments: Sequence[str]) -> int:
    """Count the instructions for so many files, but for a tenth of them."""
    mark, code = FORMS[form]
    text = "import pytest\n\n" + "".join(TEST.format(n=n, mark=mark, code=code) for n in range(10))
    counts = []
    for wanted in (files // 10, files):
        for n in range(wanted):
            (folder / f"test_{n}.py").write_text(text)
        counts.append(count_instructions([sys.executable, *arguments], folder))
    for file in folder.glob("test_*.py"):
        file.unlink()
    return counts[1] - counts[0]


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=100, help="files of ten tests each")
    files = parser.parse_args().files
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "postmortems.yml").write_text("- {id: PM-1, title: Login}\n")
        (folder / "pytest.ini").write_text("[pytest]\npostmortem_registry = postmortems.yml\n")
        for form in FORMS:
            read = cost(folder, files, form, ["-m", "pytest_postmortem", "list"])
            parsed = cost(folder, files, form, ["-c", PARSE])
            print(f"{form}: {read / parsed:.2f} times parsing")


if __name__ == "__main__":
    main()
