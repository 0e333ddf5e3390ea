"""The tables of `explanation/cost.md`, made from `benchmarks/cost.json`.

`nox -s bench` measures and then runs cog, which calls these functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "benchmarks" / "cost.json").read_text(encoding="utf-8")
)
BARE, OURS = "pytest", "pytest-postmortem"
EMPTY = "an empty plugin"
FEW, MANY = 20, 120
KINDS = ("kept", "not written", "none")
"""What bytecode there is."""

PLAIN, TENTH = "no test marked", "10 % marked"
COUNTS: dict[tuple[object, ...], int] = {
    (
        row["plugin"],
        row["suite"],
        row["tests"],
        row["bytecode"],
        row["cache"],
        row["used"],
        row["collector"],
    ): row["instructions"]
    for row in RESULTS["instructions"]["rows"]
}
LARGE: list[dict[str, Any]] = RESULTS["native"]["rows"]
PEERS = [name for name in RESULTS["instructions"]["versions"] if name not in (BARE, OURS)]


def versions() -> None:
    """Print when the figures were measured, and of which versions."""
    part = RESULTS["instructions"]
    names = ", ".join(f"{name} {version}" for name, version in part["versions"].items())
    dates = sorted({RESULTS[name]["date"] for name in RESULTS})
    print(f"\nMeasured on {' and '.join(dates)}, Python {part['python']}: {names}.\n")


def count_start(
    plugin: str, *, used: bool, bytecode: str = "kept", cache: str = "warm"
) -> float | None:
    """Return what a run of few tests takes more than pytest alone, in millions."""
    suite = TENTH if used else PLAIN
    run, bare = (
        COUNTS.get((name, suite, FEW, bytecode, cache, used, True)) for name in (plugin, BARE)
    )
    return None if run is None or bare is None else (run - bare) / 1e6


def compare_tests(plugin: str, suite: str) -> float | None:
    """Return how many times the instructions of pytest alone a test takes."""
    used = suite != PLAIN
    counts = [
        COUNTS.get((name, suite, tests, "kept", "warm", used, False))
        for name in (plugin, BARE)
        for tests in (MANY, FEW)
    ]
    if None in counts:
        return None
    many, few, bare_many, bare_few = (count or 0 for count in counts)
    return (many - few) / (bare_many - bare_few)


def compare_memory(plugin: str, *, used: bool) -> float | None:
    """Return how many times the memory of pytest alone a large run takes."""
    rows: dict[tuple[str, bool], int] = {
        (row["plugin"], row["used"]): row["kib"] for row in LARGE if row["tests"] == 10_000
    }
    run, bare = rows.get((plugin, used)), rows.get((BARE, used))
    return None if run is None or bare is None else run / bare


def print_table(*rows: tuple[str, ...]) -> None:
    """Print a table, whose first row is its head."""
    head, *body = rows
    lines = [head, ("---",) * len(head), *body]
    print("\n" + "\n".join(f"| {' | '.join(row)} |" for row in lines) + "\n")


def show_millions(count: float | None) -> str:
    """Return a number of millions of instructions."""
    return "–" if count is None else f"{count:+.0f}"


def show_ratio(ratio: float | None, digits: int = 3) -> str:
    """Return a ratio to pytest alone."""
    return "–" if ratio is None else f"× {ratio:.{digits}f}"


def plugins() -> None:
    """Print what each plugin costs in use."""
    rows = []
    for plugin in (OURS, *PEERS):
        starts = (
            count_start(plugin, used=False),
            count_start(plugin, used=True),
            count_start(plugin, used=True, bytecode="not written"),
        )
        ratios = compare_tests(plugin, TENTH), compare_memory(plugin, used=True)
        rows.append((plugin, *map(show_millions, starts), *map(show_ratio, ratios)))
    print_table(
        (
            "plugin",
            "start, unused",
            "start, in use",
            "start, in use, no bytecode written",
            "each test",
            "memory at 10,000 tests",
        ),
        *rows,
    )


def worse() -> None:
    """Print which peers cost less, and where."""
    kinds = {
        "at the start of a run that does not use the plugin": lambda name: count_start(
            name, used=False
        ),
        "at the start of a run in use": lambda name: count_start(name, used=True),
        "at the start of a run in use that writes no bytecode": lambda name: count_start(
            name, used=True, bytecode="not written"
        ),
        "for each test": lambda name: compare_tests(name, TENTH),
        "in memory": lambda name: compare_memory(name, used=True),
    }
    lines = []
    for kind, measure in kinds.items():
        figures = {name: measure(name) for name in (OURS, *PEERS)}
        ours = figures.pop(OURS)
        missing = [name for name, figure in figures.items() if figure is None]
        cheaper = [
            name
            for name, figure in figures.items()
            if None not in (figure, ours) and (figure or 0) < (ours or 0)
        ]
        unmeasured = f"; not measured: {', '.join(missing)}" if missing else ""
        lines.append(f"- {kind}: {', '.join(cheaper) or 'none'}{unmeasured}")
    print("\nThese plugins cost less than pytest-postmortem\n\n" + "\n".join(lines) + "\n")


def ours() -> None:
    """Print what our start costs in each situation."""
    names = {
        EMPTY: "pytest's own work for a plugin with our metadata and requirements",
        OURS: "not used: no registry, no mark",
    }
    rows = {
        name: [count_start(plugin, used=False, bytecode=kind) for kind in KINDS]
        for plugin, name in names.items()
    }
    rows["in use"] = [count_start(OURS, used=True, bytecode=kind) for kind in KINDS]
    rows["in use, the first run"] = [count_start(OURS, used=True, cache="cold"), None, None]
    bare = (COUNTS.get((BARE, TENTH, FEW, kind, "warm", True, True)) for kind in KINDS)
    print_table(
        ("", "bytecode is kept", "none is written", "there is none"),
        ("pytest alone", *("–" if count is None else f"{count / 1e6:.0f}" for count in bare)),
        *((name, *map(show_millions, counts)) for name, counts in rows.items()),
    )


def tests() -> None:
    """Print what a test costs, for each kind of suite."""
    suites = dict.fromkeys(row["suite"] for row in RESULTS["instructions"]["rows"])
    print_table(
        ("suite", "each test"),
        *((suite, show_ratio(compare_tests(OURS, suite), 4)) for suite in suites),
    )
    print(
        f"Memory at 10,000 tests: {show_ratio(compare_memory(OURS, used=False))} unused,"
        f" {show_ratio(compare_memory(OURS, used=True))} in use.\n"
    )


def list_growth() -> Iterator[tuple[str, ...]]:
    """Yield a row for each large run."""
    for row in sorted(LARGE, key=lambda row: (row["plugin"], row["tests"])):
        if row["plugin"] not in (OURS, f"{OURS} -n 2") or not row["used"]:
            continue
        yield (
            row["plugin"],
            f"{row['tests']:,}",
            f"{row['cpu']:.1f} s",
            f"{row['cpu'] / row['tests'] * 1000:.2f} ms",
            f"{row['end_cpu']:.2f} s",
        )


def growth() -> None:
    """Print the large runs."""
    head = ("run", "tests", "CPU time", "for each test", "end of the session")
    print_table(head, *list_growth())
