"""What the load of a registry costs, as ratios against reading the same data without any meaning.

Instructions are counted under ``valgrind --tool=callgrind``, which repeats where seconds do not.
Each figure is the difference between a load of many post-mortems and one of a few, so that the
start of Python and imports do not count. Run it where pytest-postmortem is installed:

    python benchmarks/registry.py [--entries 1000] [NAME ...]

A load is *cold* if there is no snapshot of an earlier one; it writes one. It is *warm* if the
registry is unchanged since.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

FEW = 100
"""The number of post-mortems of the small load, which is subtracted."""

Works = Mapping[str, Callable[[Path], object]]


def entry(n: int) -> dict[str, object]:
    """Return an entry as full as a team would write it."""
    return {
        "id": f"PM-{n}",
        "title": f"Checkout charged customers twice, for the {n}th time",
        "url": f"https://wiki.example.com/postmortems/{n}",
        "date": "2026-03-02",
        "severity": f"sev{n % 3 + 1}",
        "status": "closed",
        "owner": "payments",
        "service": "checkout",
        "class": "retry without an idempotency key",
        "tags": ["checkout", "payments"],
        "root_cause": "the retry carried no idempotency key, so the gateway took it for a new one",
    }


def document(fields: Mapping[str, object]) -> str:
    """Return an entry as a document with front matter, and a page of text."""
    return (
        f"---\ndate: {fields['date']}\nseverity: {fields['severity']}\n---\n"
        f"# {fields['id']}: {fields['title']}\n\n## Timeline\n\n"
        + "- 12:00 somebody looked at a graph, and it had another shape than the day before\n" * 25
        + f"\n## Root cause\n\n{fields['root_cause']}\n"
    )


def write_registries(folder: Path, size: int) -> None:
    """Write the same post-mortems in each form."""
    entries = [entry(n) for n in range(size)]
    items = [[(key, json.dumps(value)) for key, value in each.items()] for each in entries]
    yaml = ("- " + "\n  ".join(f"{key}: {value}" for key, value in pairs) for pairs in items)
    toml = ("\n".join(f"{key} = {value}" for key, value in pairs) + "\n" for pairs in items)
    (folder / "registry.yml").write_text("\n".join(yaml) + "\n")
    (folder / "registry.json").write_text(json.dumps(entries, indent=2))
    (folder / "registry.toml").write_text("".join(f"[[postmortems]]\n{each}\n" for each in toml))
    (folder / "documents").mkdir()
    for each in entries:
        (folder / "documents" / f"{each['id']}.md").write_text(document(each))


def load(name: str) -> Callable[[Path], object]:
    """Return the work to load one location."""

    def work(folder: Path) -> object:
        from pytest_postmortem.model import Location
        from pytest_postmortem.registry import LoadOptions, load_registry

        keep = LoadOptions(cache=folder / "cache")
        return len(load_registry([Location(name, folder)], folder, keep))

    return work


def load_json(folder: Path) -> object:
    """Load the entries as plain JSON."""
    return json.loads((folder / "registry.json").read_bytes())


def load_toml(folder: Path) -> object:
    """Load the entries as plain TOML."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    return tomllib.loads((folder / "registry.toml").read_text())


def load_yaml(folder: Path) -> object:
    """Load the entries with the C loader of PyYAML."""
    import yaml

    return yaml.load((folder / "registry.yml").read_text(), yaml.CSafeLoader)


def read_documents(folder: Path) -> object:
    """Read the bytes of all documents."""
    return [len(path.read_bytes()) for path in (folder / "documents").iterdir()]


WORKS: Works = {
    **{name: load(name) for name in ("registry.yml", "registry.json", "registry.toml")},
    "documents": load("documents"),
    "json.loads": load_json,
    "tomllib": load_toml,
    "PyYAML's C loader": load_yaml,
    "reading bytes": read_documents,
}

GOALS = {
    "JSON, cold": ("registry.json", False, "json.loads", 8.0),
    "YAML, cold": ("registry.yml", False, "PyYAML's C loader", 0.5),
    "TOML, cold": ("registry.toml", False, "tomllib", 1.5),
    "documents, cold": ("documents", False, "reading bytes", 10.0),
    "YAML, warm": ("registry.yml", True, "json.loads", 3.0),
    "documents, warm": ("documents", True, "reading bytes", 3.0),
}
"""For each figure a work, whether it is warm, the work that it is compared to, and the goal."""


def count(work: str, size: int, warm: bool) -> int:
    """Count the instructions of a process that does a work for so many post-mortems."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_registries(folder, size)
        command = [sys.executable, __file__, "--work", work, name]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        if warm:
            subprocess.run(command, env=environment, check=True)
        valgrind = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={folder / 'counted'}")
        done = subprocess.run(
            [*valgrind, *command], env=environment, capture_output=True, text=True, check=True
        )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise SystemExit(done.stderr)
    return int(found[1])


def main() -> None:
    """Measure all forms of a registry, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1000)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", choices=[*GOALS, []], metavar="NAME")
    arguments = parser.parse_args()
    if arguments.work:
        WORKS[arguments.work[0]](Path(arguments.work[1]))
        return
    sizes = (FEW, FEW + arguments.entries)
    for name in arguments.names or GOALS:
        work, warm, plain, goal = GOALS[name]
        few, many = (count(work, size, warm) for size in sizes)
        few_plain, many_plain = (count(plain, size, False) for size in sizes)
        own, other = (
            (many - few) / arguments.entries,
            (many_plain - few_plain) / arguments.entries,
        )
        print(
            f"{name}: {own / 1000:,.0f} thousand instructions a post-mortem,"
            f" {own / other:.2f} x {plain} (goal: at most {goal})",
            flush=True,
        )


if __name__ == "__main__":
    main()
