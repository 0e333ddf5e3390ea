"""A fix that comes with its post-mortem: the registry is no code that a test could read."""

from __future__ import annotations

import pytest

from prove_repository import FIXED, OLD, Repository, text_of

HOLLOW = text_of("PM-1").replace("price(500) == 5", "price(0) == 0")


@pytest.mark.slow
@pytest.mark.parametrize("place", ["postmortems.yml", "postmortems/PM-1.yml"])
def test_a_post_mortem_in_the_commit_of_its_fix_hides_no_hollow_test(
    repository: Repository, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    """A test that passes without the fix is called so, though it reads no registry."""
    entry = "id: PM-1\ntitle: Wrong price\n"
    text = entry if "/" in place else f"- {entry.replace('title', '  title')}"
    repository.commit({"pm1.py": OLD})
    files = {"pm1.py": FIXED, "test_pm1.py": HOLLOW, place: text}
    commit = repository.commit(files, "Fix the price\n\nPostmortem: PM-1")
    repository.fixes["PM-1"] = commit

    status, said = repository.prove(capsys)

    assert status == 1
    assert said.startswith(
        "PM-1  not proven  test_price passes without <PM-1>, though it runs its lines\n"
    )
