"""The whole fix is reverted or nothing: data anywhere, files named like tests, shared files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from prove_repository import Repository

INI = "[pytest]\npythonpath = . src\n"

Prove = Callable[..., Mapping[str, Any]]


@pytest.fixture
def prove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Prove:
    """Return a function that proves a fix, which changes files from one state to another."""
    repository = Repository(tmp_path / "repo", monkeypatch)
    target = tmp_path / "proofs.json"

    def run(
        before: Mapping[str, str], after: Mapping[str, str], test: str = "", **ignored: str
    ) -> Mapping[str, Any]:
        repository.commit({"pytest.ini": INI, ".gitignore": "_gen.py\nproofs.json\n", **before})
        fix = repository.commit(after)
        repository.write({f"{name.replace('__', '/')}.py": text for name, text in ignored.items()})
        with repository.untouched():
            repository.prove(capsys, f"--report=json:{target}", "--fix", fix, *filter(None, [test]))
        (proof,) = json.loads(target.read_text())["proofs"]
        return {**proof, "message": proof["message"].replace(fix[:9], "FIX")}

    return run


READS = "import json, pathlib\nHERE = pathlib.Path(__file__).parent\n"

DATA: Mapping[str, tuple[str, Mapping[str, str], Mapping[str, str], str]] = {
    "template": (
        "proven",
        {"app.py": READS + "def page(n):\n    t = (HERE / 'templates/p.html').read_text()\n"
         "    return t.format(n=n, e=n.replace('<', '&lt;'))\n", "templates/p.html": "<p>{n}</p>"},
        {"templates/p.html": "<p>{e}</p>"},
        "from app import page\nclass TestPage:\n    def test_page(self):\n"
        "        assert '<b' not in page('<b>')\n",
    ),
    "sql": (
        "proven",
        {"src/shop/__init__.py": "", "src/shop/sql/all.sql": "select 1 as n",
         "src/shop/db.py": "import importlib.resources, sqlite3\ndef count():\n"
         "    text = (importlib.resources.files('shop') / 'sql/all.sql').read_text()\n"
         "    return sqlite3.connect(':memory:').execute(text).fetchone()[0]\n"},
        {"src/shop/sql/all.sql": "select 2 as n"},
        "from shop.db import count\ndef test_count():\n    assert count() == 2\n",
    ),
    "ini": (
        "proven",
        {"app.py": READS + "import configparser\ndef wait():\n    c = configparser.ConfigParser()\n"
         "    c.read(HERE / 'app.ini')\n    return c['a'].getint('wait')\n",
         "app.ini": "[a]\nwait = 0\n"},
        {"app.ini": "[a]\nwait = 5\n"},
        "import pytest\nfrom app import wait\n@pytest.mark.parametrize('n', [5])\n"
        "def test_wait(n):\n    assert wait() == n\n",
    ),
    "both halves": (
        "not-proven",
        {"app.py": READS + "def wait(n):\n    c = json.loads((HERE / 'a.json').read_text())\n"
         "    return c['t'] * n\n", "a.json": '{"t": 5}'},
        {"app.py": READS + "def wait(n):\n    c = json.loads((HERE / 'a.json').read_text())\n"
         "    return min(c['s'] * n, 60)\n", "a.json": '{"s": 5}'},
        "from app import wait\ndef test_wait():\n    assert wait(2) == 10\n",
    ),
    "read by a script": (
        "proven",
        {"scripts/run.py": "N = 0\nprint(N)\n"},
        {"scripts/run.py": "N = 9\nprint(N)\n"},
        "import subprocess, sys\ndef test_run():\n"
        "    run = subprocess.run([sys.executable, 'scripts/run.py'], capture_output=True)\n"
        "    assert run.stdout.strip() == b'9'\n",
    ),
    "run by runpy": (
        "proven",
        {"tool/__init__.py": "", "tool/main.py": "N = 0\n"},
        {"tool/main.py": "N = 9\n"},
        "import runpy\nfrom tool import main\ndef test_run():\n"
        "    assert runpy.run_path(main.__file__)['N'] == 9\n",
    ),
    "read as text": (
        "proven",
        {"tool/__init__.py": "V = '1'\n"},
        {"tool/__init__.py": "V = '2'\n"},
        "import tool\ndef test_text():\n    with open(tool.__file__) as file:\n"
        "        assert \"'2'\" in file.read()\n",
    ),
    "a test client": (
        "proven",
        {"pkg/__init__.py": "", "pkg/test_client.py": "def f(x):\n    return x\n"},
        {"pkg/test_client.py": "def f(x):\n    return x * 2\n"},
        "from pkg.test_client import f\ndef test_f():\n    assert f(2) == 4\n",
    ),
    "a fake in the package": (
        "proven",
        {"pkg/__init__.py": "", "pkg/testing/__init__.py": "",
         "pkg/testing/fake.py": "class Fake:\n    def pay(self):\n        return 1\n"},
        {"pkg/testing/fake.py": "class Fake:\n    def pay(self):\n        return 2\n"},
        "from pkg.testing.fake import Fake\ndef test_fake():\n    assert Fake().pay() == 2\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == "template" else pytest.mark.slow) for name in DATA],
)
def test_every_part_of_a_fix_is_reverted(prove: Prove, name: str) -> None:
    """In the checkout, or in a copy of it where a part is not imported."""
    verdict, before, after, test = DATA[name]
    old = {**before, "tests/test_it.py": "def test_old():\n    pass\n"}
    new = {**after, "tests/test_it.py": test}

    proof = prove(old, new)

    assert (proof["verdict"], proof["left"]) == (verdict, [])
    assert proof["taken"] == sorted(after)


@pytest.mark.slow
def test_data_that_nothing_was_seen_to_read(prove: Prove) -> None:
    """A module that was generated from it stays as it is."""
    gen = "MAX = 9\n"
    before = {"p/__init__.py": "", "p/grammar.txt": "max=0\n"}
    after = {
        "p/grammar.txt": "max=9\n",
        "tests/test_p.py": "from p import _gen\n\ndef test_max():\n    assert _gen.MAX == 9\n",
    }

    proof = prove(before, after, p___gen=gen)

    why = "passes without the fix, but was not seen to read grammar.txt"
    assert (proof["verdict"], proof["message"]) == ("inconclusive", why)


FIXTURE = "import pytest\n@pytest.fixture\ndef limit(): return {0}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("conftest", "module", "test", "verdict", "left"),
    [
        (9, "x + 0", "assert m.f(limit) == 9", "proven", []),
        (9, "x + 1", "assert m.f(limit) == 9", "proven", ["conftest.py"]),
        (1, "x + 0", "assert m.f(2) == 2", "not-proven", ["conftest.py"]),
        ("{'n': 9}", "x['m']", "assert m.f(limit) == 9", "inconclusive", ["conftest.py"]),
    ],
    ids=["conftest alone", "source alone", "neither", "halves"],
)
def test_shared_files_are_tried_both_ways(
    prove: Prove, conftest: object, module: str, test: str, verdict: str, left: list[str]
) -> None:
    """A conftest may be test or source; halves that do not fit together prove nothing."""
    old = FIXTURE.format("{'m': 9}" if verdict == "inconclusive" else 0)
    new = "x['n']" if verdict == "inconclusive" else "x"
    before = {"conftest.py": old, "m.py": f"def f(x):\n    return {module}\n"}
    after = {
        "conftest.py": FIXTURE.format(conftest),
        "m.py": f"def f(x):\n    return {new}\n",
        "tests/test_m.py": f"import m\nclass TestM:\n    def test_it(self, limit): {test}\n",
    }

    proof = prove(before, after)

    assert (proof["verdict"], proof["left"]) == (verdict, left)
    assert ("conftest.py" in proof["message"]) == (verdict != "not-proven")
