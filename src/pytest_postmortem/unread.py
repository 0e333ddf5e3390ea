"""Places of a project's code that may link tests to incidents in a way that only a run shows.

Every place that names one of our marks is either read as the mark of a test, or named in the value
of something that other places use (a constant, a function, a class), or it is such a place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from pytest_postmortem.bindings import find_executed_parts, statements
from pytest_postmortem.expressions import dotted, is_mark_name, mark_of
from pytest_postmortem.folding import literal, spread
from pytest_postmortem.marking_lines import NEAR, RUNNERS, MarkingLines, is_among
from pytest_postmortem.modules import Binding, Import, Module, Modules, module_name
from pytest_postmortem.reducing import Defined, Inside, Reducer

__all__ = ["Claim", "CodeReader", "Place"]

ROUNDS = 5
"""How many files deep an import of an import is followed."""

NAMESPACES = frozenset({"pytest.mark", "_pytest.mark.MARK_GEN"})
"""What all marks are attributes of."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The ids that code may link a test to; with ``more`` they are not all that it may."""

    ids: frozenset[str] = frozenset()
    more: bool = False

    def join(self, other: Claim | None) -> Claim:
        """Return what either of two may link a test to."""
        return self if other is None else Claim(self.ids | other.ids, self.more or other.more)


ANY = Claim(more=True)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of code that may link tests which can't be told from the code."""

    line: int
    code: str
    claim: Claim


