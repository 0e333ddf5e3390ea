"""JSON reports to make pages of: a small one, a big one of every state, and a hostile one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_postmortem.report_model import STATES

HOSTILE = (
    "<script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 1">',
    "'><svg onload=window.ran=1>",
    "</title></style></script><script>window.ran = 1</script>",
    "`${window.ran = 1}`",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:window.ran=1",
    "\x1b[31mred\x1b]8;;https://evil.example\x07here\x00",
    "\u202egnp.exe\u2066\u200f",
    "zero\u200bwidth\ufeff \u2028line",
    "--><!-- &lt;b&gt; &#60;",
)
"""Texts that must not become anything but text."""

OUTCOME_OF = {
    "failing": "failed",
    "errored": "error",
    "guarded": "passed",
    "not-run": "not-run",
    "known-broken": "xfailed",
    "skipped": "skipped",
}


def linked(nodeid: str, outcome: str = "passed", **fields: Any) -> dict[str, Any]:
    """Return a linked test."""
    path = nodeid.partition("::")[0]
    known = {"nodeid": nodeid, "outcome": outcome, "duration": 0.01, "path": path, "line": 12}
    return {**known, **fields}


def incident(id: str, state: str = "guarded", **fields: Any) -> dict[str, Any]:
    """Return an incident with no more than the fixed fields, and those that are given."""
    return {
        "id": id,
        "title": id,
        "url": None,
        "date": None,
        "severity": None,
        "class": None,
        "state": state,
        "required": state not in ("exempt", "declared"),
        "flaky": False,
        "reason": None,
        "tests": [],
        "action_items": [],
        "proof": None,
        **fields,
    }


def document(incidents: Sequence[Mapping[str, Any]] = (), **fields: Any) -> dict[str, Any]:
    """Return a report of these incidents with the figures that belong to them."""
    required = [each for each in incidents if each["required"]]
    guarded = sum(each["state"] == "guarded" for each in required)
    totals = {
        "incidents": len(incidents),
        "required": len(required),
        "linked": sum(bool(each["tests"]) for each in required),
        "guarded": guarded,
        "proven": 0,
        "percent": guarded * 1000 // len(required) / 10 if required else None,
    }
    scope: Mapping[str, Any] = {
        "kind": "full",
        "reasons": [],
        "root": "",
        "files": [],
        "expected": None,
    }
    policy: dict[str, Any] = {
        "fail_under": None,
        "require": [],
        "since": None,
        "grace": 0,
        "today": "2026-11-20",
    }
    return {
        "format": 1,
        "tool": {"name": "pytest-postmortem", "version": "0.1.0"},
        "scope": scope,
        "totals": totals,
        "policy": policy,
        "incidents": list(incidents),
        "findings": [],
        "gates": [],
        **fields,
    }


def small() -> dict[str, Any]:
    """Return a report with incidents in several states, every field, findings and gates."""
    failing = incident(
        "PM-102",
        "failing",
        title="Checkout charged customers twice",
        url="https://wiki.example.com/pm/102",
        date="2026-03-02",
        severity="sev1",
        owner="payments",
        root_cause="the retry carried no idempotency key\nand the gateway took it for a new one",
        whys=["the retry was new", "nobody knew of the key"],
        aliases=["INC-77"],
        tags=["payments", "retry"],
        service=["checkout"],
        status="closed",
        note="recurred although guarded: PM-100 has a linked test",
        path="docs/postmortems/PM-102.md",
        line=1,
        tests=[
            linked("tests/test_checkout.py::test_retry_charges_once[a]", "failed"),
            linked("tests/test_checkout.py::test_retry_charges_once[b]", flaky=True),
        ],
        action_items=[
            {"title": "Send the key", "owner": "payments", "due": "2026-04-01", "status": "done"},
            {"title": "Alert on doubles", "due": "2026-05-01", "type": "detect"},
            {"title": "Teach the gateway", "due": "2027-01-01", "owner": "platform"},
        ],
        **{"class": "missing idempotency"},
    )
    skipped = incident(
        "PM-103",
        "skipped",
        title="Login loop after key rotation",
        url="docs/postmortems/PM-103.md",
        date="2026-05-20",
        severity="SEV-2",
        reason="skipped: needs the staging key server",
        tags=["Login", "retry"],
        tests=[linked("tests/test_login.py::test_loop", "skipped", reason="needs the key server")],
        **{"class": "stale cache"},
    )
    gap = incident("PM-104", "unguarded", title="Prices set to zero", severity="Sev1")
    guarded = incident(
        "PM-101",
        title="Orders shipped twice",
        date="2025-11-28",
        severity="sev2",
        flaky=True,
        tests=[linked("tests/test_orders.py::test_once")],
        **{"class": "missing idempotency"},
    )
    exempt = incident("PM-105", "exempt", title="Registrar's outage", reason="not ours to test")
    finding = {
        "code": "unknown-id",
        "severity": "error",
        "message": "no post-mortem is called 'PM-404'",
        "path": "tests/test_a.py",
        "line": 3,
    }
    gate = {"name": "fail-under", "judged": True, "passed": False, "message": "25 %, 75 % asked"}
    return document(
        [guarded, failing, skipped, gap, exempt],
        findings=[finding],
        gates=[gate],
        registry={"locations": ["docs/postmortems"], "partial": [], "unreachable": []},
        run={"python": "3.11.7", "pytest": "9.2.0", "arguments": ["-q"], "commit": "abc1234def567"},
    )


def big(incidents: int, tests: int = 2) -> dict[str, Any]:
    """Return a report of so many incidents, of every state in turn, with so many tests each."""
    classes = ["missing idempotency", "stale cache", "silent default", "clock", "retry storm"]
    classes += ["capacity", "schema drift", "config push", "race", "leap second", "expired key"]

    def one(n: int) -> dict[str, Any]:
        state = STATES[n * 7 % len(STATES)] if n % 3 else "guarded"
        outcome = OUTCOME_OF.get(state)
        return incident(
            f"PM-{n:04}",
            state,
            title=f"Incident {n}: " + "a service did what nobody expected of it " * (1 + n % 3),
            url=f"https://wiki.example.com/pm/{n}" if n % 4 else None,
            date=f"20{20 + n % 7}-{1 + n % 12:02}-{1 + n % 28:02}" if n % 11 else None,
            severity=("sev1", "sev2", "sev3", None)[n % 4],
            owner=f"team {n % 9}",
            root_cause="a retry met a queue that was full, and the queue had no end " * 3,
            tags=[f"tag {n % 20}", f"service {n % 7}"],
            tests=[
                linked(f"tests/unit/test_area_{n % 90}.py::TestArea::test_{n}_{k}", outcome)
                for k in range(tests)
                if outcome
            ],
            action_items=[{"title": "Follow up", "due": "2026-01-02"}] if not n % 5 else [],
            **{"class": classes[n * n % len(classes)] if n % 6 else None},
        )

    return document([one(n) for n in range(incidents)])


def hostile() -> dict[str, Any]:
    """Return a report that has hostile text in every field."""

    def one(n: int, text: str) -> dict[str, Any]:
        return incident(
            f"{n} {text}",
            STATES[n % len(STATES)],
            title=text,
            url=text,
            date=text,
            severity=text,
            reason=text,
            note=text,
            owner=text,
            status=text,
            root_cause=text,
            path=text,
            line=1,
            aliases=[text],
            tags=[text],
            service=[text],
            whys=[text],
            proof={"verdict": text},
            tests=[linked(text, path=text, reason=text)],
            action_items=[
                {"title": text, "owner": text, "due": text, "type": text, "status": text}
            ],
            **{"class": text},
        )

    incidents = [one(n, text) for n, text in enumerate(HOSTILE)]
    incidents.append(incident("long", title="A long title " * 7700, severity="W" * 300))
    every = list(HOSTILE)
    return document(
        incidents,
        findings=[
            {"code": text, "severity": "error", "message": text, "path": text, "line": 1}
            for text in every
        ],
        gates=[{"name": text, "judged": False, "passed": False, "message": text} for text in every],
        registry={"locations": every, "partial": every, "unreachable": every},
        run={"python": every[0], "pytest": every[1], "arguments": every, "commit": every[3]},
        unjudged=every,
        scope={"kind": "partial", "reasons": every, "root": "", "files": [], "expected": None},
    )
