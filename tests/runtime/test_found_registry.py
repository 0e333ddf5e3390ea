"""A registry that nobody configured: found, loaded when it is wanted, and never fatal."""

from __future__ import annotations

import pytest

from conftest import RunPytest, gapless_report, with_a_worker_too

MARKED = "import pytest\n@pytest.mark.postmortem('{}')\ndef test_it(): pass\n"
PLAIN = "def test_it(): pass\n"
BROKEN = "- title: No id\n- id: PM-1\n- id: pm-1\n"


def write(pytester: pytest.Pytester, place: str, text: str) -> None:
    """Write a file, and the folders above it."""
    path = pytester.path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("place", "text", "name"),
    [
        ("postmortems.yml", "- id: PM-1\n- id: PM-2\n", "postmortems.yml"),
        ("postmortems/PM-1-charged-twice.md", "# Charged twice\n", "postmortems"),
        ("docs/postmortems/PM-1-charged-twice.md", "# Charged twice\n", "docs/postmortems"),
        ("docs/incidents/PM-1-charged-twice.md", "# Charged twice\n", "docs/incidents"),
    ],
)
def test_a_registry_in_a_usual_place_needs_no_setting(
    pytester: pytest.Pytester, place: str, text: str, name: str
) -> None:
    """It is named in the header, and checks the ids of marked tests."""
    write(pytester, place, text)
    pytester.makepyfile(test_it=MARKED.format("PM-1"))

    result = pytester.runpytest("-v")

    assert [line for line in result.outlines if line.startswith("postmortem:")] == [
        f"postmortem: {name} (found, not configured)"
    ]
    assert "1 incident is guarded:" in gapless_report(result)
    assert result.ret == 0


@with_a_worker_too
@pytest.mark.parametrize("text", ["- id: PM-1\n", BROKEN], ids=["sound", "broken"])
def test_a_found_registry_is_not_read_where_nothing_is_marked(
    pytester: pytest.Pytester, run: RunPytest, text: str
) -> None:
    """One line hints at it, and a broken one stays unread."""
    write(pytester, "postmortems.yml", text)
    pytester.makepyfile(test_it=PLAIN)

    result = run()

    assert result.ret == 0
    assert gapless_report(result) == []
    assert [line for line in result.outlines if "post-mortem" in line] == [
        "postmortems.yml holds post-mortems, and no test is linked to one:"
        ' mark it with @pytest.mark.postmortem("ID")'
    ]


@pytest.mark.smoke
def test_a_broken_registry_that_was_found_only_warns(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Nobody asked for it, so no run may fail of it; all that is wrong is said."""
    write(pytester, "postmortems.yml", BROKEN)
    pytester.makepyfile(test_it=MARKED.format("PM-1"))

    result = run("-W", "error")

    assert result.ret == 0
    assert gapless_report(result) == [
        "2 warnings:",
        "  postmortems.yml:1: the first entry has no 'id'; every post-mortem needs an 'id'",
        "  postmortems.yml:3: the id 'pm-1' at postmortems.yml:3 is also that of the entry at"
        " postmortems.yml:2; give each post-mortem an id of its own; upper and lower case are"
        " the same",
        "1 of 1 linked incident guarded; the registry that was found can't be read,"
        " so no gap is claimed",
    ]


def test_a_broken_registry_that_is_configured_ends_the_run(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """It is wrong use, said at once with everything that is wrong, and no test runs."""
    write(pytester, "postmortems.yml", BROKEN)
    pytester.makepyfile(test_it=MARKED.format("PM-1"))

    result = run("--postmortem-registry=postmortems.yml")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "test_it.py" not in result.stdout.str()
    assert [line for line in result.errlines if line] == [
        "ERROR: Couldn't read registry 'postmortems.yml', line 1: the first entry has no 'id'",
        "  every post-mortem needs an 'id'",
        "  see `pytest-postmortem explain registry-field`",
        "Couldn't read registry 'postmortems.yml', line 3: the id 'pm-1' at postmortems.yml:3 is"
        " also that of the entry at postmortems.yml:2",
        "  give each post-mortem an id of its own; upper and lower case are the same",
        "  see `pytest-postmortem explain registry-duplicate`",
    ]


@with_a_worker_too
def test_an_unknown_id_is_an_error_of_a_found_registry_too(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """A registry that could be read is as good as a configured one."""
    write(pytester, "postmortems.yml", "- id: PM-1\n")
    pytester.makepyfile(test_it=MARKED.format("PM-404"))

    result = run()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert gapless_report(result) == [
        "1 error in links or registry:",
        "  test_it.py:2: unknown post-mortem 'PM-404';"
        " correct the id, or add the post-mortem to the registry",
        "0 of 1 incident guarded (0 %), 0 linked; 1 has no regression test",
    ]


@with_a_worker_too
def test_a_bad_mark_alone_is_reason_enough_to_load_it(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The report is the same alone and with workers, which send no link."""
    write(pytester, "postmortems.yml", "- id: PM-1\n")
    pytester.makepyfile(test_it="import pytest\n@pytest.mark.postmortem\ndef test_it(): pass\n")

    result = run()

    assert gapless_report(result) == [
        "1 error in links or registry:",
        "  test_it.py:2: @pytest.mark.postmortem names no post-mortem;"
        ' write @pytest.mark.postmortem("PM-123")',
        "0 of 1 incident guarded (0 %), 0 linked; 1 has no regression test",
    ]


def test_other_marks_without_an_id_are_no_reason_to_load_it(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """A bare mark of another name says nothing about incidents."""
    pytester.makeini("[pytest]\npostmortem_markers = issue\nmarkers = issue")
    write(pytester, "postmortems.yml", BROKEN)
    pytester.makepyfile(test_it="import pytest\n@pytest.mark.issue\ndef test_it(): pass\n")

    result = run()

    assert result.ret == 0
    assert gapless_report(result) == []


@with_a_worker_too
def test_a_registry_that_is_loaded_late_claims_no_gap_for_tests_that_it_declares(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The first mark came while a test ran, when nobody could look for declared tests."""
    write(
        pytester,
        "postmortems.yml",
        "- id: PM-1\n  tests: [test_it.py::test_declared]\n- id: PM-2\n",
    )
    pytester.makepyfile(
        test_it="""
        import pytest
        def test_declared(): pass
        def test_late(request): request.node.add_marker(pytest.mark.postmortem("PM-2"))
        """
    )

    result = run()

    assert result.ret == 0
    assert gapless_report(result) == [
        "1 of 1 incident seen here guarded; 1 not judged:"
        " the registry was loaded after the collection (postmortem_registry prevents it)"
    ]
