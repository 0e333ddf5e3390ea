"""The plugin starts at the first mark, wherever it is found, and loads what it finds then."""

from __future__ import annotations

import pytest

from conftest import report_of

pytest.importorskip("xdist")

SUITE = """
import os
import pytest

@pytest.fixture
def broken():
    raise OSError("no database")

@pytest.mark.postmortem("PM-1")
@pytest.mark.xdist_group("g")
def test_passes(): pass

@pytest.mark.postmortem("PM-2")
@pytest.mark.xdist_group("g")
def test_fails(): assert 0

@pytest.mark.postmortem("PM-3", "PM-33", "")
@pytest.mark.skip(reason="no server")
def test_skips(): pass

def test_marks_itself(request):
    request.node.add_marker(pytest.mark.postmortem("PM-4"))

@pytest.mark.postmortem("PM-5")
def test_breaks(broken): pass

@pytest.mark.parametrize("n", [1, 2])
def test_is_declared(n): pass
"""
REPORT = [
    "A test of 1 incident fails; the problem may be back:",
    "  PM-2",
    "        test_it.py::test_fails",
    "A test of 1 incident broke in its setup or teardown; nothing can be said:",
    "  PM-5",
    "        test_it.py::test_breaks",
    "2 incidents could return unnoticed:",
    "  PM-3    skipped: no server",
    "  PM-7    no test",
    "3 incidents are guarded:",
    "  PM-1    1 test",
    "  PM-4    1 test",
    "  PM-6    2 tests",
    "2 errors in links or registry:",
    "  test_it.py:16: @pytest.mark.postmortem('') names an empty id;"
    ' write @pytest.mark.postmortem("PM-123")',
    "  test_it.py:16: unknown post-mortem 'PM-33'; did you mean 'PM-3'?",
    "3 of 7 incidents guarded (42.8 %), 6 linked; 1 has no regression test",
]


@pytest.fixture(autouse=True)
def registry(pytester: pytest.Pytester) -> None:
    """Write a registry of seven incidents, one of which names its test."""
    entries = "".join(f"- id: PM-{n}\n" for n in range(1, 8))
    entries = entries.replace("PM-6\n", "PM-6\n  tests: test_it.py::test_is_declared\n")
    pytester.makefile(".yml", pm=entries)
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\n")


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "n2"])
def test_a_mark_is_found_where_nothing_is_configured(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    """The plugin wakes at the first mark, in this process or in a worker."""
    pytester.makeini("[pytest]\n")
    pytester.makepyfile(test_it=SUITE.replace("test_marks_itself(request)", "no_test(request)"))

    result = pytester.runpytest_subprocess(*workers, "--postmortem-report=term-missing")

    assert (
        report_of(result)[-1]
        == "1 of 5 linked incidents guarded; no registry, so no gap is claimed"
    )


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "n2"])
def test_a_registry_that_was_found_serves_workers_too(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    """Its declared tests are links like any other, once any test is marked."""
    pytester.makeini("[pytest]\n")
    (pytester.path / "pm.yml").rename(pytester.path / "postmortems.yml")
    pytester.makepyfile(test_it=SUITE)

    result = pytester.runpytest_subprocess(*workers, "--postmortem-report=term-missing")

    assert report_of(result) == REPORT


def test_pytest_rewrites_no_module_that_is_imported_in_use(pytester: pytest.Pytester) -> None:
    """Rewriting ignores the bytecode of the installation, at each run where none can be kept."""
    pytester.makeconftest("import pytest; pytest.register_assert_rewrite('pytest_postmortem')")
    pytester.makepyfile(
        """
        import sys

        def test_it():
            packages = ("pytest_postmortem.registry", "pytest_postmortem.runtime")
            ours = [name for name in sys.modules if name.startswith(packages)]
            loaders = {type(sys.modules[name].__spec__.loader).__module__ for name in ours}
            assert "pytest_postmortem.registry.loader" in ours
            assert not any(name.startswith("_pytest") for name in loaders)
        """
    )

    result = pytester.runpytest_subprocess("-W", "ignore::pytest.PytestAssertRewriteWarning")

    result.assert_outcomes(passed=1)


def test_nothing_is_left_in_the_import_system_after_a_run(pytester: pytest.Pytester) -> None:
    """What finds the modules of the plugin would keep the run with all of its tests alive."""
    pytester.makepyfile('import pytest\n@pytest.mark.postmortem("PM-1")\ndef test_it(): pass')

    result = pytester.runpython_c(
        "import sys, pytest\n"
        "before = list(sys.meta_path)\n"
        "pytest.main(['-q'])\n"
        "assert 'pytest_postmortem.runtime.session' in sys.modules\n"
        "print('UNCHANGED', sys.meta_path == before)"
    )

    result.stdout.fnmatch_lines("UNCHANGED True")
