"""Places in code that may link tests to incidents in a way that only a run shows.

A reference to one of our marks is either read as the mark of a test, or part of a definition
(a constant, a function, a class) whose uses are references too, or it is such a place.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pytest_postmortem.evaluation.links import may_have_ids
from pytest_postmortem.pysource.bindings import find_executed_parts, is_on_any_line, walk_statements
from pytest_postmortem.pysource.expressions import (
    bind_decorator_arguments,
    find_plugin_decorators,
    format_dotted_name,
    is_mark_name,
    mask_local_names,
    parse_mark_name,
    read_literal_arguments,
)
from pytest_postmortem.pysource.marking_lines import (
    CODE_RUNNERS,
    MARK_RELATED_NAMES,
    MarkingLines,
)
from pytest_postmortem.pysource.project_modules import (
    BoundValue,
    ImportTarget,
    ModuleIndex,
    ParsedModule,
    find_module_stem,
)
from pytest_postmortem.pysource.resolver import (
    EMPTY_SCOPE,
    LOCAL_SCOPES,
    ExpressionReducer,
    InternalModule,
    NameScope,
    ReducedDefinition,
    UnresolvedName,
)

MAX_IMPORT_ROUNDS = 5
"""How many files deep an import of an import is followed."""

MARK_NAMESPACES = frozenset({"pytest.mark", "_pytest.mark.MARK_GEN"})
"""The object whose attributes are the marks."""


@dataclass(frozen=True, slots=True)
class LinkClaim:
    """The ids to which code may link a test; ``more`` is True if there may be further ids."""

    ids: frozenset[str] = frozenset()
    more: bool = False


ANY_CLAIM = LinkClaim(more=True)


def join_claims(claims: Iterable[LinkClaim | None]) -> LinkClaim | None:
    """Return the union of the claims that there are, None where there is none."""
    given = [claim for claim in claims if claim is not None]
    if not given:
        return None
    ids = frozenset().union(*(claim.ids for claim in given))
    return LinkClaim(ids, any(claim.more for claim in given))


@dataclass(frozen=True, slots=True)
class UnreadPlace:
    """A line of code that may link tests in a way that only a run shows."""

    line: int
    code: str
    claim: LinkClaim


class MarkCodeReader:
    """Follows the marks of some names through the files of a project."""

    def __init__(self, modules: ModuleIndex, names: Collection[str]) -> None:
        self.modules = modules
        self._names = frozenset(names)
        setters = (name.rpartition(".")[2] for name in find_plugin_decorators(names))
        self._followed = self._names.union(MARK_RELATED_NAMES, setters)
        self._marking = MarkingLines(modules, self._names)
        self._tentative: set[tuple[str, str]] = set()
        self._active: list[tuple[str, str]] = []
        self._claims: dict[tuple[str, str], LinkClaim | None] = {}
        self._reducers: dict[str, ExpressionReducer] = {}

    def reducer(self, module: ParsedModule) -> ExpressionReducer:
        """Return the reducer of a file."""
        return self._reducers.setdefault(module.path, ExpressionReducer(module, self.modules))

    @property
    def namespace_files(self) -> frozenset[str]:
        """The files that may use ``pytest.mark`` as a value."""
        return self._marking.namespace_files

    def find_files(self) -> frozenset[str]:
        """Return the files that name one of our marks, or import one."""
        new = self._marking.find_files()
        for _ in range(MAX_IMPORT_ROUNDS):
            stems = frozenset(map(_encode_module_stem, filter(self._exports_mark, new)))
            near = [path for path in self.modules.contents if path not in self._marking.files]
            near = [path for path in near if stems and self.modules.imports_any(path, stems)]
            new = frozenset(path for path in near if self._imports_mark(path, stems))
            if not new:
                break
            self._marking.add(new)
            self._claims.clear()
        return self._marking.files

    def follow_all(self) -> None:
        """Follow all names of the files that name or import a mark, for `with_file`."""
        for module in filter(None, map(self._marking.read, self._marking.files)):
            for name in module.bound:
                self.claim_of(module, name)

    def with_file(self, path: str, data: bytes) -> MarkCodeReader:
        """Return a reader with one more file, which no other file imports."""
        made = MarkCodeReader(self.modules.with_file(path, data), self._names)
        made._marking.add({*self._marking.files, path})
        if made._marking.has_text and not self._marking.has_text:
            made._marking.add(made._marking.namespace_files)
        else:
            made._claims.update(self._claims)
        return made

    def marks(self, path: str) -> bool:
        """Return whether a file names one of our marks, or imports one."""
        others = frozenset(map(_encode_module_stem, self._marking.files))
        return self._marking.may_mark(path) or self._imports_mark(path, others)

    def _imports_mark(self, path: str, stems: frozenset[bytes]) -> bool:
        module = self.modules.read(path)
        if module is None or self.modules.imports_later(path, stems):
            return module is not None
        imports = [
            (name, binding.value)
            for name, bindings in module.bound.items()
            for binding in bindings
            if isinstance(binding.value, ImportTarget)
        ]
        if any(self.claim_of(module, name) for name, _ in imports):
            return True
        targets = (value for _, value in imports)
        wholes = (*targets, *map(ImportTarget, module.imported), *module.stars)
        files = {file for whole in wholes for file in self._find_whole(module, whole)}
        return any(map(self._exports_mark, files))

    def _exports_mark(self, path: str) -> bool:
        module = self._marking.read(path)
        return module is not None and any(self.claim_of(module, name) for name in module.bound)

    def claim_of(self, module: ParsedModule, name: str) -> LinkClaim | None:
        """Return the claim of a name of a file, None without a reference to a mark."""
        key = (module.path, name)
        if key in self._active:  # circular definitions add nothing
            self._tentative.update(self._active[self._active.index(key) + 1 :])
            return None
        if key not in self._claims:
            self._active.append(key)
            self._claims[key] = self._find_claim_of_name(module, name)
            self._active.pop()
            if not self._active:
                for each in self._tentative:
                    self._claims.pop(each, None)
                self._tentative.clear()
        return self._claims[key]

    def _find_claim_of_name(self, module: ParsedModule, name: str) -> LinkClaim | None:
        if name in module.bound:
            return join_claims(
                self._find_claim_of_value(module, binding.value) for binding in module.bound[name]
            )
        starred = (path for star in module.stars for path in self._find_whole(module, star))
        claims = (self._find_claim_in_file(path, name) for path in starred)
        return next(filter(None, claims), None)

    def _find_claim_of_value(self, module: ParsedModule, value: BoundValue) -> LinkClaim | None:
        if not isinstance(value, ImportTarget):
            return None if value is None else self.claim(module, value)
        name = value.attribute
        if name is None:
            return None
        if value.level == 0 and parse_mark_name(f"{value.module}.{name}") in self._names:
            return ANY_CLAIM
        paths = self.modules.find(module.path, value.module, value.level)
        return join_claims(self._find_claim_in_file(path, name) for path in paths)

    def _find_claim_in_file(self, path: str, name: str) -> LinkClaim | None:
        module = self._marking.read(path)
        return self.claim_of(module, name) if module else None

    def _find_whole(self, module: ParsedModule, target: ImportTarget) -> Sequence[str]:
        return self.modules.find_whole(module.path, target)

    def claim(
        self,
        module: ParsedModule,
        node: ast.AST,
        read: Collection[int] = (),
    ) -> LinkClaim | None:
        """Return the claim of some code, None without a reference to a mark.

        ``read`` are the expressions that are read already.
        """
        return join_claims(claim for _, claim in self.find_mark_references(module, node, read))

    def find_mark_references(
        self,
        module: ParsedModule,
        node: ast.AST,
        read: Collection[int] = (),
    ) -> Iterator[tuple[ast.AST, LinkClaim]]:
        """Yield the expressions that name a mark of ours, or something that does."""
        lines = self._marking.find_lines(module)
        waiting: list[tuple[ast.AST, NameScope]] = [(node, EMPTY_SCOPE)]
        while waiting:
            current_node, scope = waiting.pop()
            is_finished = id(current_node) in read
            if isinstance(current_node, ast.stmt):  # fast path
                is_finished = lines is not None and not is_on_any_line(lines, current_node)
            elif isinstance(current_node, ast.expr) and not is_finished:
                node_claim, is_finished = self._read_reference(module, current_node, scope)
                if node_claim is not None:
                    yield current_node, node_claim
            if not is_finished:
                if isinstance(current_node, LOCAL_SCOPES):
                    scope = {**scope, **mask_local_names(current_node)}
                waiting.extend((child, scope) for child in ast.iter_child_nodes(current_node))

    def _read_reference(
        self, module: ParsedModule, node: ast.expr, scope: NameScope
    ) -> tuple[LinkClaim | None, bool]:
        """Return the claim of an expression, and whether its parts can be skipped."""
        if isinstance(node, ast.Call):
            return self._read_call(module, node, scope)
        if not isinstance(node, (ast.Name, ast.Attribute)) or isinstance(node.ctx, ast.Store):
            return None, False
        if isinstance(node, ast.Name):
            name_claim = self.claim_of(module, node.id)
            if (
                name_claim is None
                and node.id in module.bound
                and self._is_namespace(module, node, scope)
            ):
                name_claim = ANY_CLAIM
            return name_claim, True
        if not self._is_followed(module, node):
            return None, False
        name = format_dotted_name(self._reduce_node(module, node, scope))
        if is_mark_name(name):
            return (ANY_CLAIM if self._may_be_ours(module, name) else None), True
        if self._is_namespace(module, node, scope):
            return ANY_CLAIM, True
        owner = self._reduce_node(module, node.value, scope)
        if isinstance(owner, InternalModule):
            return self._find_claim_in_file(owner.path, node.attr), True
        return None, False

    def _read_call(
        self, module: ParsedModule, node: ast.Call, scope: NameScope
    ) -> tuple[LinkClaim | None, bool]:
        last = getattr(node.func, "attr", getattr(node.func, "id", ""))
        runs = last in CODE_RUNNERS and (last != "compile" or isinstance(node.func, ast.Name))
        if runs and self._has_text(module, node):
            return ANY_CLAIM, True
        if last == "Mark" and self._has_text(module, node.args[0] if node.args else node):
            return ANY_CLAIM, True
        if not self._is_followed(module, node):
            return None, False
        function = self._reduce_node(module, node.func, scope)
        ours = parse_mark_name(format_dotted_name(function)) in self._names
        if not (
            ours
            or isinstance(function, (ReducedDefinition, ast.Call))
            or last in MARK_RELATED_NAMES
        ):
            return None, False
        reduced_call = self._reduce_node(module, node, scope)
        if not isinstance(reduced_call, ast.Call):
            name = format_dotted_name(reduced_call)
            return (ANY_CLAIM if parse_mark_name(name) in self._names else None), is_mark_name(name)
        if self._adds_arguments(reduced_call):
            return ANY_CLAIM, True
        if parse_mark_name(format_dotted_name(reduced_call.func)) not in self._names:
            return None, False
        keywords = {each.arg: each.value for each in reduced_call.keywords if each.arg}
        name = format_dotted_name(reduced_call.func)
        args, keywords = bind_decorator_arguments(name, reduced_call.args, keywords)
        literals, complete = read_literal_arguments(args)
        more = not complete or any(
            each.arg is None or may_have_ids(each.arg) for each in reduced_call.keywords
        )
        return LinkClaim(frozenset(str(id).strip() for id in literals), more), True

    def _adds_arguments(self, call: ast.Call) -> bool:
        """Return whether a reduced call gives more arguments to a mark, and does not decorate."""
        made = call.func.value if isinstance(call.func, ast.Attribute) else call.func
        if (
            not isinstance(made, ast.Call)
            or parse_mark_name(format_dotted_name(made.func)) not in self._names
        ):
            return False
        first = call.args[0] if len(call.args) == 1 and made is call.func else None
        while isinstance(first, ast.Call) and isinstance(first.func, ast.Call):
            first = first.args[0] if len(first.args) == 1 else None  # what a mark was put on
        return not isinstance(first, (ast.Name, ast.Attribute))

    def _is_followed(self, module: ParsedModule, node: ast.expr) -> bool:
        """Return whether an expression may evaluate to one of our marks, by a fast check."""
        parts: list[str] = []
        while True:
            if isinstance(node, ast.Attribute):
                parts.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Call):
                node = node.func
            else:
                break
        if not self._followed.isdisjoint(parts):
            return True
        if not isinstance(node, ast.Name) or node.id in MARK_RELATED_NAMES:
            return isinstance(node, ast.Name)
        if self.claim_of(module, node.id) is not None:
            return True
        return bool(parts) and self._module_marks(module, node.id, parts[-1])

    def _module_marks(self, module: ParsedModule, name: str, attribute: str) -> bool:
        """Return whether an attribute of a module of the project may be one of our marks."""
        values = (target.value for target in module.bound.get(name, ()))
        imports = (target for target in values if isinstance(target, ImportTarget))
        paths = (path for target in imports for path in self._find_whole(module, target))
        for path in filter(self._marking.leads_to, paths):
            other = self.modules.read(path)
            if other is not None and attribute not in other.bound:
                return True  # a submodule
            if other is not None and self.claim_of(other, attribute) is not None:
                return True
        return False

    def may_mark(self, module: ParsedModule, node: ast.expr) -> bool:
        """Return whether a reduced expression of a file may contain one of our marks."""
        waiting: list[ast.AST] = [node]
        seen: set[int] = set()
        while waiting:
            part = waiting.pop()
            name = format_dotted_name(part) if isinstance(part, (ast.Attribute, ast.Name)) else ""
            if id(part) in seen:
                continue
            seen.add(id(part))
            if is_mark_name(name):
                if self._may_be_ours(module, name):
                    return True
            elif name in MARK_NAMESPACES and self._marking.may_get_mark(module):
                return True
            elif isinstance(part, ReducedDefinition):
                if self.claim(part.home.module, part.node):
                    return True
            elif isinstance(part, ast.Name):
                home = part.home if isinstance(part, UnresolvedName) else module
                if self.claim_of(home, part.id):
                    return True
            else:
                waiting.extend(ast.iter_child_nodes(part))
        return False

    def _may_be_ours(self, module: ParsedModule, name: str) -> bool:
        """Return whether an attribute of ``pytest.mark`` is, or may return, one of our marks."""
        mark = parse_mark_name(name)
        return mark in self._names or (mark[:2] == "__" and self._marking.may_get_mark(module))

    def _is_namespace(self, module: ParsedModule, node: ast.expr, scope: NameScope) -> bool:
        """Return whether an expression is ``pytest.mark`` itself, and may become one of ours."""
        return (
            self._marking.may_get_mark(module)
            and format_dotted_name(self._reduce_node(module, node, scope)) in MARK_NAMESPACES
        )

    def _has_text(self, module: ParsedModule, node: ast.AST) -> bool:
        """Return whether a text below some code names one of our marks."""
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                part = self._reduce_node(module, part)
            text = part.value if isinstance(part, ast.Constant) else None
            if isinstance(text, str) and any(name in text for name in self._names):
                return True
        return False

    def _reduce_node(
        self, module: ParsedModule, node: ast.expr, scope: NameScope = EMPTY_SCOPE
    ) -> ast.expr:
        return self.reducer(module).reduce_expression(node, scope=scope)

    def find_places(
        self,
        module: ParsedModule,
        read: Collection[int] = (),
        is_collected: Callable[[str], bool] = lambda name: False,
        classes: Collection[int] = (),
    ) -> Iterator[UnreadPlace]:
        """Yield the places of a file that may link tests in a way that only a run shows.

        ``read`` are the expressions that were read as marks of tests; ``is_collected`` returns
        whether pytest collects a name of the file, ``classes`` are further classes with tests.
        """
        lines: dict[int, list[LinkClaim | None]] = defaultdict(list)
        for node, _ in walk_statements(module.tree.body, certain=True):
            for part in find_executed_parts(node, is_collected, classes):
                for reference, claim in self.find_mark_references(module, part, read):
                    lines[getattr(reference, "lineno", node.lineno)].append(claim)
            for name in self._collected_names(module, node, is_collected):
                lines[node.lineno].append(self.claim_of(module, name))
        texts = module.lines if lines else ()
        for line in sorted(lines):
            joined = join_claims(lines[line])
            if joined is not None:
                code = texts[line - 1].strip() if line <= len(texts) else ""
                yield UnreadPlace(line, code, joined)

    def _collected_names(
        self, module: ParsedModule, node: ast.stmt, is_collected: Callable[[str], bool]
    ) -> Iterator[str]:
        """Yield the names that an import gives to a file, and that pytest takes."""
        if not isinstance(node, ast.ImportFrom):
            return
        for alias in node.names:
            if alias.name != "*":
                names = [alias.asname or alias.name]
            else:
                star = ImportTarget(node.module or "", node.level, "*")
                files = map(self.modules.read, self._find_whole(module, star))
                names = [name for other in files if other for name in other.bound]
            yield from filter(is_collected, names)


def _encode_module_stem(path: str) -> bytes:
    return find_module_stem(path).encode(errors="surrogateescape")
