"""The data of a run in the controller, and the `Report` at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_postmortem import registry
from pytest_postmortem.errors import Problem, ProofsError, RegistryError
from pytest_postmortem.evaluation import links
from pytest_postmortem.files import find_proofs_file, format_relative_path
from pytest_postmortem.model import (
    DESELECTED_BY_CONFIGURATION,
    Collected,
    Finding,
    Link,
    Location,
    NodeKey,
    Outcome,
    Postmortem,
    Proof,
    Registry,
    Scope,
)
from pytest_postmortem.registry import EntryProvider, LoadOptions
from pytest_postmortem.runtime.collection import (
    INTERRUPTED_REASON,
    CollectionPlan,
    build_collection_plan,
    join_collections,
)
from pytest_postmortem.runtime.outcomes import (
    IsCounted,
    OutcomeRecorder,
    add_missing_outcomes,
    is_always_counted,
    merge_outcomes,
)
from pytest_postmortem.settings import Settings

if TYPE_CHECKING:
    from pytest_postmortem.report_model import Report, RunMetadata
    from pytest_postmortem.today import Today


class RunFacts(NamedTuple):
    """Facts that are known at the end of a run.

    ``lost`` are the workers whose links did not arrive, ``idle`` is the option with which pytest
    runs no test, ``is_counted`` returns whether pytest counts a failed report. ``dated`` is True
    if a report prints ages of incidents, ``detailed`` if one is more than the terminal's: it has
    causes, action items and the path in the repository. ``ran`` is the metadata of the run.
    """

    lost: tuple[str, ...] = ()
    idle: str = ""
    ran: RunMetadata | None = None
    is_counted: IsCounted = is_always_counted
    dated: bool = False
    detailed: bool = False


class RunCollector:
    """Gathers registry, links and outcomes of one run."""

    def __init__(
        self,
        root: Path,
        settings: Settings,
        cache: Callable[[], Path | None] = lambda: None,
        ask: EntryProvider | None = None,
        keep_all: bool = False,
    ) -> None:
        self.settings = settings
        self.registry: Registry | None = None
        self.found: Path | None = None
        self.links: dict[NodeKey, tuple[Link, ...]] = {}
        self._reported: dict[NodeKey, tuple[NodeKey, ...]] = {}
        self.recorder = OutcomeRecorder(self._reported, keep_all=keep_all)
        self._root = root
        self._cache = cache
        self._ask = ask
        self._tried = False
        self._late = False
        self._warnings: tuple[Finding, ...] = ()
        self._crashed: Mapping[str, tuple[NodeKey, ...]] | None = None
        self._collected: dict[str, list[Collected]] = {}
        self._detailed: dict[str, Postmortem] = {}
        self._lists: frozenset[str] | None = None

    def load(self, workers: bool = False) -> None:
        """Load the configured registry, or search for one.

        With ``workers``, which fetch nothing, a found registry with a source is loaded too.

        Raises:
            RegistryError: The configured registry is broken.
        """
        if self.settings.registry or self.settings.sync:
            self.registry = self._load(self.settings.registry)
        else:
            self.found = registry.find_registry(self._root)
            if workers and self.found is not None and registry.has_source_block(self.found):
                self._load_found()

    def build_plan(self, marked: bool = False) -> CollectionPlan:
        """Return the plan of the collection; load a found registry if needed."""
        if marked or self.settings.only or self.settings.policy.has_gates:
            self._load_found()
        return build_collection_plan(self.registry, self.settings)

    def _load_found(self) -> None:
        if self.found and not self._tried:
            self._tried = True
            try:
                self.registry = self._load([Location(str(self.found), self._root)])
            except RegistryError as error:
                self._warnings = tuple(map(_build_registry_warning, error.problems))

    def _load(self, locations: Sequence[Location]) -> Registry:
        """Load the registry, and cache its entries."""
        how = build_loading_options(self.settings)._replace(cache=self._cache(), ask=self._ask)
        return registry.load_registry(locations, self._root, how)

    def receive_collected(self, collected: Collected, worker: str = "") -> Iterable[NodeKey]:
        """Add a collection of a process, or the additions of a running test.

        Return the keys of the reports of the linked tests, unless another worker gave the same.
        """
        is_known_worker = worker in self._collected
        is_repeated = any(own[0] is collected for own in self._collected.values())
        self._collected.setdefault(worker, []).append(collected)
        if is_repeated:
            return ()
        named: dict[NodeKey, None] = {}
        for link in collected.links:
            test = link.test
            self._add_link(test, link)
            named[test] = None
        for reported, test in (*zip(named, named, strict=True), *collected.reported):
            known = self._reported.get(reported, ())
            if test not in known:
                self._reported[reported] = (*known, test)
            named[reported] = None
        self._crashed = None
        if collected.links or collected.findings:
            self._late |= is_known_worker and self.found is not None and not self._tried
            self._load_found()
        return named

    def _add_link(self, test: NodeKey, link: Link) -> None:
        known = self.links.get(test, ())
        if not known or link.id.casefold() not in [each.id.casefold() for each in known]:
            self.links[test] = (*known, link)

    def find_tests(self, reported: NodeKey) -> tuple[NodeKey, ...]:
        """Return the linked tests that a report may be of; that of a crash names no file."""
        if reported.path:
            return self._reported.get(reported, ())
        if self._crashed is None:
            self._crashed = _index_tests_by_nodeid(self._reported)
        return self._crashed.get(reported.nodeid, ())

    @property
    def found_at(self) -> str | None:
        """The path of the found registry, as printed."""
        if self.found is None:
            return None
        return format_relative_path(self.found, self._root)

    @property
    def whole(self) -> bool:
        """Whether the run knows only incidents that it collected."""
        return not self._join_collected().reasons

    @property
    def heard_workers(self) -> frozenset[str]:
        """The workers whose links have arrived."""
        return frozenset(self._collected)

    def postmortems(self, tests: Iterable[NodeKey]) -> tuple[Postmortem, ...]:
        """Return the post-mortems that tests are linked to, each once."""
        test_links = [link for test in tests for link in self.links.get(test, ())]
        registry = self._known(test_links)
        linked = filter(None, (registry.find(link.id) for link in test_links))
        return tuple({postmortem.id: postmortem for postmortem in linked}.values())

    def add_details(self, postmortems: Iterable[Postmortem]) -> tuple[Postmortem, ...]:
        """Return post-mortems with the details of their documents, each read once in a run.

        A document is not read if no more than its title may be shown.
        """
        found = tuple(postmortems)
        for postmortem in found:
            shown = self.settings.show or postmortem.show
            if shown == "all" and postmortem.id not in self._detailed:
                (self._detailed[postmortem.id],) = self._read_documents([postmortem])
        return tuple(self._detailed.get(postmortem.id, postmortem) for postmortem in found)

    def _read_documents(self, postmortems: Sequence[Postmortem]) -> tuple[Postmortem, ...]:
        """Return post-mortems with the details of their documents.

        The parser of documents is imported only if there is one.
        """
        from pytest_postmortem.registry import document_files

        if self._lists is None:
            self._lists = document_files.find_incident_lists(self.registry or ())
        root, lists = self._root, self._lists
        if not any(document_files.has_document(each, root, lists) for each in postmortems):
            return tuple(postmortems)
        from pytest_postmortem.registry.postmortem_text import add_document_details

        return add_document_details(postmortems, root, self.settings.vocabulary, lists)

    def report(self, facts: RunFacts) -> Report | None:
        """Return the report, None if there is nothing to report."""
        from pytest_postmortem.evaluation.evaluate import evaluate
        from pytest_postmortem.evaluation.gates import check_unprovable_incidents, evaluate_gates

        collected = self._join_collected()
        collected = collected._replace(
            declared=collected.declared | self._link_skipped_files(collected)
        )
        findings = self._list_known_findings(collected)
        nothing = self.registry is None and not self.links and not findings
        if nothing and not self.settings.policy.has_gates:
            return None
        scope = self._build_scope(collected, facts)
        every = [link for test_links in self.links.values() for link in test_links]
        registry = self._known(every)
        if facts.detailed or any(key == "class" for key, _ in self.settings.policy.select):
            registry = replace(registry, postmortems=self._read_documents(registry.postmortems))
        outcomes = self._merge_outcomes(
            self.recorder.outcomes(collected.repeated, facts.is_counted)
        )
        proofs, broken = self._load_proofs()
        today = self._today(registry, facts)
        report = evaluate(
            registry,
            every,
            add_missing_outcomes(outcomes, self.links, collected.deselected, collected.skipped),
            scope,
            self.settings.policy._replace(today=today.day if today else None),
            proofs,
            findings=(
                *findings,
                *self._check_collected_links(every, collected, scope),
                *broken,
                *_build_today_findings(today),
            ),
            missing=self._missing(),
        )
        report = report._replace(findings=(*report.findings, *check_unprovable_incidents(report)))
        return report._replace(
            gates=evaluate_gates(report),
            ran=facts.ran,
            declared=collected.declared,
            odd=tuple(sorted(collected.odd)),
        )

    def _merge_outcomes(self, outcomes: Mapping[NodeKey, Outcome]) -> dict[NodeKey, Outcome]:
        """Return the outcomes of the linked tests, given those by the keys of reports."""
        discarded, tests = self.recorder.discarded, self._reported
        crashed = [key for key in (*outcomes, *discarded) if not key.path]
        if crashed:
            tests = tests | {key: self.find_tests(key) for key in crashed}
        return merge_outcomes(outcomes, tests, discarded)

    def _load_proofs(self) -> tuple[Mapping[str, Proof], tuple[Finding, ...]]:
        """Return the stored proofs, or the finding for an unreadable file."""
        place = find_proofs_file(self.settings.proofs, self._root, self._cache())
        if place is None or _is_missing_file(place):
            return {}, ()
        from pytest_postmortem import proofs

        try:
            kept = proofs.read_proofs_file(place)
        except ProofsError as error:
            where = format_relative_path(place, self._root)
            return {}, tuple(
                _build_registry_warning(each)._replace(path=where) for each in error.problems
            )
        fixes = {
            each.id: fix for each in self.registry or () if (fix := proofs.format_fix_name(each))
        }
        return proofs.find_current_proofs(kept, self._root, fixes), ()

    def _known(self, own: Iterable[Link]) -> Registry:
        """Return the registry, or the one made of links if there is none."""
        if self.registry is not None and not self._is_registry_lost:
            return self.registry
        implied = links.build_implied_registry(own, self.settings.url_template)
        if self.registry is None:
            return implied
        return replace(self.registry, postmortems=implied.postmortems, index=implied.index)

    @property
    def _is_registry_lost(self) -> bool:
        """Whether all locations of the registry are unreachable."""
        found = self.registry
        return found is not None and bool(found.unreachable) and not len(found)

    def _missing(self) -> str | None:
        """Return a finding for a missing registry that links replace."""
        if self._is_registry_lost and self.registry is not None:
            return f"{', '.join(self.registry.unreachable)} can't be reached"
        if self.registry is not None:
            return None
        return "the registry that was found can't be read" if self._tried else "no registry"

    def _link_skipped_files(self, collected: Collected) -> frozenset[str]:
        """Link files that skip themselves for the tests that the registry declares in them; return
        the node ids of these tests.
        """
        known = self._known(())
        found = tuple(links.find_skipped_links(known, collected.skipped, collected.files))
        for _, link in found:
            self._add_link(link.test, link)
        return frozenset(nodeid for nodeid, _ in found)

    def _list_known_findings(self, collected: Collected) -> tuple[Finding, ...]:
        """Return the findings that do not depend on links."""
        own = self.registry.findings if self.registry is not None else ()
        found = sorted(collected.findings, key=_rank_finding_by_place)
        return (*self._warnings, *own, *self._check_selection(collected), *found)

    def _check_selection(self, collected: Collected) -> tuple[Finding, ...]:
        """Return the findings for patterns of ``--postmortem`` that select nothing."""
        if not self.settings.only or not self._collected:
            return ()
        linked = (link.id for link in collected.links)
        unknown = self.settings.policy.unknown
        return tuple(links.check_selection(self.settings.only, self.registry, linked, unknown))

    def _join_collected(self) -> Collected:
        """Return the joined collections, since a test may add to them while it runs."""
        every = {id(each): each for own in self._collected.values() for each in own}
        return join_collections(every.values())

    def _check_collected_links(
        self, every: Iterable[Link], collected: Collected, scope: Scope
    ) -> Iterator[Finding]:
        from pytest_postmortem.evaluation.gates import check_percentage, check_policy

        policy = self.settings.policy
        yield from check_percentage(policy)
        if self.registry is not None:
            yield from check_policy(policy, self.registry)
            unknown = policy.unknown
            yield from sorted(
                links.check_links(every, self.registry, unknown), key=_rank_finding_by_place
            )
            if scope.kind == "full":
                yield from links.check_declared_tests(self.registry, collected.declared)

    def _build_scope(self, collected: Collected, facts: RunFacts) -> Scope:
        forced = self.settings.scope
        reasons = tuple(self._find_scope_reasons(collected, facts))
        expected = collected.expected
        return Scope(
            kind=forced or ("partial" if reasons else "full"),
            reasons=(*reasons, *filter(None, [facts.idle])),
            root=find_path_in_repository(self._root) if facts.detailed else "",
            files=tuple(sorted(collected.files)),
            expected=None if expected is None else tuple(sorted(expected)),
            own_selection=all(
                why == DESELECTED_BY_CONFIGURATION for why in collected.deselected.values()
            ),
            executes=not facts.idle,
            forced=forced == "full",
        )

    def _find_scope_reasons(self, collected: Collected, facts: RunFacts) -> Iterator[str]:
        """Yield the reasons why the run is a part of the suite."""
        if self.settings.scope == "partial":
            yield "--postmortem-scope=partial"
        if self.settings.scope is not None:
            return
        yield from collected.reasons
        if facts.lost:
            yield f"links lost with worker {', '.join(facts.lost)}"
        elif not self._collected:
            yield INTERRUPTED_REASON
        if self._late and any(postmortem.tests for postmortem in self.registry or ()):
            yield "the registry was loaded after the collection (postmortem_registry prevents it)"

    def _today(self, known: Registry, facts: RunFacts) -> Today | None:
        """Return the date of evaluation, if it is needed."""
        policy = self.settings.policy
        if not (facts.dated or policy.grace or any(postmortem.until for postmortem in known)):
            return None
        from pytest_postmortem.today import find_today

        return find_today(self.settings.today, self._root, known)


def _index_tests_by_nodeid(
    reported: Mapping[NodeKey, Iterable[NodeKey]],
) -> dict[str, tuple[NodeKey, ...]]:
    """Return the tests that a report may be of which has only a node id."""
    found: dict[str, dict[NodeKey, None]] = {}
    for key, tests in reported.items():
        found.setdefault(key.nodeid, {}).update(dict.fromkeys(tests))
    return {nodeid: tuple(tests) for nodeid, tests in found.items()}


def _build_today_findings(today: Today | None) -> Iterator[Finding]:
    """Yield the notes on the date of evaluation; a failure of git does not end a run."""
    if today is not None:
        yield from today.notes
        if today.error is not None:
            message = f"{today.error.brief}; until then dates are judged by {today.day}"
            yield Finding("git-failed", "warning", message)


def _is_missing_file(path: Path) -> bool:
    """Return whether there is no such file; False if that can't be found out."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False


