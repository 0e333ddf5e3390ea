"""What the load of a registry costs, as ratios against reading the same data without any meaning.

10,000 post-mortems in one YAML file against `json.loads` of the same entries, and 10,000
documents against reading their bytes; first without a snapshot, then with one. Each figure is
the best of several, and both sides of a ratio are measured in turn in one process:

    python benchmarks/registry.py [--entries 10000]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pytest_postmortem.model import Location
from pytest_postmortem.registry import LoadOptions, load_registry

TIMES = 7


def entry(n: int) -> Mapping[str, object]:
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


def best(*works: Callable[[], object]) -> list[float]:
    """Return the shortest time of each work, in seconds, measured in turn."""
    times = [float("inf")] * len(works)
    for _ in range(TIMES):
        for n, work in enumerate(works):
            start = time.perf_counter()
            work()
            times[n] = min(times[n], time.perf_counter() - start)
    return times


def compare(name: str, folder: Path, location: str, bare: Callable[[], object]) -> None:
    """Print what the load of a location costs beside the bare reading of its data."""
    place = [Location(location, folder)]
    kept = LoadOptions(cache=folder / "cache")
    start = time.perf_counter()
    size = len(load_registry(place, folder, kept))
    first = time.perf_counter() - start
    again, plain = best(lambda: load_registry(place, folder, kept), bare)
    print(
        f"{name}: {size} post-mortems, first load {first:.2f} s, second {again * 1000:.0f} ms,"
        f" bare {plain * 1000:.0f} ms, x {again / plain:.2f}"
    )


def main() -> None:
    """Measure a file and a directory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000)
    entries = [entry(n) for n in range(parser.parse_args().entries)]
    text = json.dumps(entries)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = (
            "- " + "\n  ".join(f"{key}: {json.dumps(value)}" for key, value in each.items()) + "\n"
            for each in entries
        )
        (folder / "registry.yml").write_text("".join(lines))
        (folder / "documents").mkdir()
        for each in entries:
            (folder / "documents" / f"{each['id']}.md").write_text(document(each))
        compare("YAML file", folder, "registry.yml", lambda: json.loads(text))
        documents = list((folder / "documents").iterdir())
        compare("directory", folder, "documents", lambda: [each.read_bytes() for each in documents])


if __name__ == "__main__":
    main()
