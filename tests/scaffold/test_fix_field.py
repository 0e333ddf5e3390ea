"""``fix:`` in the files of incidents: one line more, and nothing else changes."""

from __future__ import annotations

import pytest

from pytest_postmortem.scaffold.fix_field import add_fix_field

FIX = "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d"


@pytest.mark.parametrize(
    ("shown", "line", "text", "expected"),
    [
        ("pm/a.md", 1, "---\ntitle: A\n---\n# A\n", f"---\ntitle: A\nfix: {FIX}\n---\n# A\n"),
        ("pm/a.md", 1, "---\r\ntitle: A\r\n---\r\n", f"---\r\ntitle: A\r\nfix: {FIX}\r\n---\r\n"),
        (
            "pm/a.md",
            1,
            '+++\ntitle = "A"\n[extra]\nb = 1\n+++\n# A\n',
            f'+++\nfix = "{FIX}"\ntitle = "A"\n[extra]\nb = 1\n+++\n# A\n',
        ),
        ("pm/a.yml", 1, "id: A\ntext: |\n  x\n", f"id: A\nfix: {FIX}\ntext: |\n  x\n"),
        (
            "pm.yml",
            4,
            "postmortems:\n- id: A\n  title: a\n- id: B\n  title: b\n",
            f"postmortems:\n- id: A\n  title: a\n- id: B\n  fix: {FIX}\n  title: b\n",
        ),
        (
            "pm.yml",
            2,
            "A:\n  title: a\nB:\n  title: b\n",
            f"A:\n  title: a\n  fix: {FIX}\nB:\n  title: b\n",
        ),
        ("pm.yml", 1, "text: a\n  b\nid: A\n", f"text: a\n  b\nid: A\nfix: {FIX}\n"),
        ("pm.yml", 1, 'text: "a\n  b"\nid: A\n', f'text: "a\n  b"\nid: A\nfix: {FIX}\n'),
        ("pm.toml", 1, '[[postmortems]]\nid = "A"\ntitle = "a"\n', None),
        ("pm/a.md", 1, "---\n---\n# A\n", None),
        ("pm/a.md", 1, '+++\nfix = "abc"\n+++\n# A\n', None),
        ("pm/a.html", 1, "<h1>A</h1>\n<p>Severity: SEV1</p>\n", None),
        ("pm.yml", 1, "- {id: A, title: a}\n", None),
        ("pm.json", 1, '[{"id": "A"}]', None),
        ("pm/a.md", 1, "# A\n", None),
        ("pm/a.md", 1, "---\ntitle: A\nfix: abc\n---\n", None),
        ("pm.yml", 1, "a: [\n", None),
        ("pm/a.md", 1, "---\ntitle: A\r\n---\n", None),
    ],
)
def test_the_field_is_written_where_it_is_safe(
    shown: str, line: int, text: str, expected: str | None
) -> None:
    """A result that is not the same plus one key is never written."""
    new = add_fix_field(text.encode(), shown, line, [FIX])

    assert (new and new.decode()) == expected


def test_several_commits_are_a_list() -> None:
    """A fix may have several commits."""
    new = add_fix_field(b"---\ntitle: A\n---\n", "a.md", 1, ["abc1234", "def5678"])

    assert new == b"---\ntitle: A\nfix: [abc1234, def5678]\n---\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "# A\n\n**Date:** 2026-03-02\n**Severity:** SEV1\n\n## Cause\n",
            "# A\n\n**Date:** 2026-03-02\n**Severity:** SEV1\n**Fix commit:** FIX\n\n## Cause\n",
        ),
        (
            "# A\n\n**Date**: 2026-03-02  \n**Severity**: SEV1\n",
            "# A\n\n**Date**: 2026-03-02  \n**Fix commit**: FIX  \n**Severity**: SEV1\n",
        ),
        (
            "# A\n\n**Date:** 2026-03-02\n\n**Severity:** SEV1\n\nText.\n",
            "# A\n\n**Date:** 2026-03-02\n\n**Severity:** SEV1\n\n**Fix commit:** FIX\n\nText.\n",
        ),
        (
            "# A\r\n\r\n- Date: 2026-03-02\r\n- Owner: payments\r\n",
            "# A\r\n\r\n- Date: 2026-03-02\r\n- Owner: payments\r\n- Fix commit: FIX\r\n",
        ),
        (
            "# A\n\n| Severity | SEV1 |\n|---|---|\n| Owner | payments |\n\nText.\n",
            "# A\n\n| Severity | SEV1 |\n|---|---|\n| Owner | payments |\n| Fix commit | FIX |\n"
            "\nText.\n",
        ),
        ("# A\n\n| Date | Severity |\n|---|---|\n| 2026-03-02 | SEV1 |\n\nText.\n", None),
        ("# A\n\n## Severity\n\nSEV1\n", None),
        ("# A\n\n## Timeline\n\nx\n\n## Actions\n\n- Owner: payments\n", None),
        ("# A\n\nDate: 2026-03-02\nFix commit: 1a2b3c4d5e6f\n", None),
    ],
)
def test_a_document_with_labels_at_its_head_gets_one_more(text: str, expected: str | None) -> None:
    """It is written as the others are, and read back; else the document stays as it is."""
    new = add_fix_field(text.encode(), "pm/a.md", None, [FIX])

    assert (new and new.decode()) == (expected and expected.replace("FIX", FIX))
    assert new is None or add_fix_field(new, "pm/a.md", None, [FIX]) is None


def test_a_document_without_a_head_gets_front_matter_where_others_have_it() -> None:
    """What the text states stays, and a second run changes nothing."""
    new = add_fix_field(b"# A\n\nText.\n", "pm/a.md", None, [FIX], new_front_matter=True)

    assert new == f"---\nfix: {FIX}\n---\n\n# A\n\nText.\n".encode()
    assert add_fix_field(new, "pm/a.md", None, [FIX], new_front_matter=True) is None


@pytest.mark.parametrize("shown", ["pm/a.html", "pm/a.adoc"])
def test_a_document_in_another_markup_stays_as_it_is(shown: str) -> None:
    """A label would be written in the wrong markup."""
    text = b"Date: 2026-03-02\nSeverity: SEV1\n"

    assert add_fix_field(text, shown, None, [FIX], new_front_matter=True) is None