def _rank_finding_by_place(finding: Finding) -> tuple[str, int]:
    """Return the sort key of findings, since tests that mark themselves run in any order."""
    return finding.path or "", finding.line or 0


def build_loading_options(settings: Settings) -> LoadOptions:
    """Return the options for loading locations from the settings."""
    policy = settings.policy
    return LoadOptions(
        id_pattern=settings.id_pattern,
        files=settings.files,
        vocabulary=settings.vocabulary,
        severities=(*policy.severities, *policy.require, *policy.require_proof),
        url_template=settings.url_template,
        show=settings.show,
        offline=settings.offline,
        unreachable=settings.unreachable,
        keep=frozenset(key for key, _ in policy.select),
        synced=settings.sync,
    )


def load_found_registry(
    found: Path, root: Path, settings: Settings, cache: Path | None
) -> Registry | None:
    """Load the found registry in a worker, without fetching."""
    how = build_loading_options(settings)._replace(offline=True, cache=cache)
    try:
        return registry.load_registry([Location(str(found), root)], root, how)
    except RegistryError:
        return None


def _build_registry_warning(problem: Problem) -> Finding:
    """Return a warning for a problem of a found registry that is not configured."""
    message = f"{problem.cause}; {problem.remedy}"
    return Finding(problem.slug, "warning", message, problem.path, problem.line)


def find_path_in_repository(root: Path) -> str:
    """Return the path of the rootdir in its repository, an empty text at its top."""
    from pytest_postmortem import git

    top = git.find_repository_top(root)
    return "" if top in (None, root) else root.relative_to(top or root).as_posix()