class CodeReader:
    """Follows the marks of some names through the files of a project."""

    def __init__(self, modules: Modules, names: Collection[str]) -> None:
        self.modules = modules
        self._names = frozenset(names)
        self._marking = MarkingLines(modules, self._names)
        self._tentative: set[tuple[str, str]] = set()
        self._active: list[tuple[str, str]] = []
        self._claims: dict[tuple[str, str], Claim | None] = {}
        self._reducers: dict[str, Reducer] = {}

    def reducer(self, module: Module) -> Reducer:
        """Return what follows the names of a file."""
        return self._reducers.setdefault(module.path, Reducer(module, self.modules))

    def find_files(self) -> frozenset[str]:
        """Return the files that name one of our marks, or import what does."""
        new = self._marking.find_files()
        for _ in range(ROUNDS):
            stems = frozenset(map(_stem, filter(self._exports_mark, new)))
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

    def with_file(self, path: str, data: bytes) -> CodeReader:
        """Return what reads the same files and one more, which none of them imports."""
        made = CodeReader(self.modules.with_file(path, data), self._names)
        made._marking.add({*self._marking.files, path})
        made._claims.update(self._claims)
        return made

    def marks(self, path: str) -> bool:
        """Say whether a file names one of our marks, or imports what does."""
        others = frozenset(map(_stem, self._marking.files))
        return self._marking.may_mark(path) or self._imports_mark(path, others)

    def _imports_mark(self, path: str, stems: frozenset[bytes]) -> bool:
        module = self.modules.read(path)
        if module is None or self.modules.imports_later(path, stems):
            return module is not None
        imports = [
            (name, binding.value)
            for name, bindings in module.bound.items()
            for binding in bindings
            if isinstance(binding.value, Import)
        ]
        if any(self.claim_of(module, name) for name, _ in imports):
            return True
        wholes = [*(value for _, value in imports), *map(Import, module.imported), *module.stars]
        files = {file for value in wholes for file in self.modules.find_whole(module.path, value)}
        return any(self._exports_mark(file) for file in files)

    def _exports_mark(self, path: str) -> bool:
        module = self._marking.read(path)
        return module is not None and any(self.claim_of(module, name) for name in module.bound)

    def claim_of(self, module: Module, name: str) -> Claim | None:
        """Return what the use of a name of a file may link a test to, None for nothing."""
        key = (module.path, name)
        if key in self._active:  # names that are made of each other add nothing here
            self._tentative.update(self._active[self._active.index(key) + 1 :])
            return None
        if key not in self._claims:
            self._active.append(key)
            self._claims[key] = self._bound_claim(module, name)
            self._active.pop()
            if not self._active:
                for each in self._tentative:
                    self._claims.pop(each, None)
                self._tentative.clear()
        return self._claims[key]

    def _bound_claim(self, module: Module, name: str) -> Claim | None:
        bindings = module.bound.get(name)
        if bindings is None:
            return self._star_claim(module, name) if module.stars else None
        found: Claim | None = None
        for binding in bindings:
            own = self._binding_claim(module, binding)
            found = own.join(found) if own else found
        return found

    def _binding_claim(self, module: Module, binding: Binding) -> Claim | None:
        value = binding.value
        if isinstance(value, Import):
            if value.attribute is None:
                return None
            found: Claim | None = None
            for path in self.modules.find(module.path, value.module, value.level):
                other = self._marking.read(path)
                own = self.claim_of(other, value.attribute) if other else None
                found = own.join(found) if own else found
            return found
        return None if value is None else self.claim(module, value)

    def _star_claim(self, module: Module, name: str) -> Claim | None:
        for star in module.stars:
            for path in self.modules.find_whole(module.path, star):
                other = self._marking.read(path)
                found = self.claim_of(other, name) if other else None
                if found is not None:
                    return found
        return None

    def claim(
        self,
        module: Module,
        node: ast.AST,
        read: Collection[int] = (),
    ) -> Claim | None:
        """Return what some code may link a test to, None for nothing.

        ``read`` are the expressions that are read already.
        """
        found: Claim | None = None
        for _, own in self.references(module, node, read):
            found = own.join(found)
        return found

    def references(
        self,
        module: Module,
        node: ast.AST,
        read: Collection[int] = (),
    ) -> Iterator[tuple[ast.AST, Claim]]:
        """Yield the expressions that name a mark of ours, or something that does."""
        lines = self._marking.find_lines(module)
        waiting: list[ast.AST] = [node]
        while waiting:
            each = waiting.pop()
            done = id(each) in read
            if isinstance(each, ast.stmt):  # which is cheap to leave out
                done = lines is not None and not is_among(lines, each)
            elif isinstance(each, ast.expr) and not done:
                own, done = self._reference(module, each)
                if own is not None:
                    yield each, own
            if not done:
                waiting.extend(ast.iter_child_nodes(each))

    def _reference(self, module: Module, node: ast.expr) -> tuple[Claim | None, bool]:
        """Return what an expression itself may link to, and whether its parts don't matter."""
        if isinstance(node, ast.Call):
            return self._call(module, node)
        if not isinstance(node, (ast.Name, ast.Attribute)) or isinstance(node.ctx, ast.Store):
            return None, False
        if isinstance(node, ast.Name):
            found = self.claim_of(module, node.id)
            if found is None and node.id in module.bound and self._is_namespace(module, node):
                found = ANY
            return found, True
        if not self._is_followed(module, node):
            return None, False
        name = dotted(self._reduced(module, node))
        if is_mark_name(name):
            return (ANY if mark_of(name) in self._names else None), True
        if self._is_namespace(module, node):
            return ANY, True
        owner = self._reduced(module, node.value)
        if isinstance(owner, Inside):
            other = self._marking.read(owner.path)
            return (self.claim_of(other, node.attr) if other else None), True
        return None, False

    def _call(self, module: Module, node: ast.Call) -> tuple[Claim | None, bool]:
        last = getattr(node.func, "attr", getattr(node.func, "id", ""))
        runs = last in RUNNERS and (last != "compile" or isinstance(node.func, ast.Name))
        if runs and self._has_text(module, node):
            return ANY, True
        if last == "Mark" and self._has_text(module, node.args[0] if node.args else node):
            return ANY, True
        if not self._is_followed(module, node):
            return None, False
        function = self._reduced(module, node.func)
        ours = mark_of(dotted(function)) in self._names
        if not (ours or isinstance(function, (Defined, ast.Call)) or last in NEAR):
            return None, False
        whole = self._reduced(module, node)
        if not isinstance(whole, ast.Call):
            name = dotted(whole)
            return (ANY if mark_of(name) in self._names else None), is_mark_name(name)
        if mark_of(dotted(whole.func)) not in self._names:
            return None, False
        values = [literal(part) for each in whole.args for part in spread(each)]
        more = None in values or any(each.arg is None for each in whole.keywords)
        ids = frozenset(str(each[0]).strip() for each in values if each)
        return Claim(ids, more), True

    def _is_followed(self, module: Module, node: ast.expr) -> bool:
        """Say whether an expression may come to one of our marks, which is cheap to know."""
        parts: list[str] = []
        while True:
            if isinstance(node, ast.Attribute):
                parts.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Call):
                node = node.func
            else:
                break
        if not (self._names | NEAR).isdisjoint(parts):
            return True
        if not isinstance(node, ast.Name) or node.id in NEAR:
            return isinstance(node, ast.Name)
        if self.claim_of(module, node.id) is not None:
            return True
        return bool(parts) and self._module_marks(module, node.id, parts[-1])

    def _module_marks(self, module: Module, name: str, attribute: str) -> bool:
        """Say whether an attribute of a module of the project may be one of our marks."""
        values = (each.value for each in module.bound.get(name, ()))
        imports = (each for each in values if isinstance(each, Import))
        paths = (path for each in imports for path in self.modules.find_whole(module.path, each))
        for path in filter(self._marking.leads_to, paths):
            other = self.modules.read(path)
            if other is not None and attribute not in other.bound:
                return True  # a module below
            if other is not None and self.claim_of(other, attribute) is not None:
                return True
        return False

    def may_mark(self, module: Module, node: ast.expr) -> bool:
        """Say whether what is left of a reduced expression of a file may be a mark of ours."""
        waiting: list[ast.AST] = [node]
        seen: set[int] = set()
        while waiting:
            each = waiting.pop()
            name = dotted(each) if isinstance(each, (ast.Attribute, ast.Name)) else ""
            if id(each) in seen:
                continue
            seen.add(id(each))
            if is_mark_name(name):
                if mark_of(name) in self._names:
                    return True
            elif name in NAMESPACES and self._marking.names_mark(module):
                return True
            elif isinstance(each, Defined):
                if self.claim(each.home.module, each.node):
                    return True
                waiting.extend(each.scope.values())
            elif isinstance(each, ast.Name) and self.claim_of(module, each.id):
                return True
            else:
                waiting.extend(ast.iter_child_nodes(each))
        return False

    def _is_namespace(self, module: Module, node: ast.expr) -> bool:
        """Say whether all marks are handed on, in a file that names one of ours."""
        return (
            self._marking.names_mark(module) and dotted(self._reduced(module, node)) in NAMESPACES
        )

    def _has_text(self, module: Module, node: ast.AST) -> bool:
        """Say whether a text below some code names one of our marks."""
        for each in ast.walk(node):
            if isinstance(each, ast.Name):
                each = self._reduced(module, each)
            text = each.value if isinstance(each, ast.Constant) else None
            if isinstance(text, str) and any(name in text for name in self._names):
                return True
        return False

    def _reduced(self, module: Module, node: ast.expr) -> ast.expr:
        return self.reducer(module).reduce(node)

    def find_places(
        self,
        module: Module,
        read: Collection[int] = (),
        is_collected: Callable[[str], bool] = lambda name: False,
        classes: Collection[int] = (),
    ) -> Iterator[Place]:
        """Yield the places of a file that may link tests in a way that code can't tell.

        ``read`` are the expressions that were read as marks of tests; ``is_collected`` says of a
        name of the file whether pytest takes what it is bound to, ``classes`` are the
        further ones that tests come from.
        """
        lines: dict[int, Claim] = {}
        for node, _ in statements(module.tree.body, certain=True):
            for part in find_executed_parts(node, is_collected, classes):
                for found, claim in self.references(module, part, read):
                    line = getattr(found, "lineno", node.lineno)
                    lines[line] = claim.join(lines.get(line))
            for name in self._collected_names(module, node, is_collected):
                imported = self.claim_of(module, name)
                if imported is not None:
                    lines[node.lineno] = imported.join(lines.get(node.lineno))
        texts = module.lines if lines else ()
        for line in sorted(lines):
            code = texts[line - 1].strip() if line <= len(texts) else ""
            yield Place(line, code, lines[line])

    def _collected_names(
        self, module: Module, node: ast.stmt, is_collected: Callable[[str], bool]
    ) -> Iterator[str]:
        """Yield the names that an import gives to a file, and that pytest takes."""
        if not isinstance(node, ast.ImportFrom):
            return
        for alias in node.names:
            if alias.name != "*":
                names = [alias.asname or alias.name]
            else:
                star = Import(node.module or "", node.level, "*")
                files = map(self.modules.read, self.modules.find_whole(module.path, star))
                names = [name for other in files if other for name in other.bound]
            yield from filter(is_collected, names)


def _stem(path: str) -> bytes:
    return module_name(path).encode(errors="surrogateescape")
