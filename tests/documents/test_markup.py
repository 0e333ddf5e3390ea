"""AsciiDoc and HTML become Markdown whose lines know the lines that they came from."""

from __future__ import annotations

import pytest

from pytest_postmortem.documents.markup import MarkupKind, convert_to_markdown


def convert(text: str, kind: MarkupKind = "asciidoc") -> list[str]:
    """Return the lines that have text."""
    return [line for line in convert_to_markdown(text, kind).lines if line]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("= A\n\n== B *c*\n", ["# A", "## B **c**"]),
        ("A long title\n============\n\nPart\n----\nx\n", ["# A long title", "## Part", "x"]),
        (
            "*Severity*:: SEV1\nOwner::\n  Storage\n",
            ["- **Severity:** SEV1", "- **Owner:** Storage"],
        ),
        ("*Severity:* SEV1\n", ["**Severity:** SEV1"]),
        (":sev: SEV1\n\nIt is {sev}, not {other}.\n", ["It is SEV1, not {other}."]),
        ("* a\n** b\n. c\n* [x] d\n* [ ] e\n", ["- a", "   - b", "1. c", "- [x] d", "- [ ] e"]),
        ("https://a.b/c[C] link:d.adoc[D] <<e,E>>\n", ["[C](https://a.b/c) [D](d.adoc) E"]),
        ("// postmortem: ignore=x\n////\nhidden\n////\n", ["<!-- postmortem: ignore=x -->"]),
        ("[source]\n----\n== no\n----\n", ["```", "== no", "```"]),
        ("____\nquoted\n____\n", ["> quoted"]),
        ("----\nnever closed\n", ["```", "never closed", "```"]),
        ("Owner::\nTeam:: Storage\n", ["- **Owner:**", "- **Team:** Storage"]),
        ("Owner::\n* Storage\n", ["- **Owner:**", "- Storage"]),
        ("image::a.png[]\n[[anchor]]\n.Title\ntext\n", ["**Title**", "text"]),
        ("|===\n|A |B\n\n|a\n|b c\nd\n|===\n", ["| A | B |", "|---|---|", "| a | b c d |"]),
        ('[cols="1,2"]\n|===\n|Severity\n|SEV1\n|===\n', ["| Severity | SEV1 |", "|---|---|"]),
        ("[cols=2*]\n|===\n2+|A\na|b\n|c\n|===\n", ["| A | b |", "|---|---|", "| c |"]),
    ],
)
def test_asciidoc_becomes_markdown(text: str, expected: list[str]) -> None:
    """Headings, labels, lists, tables, code and comments."""
    assert convert(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<h1>A</h1><h2> B\n <b>c</b></h2>", ["# A", "## B c"]),
        ("<title>T - Google Docs</title><p>x", ["# T", "x"]),
        ("<title>T</title><h1>A</h1><h1>B</h1>", ["# T", "## A", "## B"]),
        ("<p>a<br>b<p>c", ["a", "b", "c"]),
        ("<ul><li>a<ul><li>b</ul><li>c</ul><ol><li>d</ol>", ["- a", "   - b", "- c", "1. d"]),
        ("<p><b>Severity: </b>SEV1", ["**Severity:** SEV1"]),
        ("<dl><dt>Owner<dd>Storage</dl>", ["**Owner:**", "Storage"]),
        (
            "<table><tr><th>Sev<td>1|2<tr><th>Owner<td><p>a<p>b</table>",
            ["| Sev | 1\\|2 |", "|---|---|", "| Owner | a b |"],
        ),
        ("<table><tr><td>only</table>", ["only"]),
        ("<pre>a\n  b</pre><p><code>c</code>", ["```", "a", "  b", "```", "`c`"]),
        ("<blockquote><p>a</blockquote>", ["> a"]),
        ('<a href="https://www.google.com/url?q=https://x.y&amp;sa=D">z</a>', ["[z](https://x.y)"]),
        ('<a href="#a">z</a> <del>old</del>', ["z ~~old~~"]),
        ("<!-- postmortem: ignore=x --><!-- other -->a", ["<!-- postmortem: ignore=x -->", "a"]),
        ("<nav>x</nav><script>y</script><main><p>z</main><p>w", ["z"]),
        ("<p># no heading<p>- no item", ["\\# no heading", "\\- no item"]),
        (
            '<ul><li class="checked" data-inline-task-id="1">a</li>'
            '<li data-inline-task-id="2">b</li><li><input type="checkbox" checked>c</li>'
            '<li><div class="checkbox checkbox-on"></div>d</li></ul>',
            ["- [x] a", "- [ ] b", "- [x] c", "- [x] d"],
        ),
        ("<p>a < b & c &lt;d&gt;", ["a < b & c <d>"]),
        ("</p></div><li>a</table>", ["- a"]),
        ("<h1>A</h1><pre/><p>b<br/>c", ["# A", "b", "c"]),
        ("<h2> </h2><dl><dt></dt><dd>a</dl><pre>\n</pre>", ["a"]),
        ('<ul><li><input type="checkbox"><p>a</p></li></ul>', ["- [ ] a"]),
        (
            "<table><thead hidden><tr><td>x<td>y</thead><tr><th>Sev<td>1"
            "<tr><th>Run<td><pre>a\n  b</pre></table>",
            ["| Sev | 1 |", "|---|---|", "| Run | `a b` |"],
        ),
        ("<title>Mail gone - Shop - Confluence</title><p>x", ["# Mail gone", "x"]),
        ("", []),
    ],
)
def test_html_becomes_markdown(text: str, expected: list[str]) -> None:
    """What a reader needs stays, also where elements are never closed."""
    assert convert(text, "html") == expected


@pytest.mark.parametrize("kind", ["asciidoc", "html"])
def test_each_line_knows_where_it_came_from(kind: MarkupKind) -> None:
    """A finding names the line of the document."""
    text = "\n\n== A\n\nb\n" if kind == "asciidoc" else "\n\n<h2>A</h2>\n\n<p>b\n"

    lines = convert_to_markdown(text, kind).lines

    found = {text: number for text, number in zip(lines, lines.numbers, strict=True) if text}
    assert found == {"## A": 3, "b": 5}
