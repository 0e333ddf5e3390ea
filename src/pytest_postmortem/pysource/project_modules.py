"""The Python files of a project: their names with bindings, and the resolution of imports.

Nothing is imported. A name keeps all its bindings with their positions,
since a decorator sees the one that came last before it.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_postmortem.pysource.bindings import (
    Definition,
    parse_python_tree,
    walk_lines,
    walk_statements,
)

Position = tuple[int, int]

MUTATING_METHODS = frozenset(
    {
        *("add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove"),
        *("reverse", "setdefault", "sort", "update", "__setitem__"),
    }
)
"""Methods that change the object that they are called on."""

_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([^\r\n#]*)", re.MULTILINE)
IMPORTERS = ("import_module", "importorskip", "__import__")
_IMPORTER_WORDS = tuple(name.encode() for name in IMPORTERS)
_PART = re.compile(rb"[\s)]*[.\[\\#]")
"""An attribute or an item after a name, or a comment or the end of a line before it."""

_NEWLINE = re.compile(rb"\r\n?")
_NOT_IN_WORD = re.compile(rb"\W")
_BINDING_WORDS = (b"import", b"global")
"""What binds names of the module from within a function."""

_WORD = re.compile(rb"[\w\x80-\xff]+")


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """The target of an import: a module, or with ``attribute`` a name in it.

    ``level`` counts the dots of a relative import.
    """

    module: str
    level: int = 0
    attribute: str | None = None


BoundValue = ast.expr | Definition | ImportTarget | None


@dataclass(frozen=True, slots=True)
class NameBinding:
    """A binding of a name; ``value`` is None if it can't be read.

    ``certain`` is True for an unconditional statement.
    """

    position: Position
    value: BoundValue
    certain: bool


def find_name_bindings(code: Sequence[ast.stmt]) -> dict[str, list[NameBinding]]:
    """Return the names that the statements of a module or class bind, each in order."""
    bindings: dict[str, list[NameBinding]] = defaultdict(list)
    for node, certain in walk_statements(code, certain=True):
        for name, value in _find_statement_bindings(node):
            bindings[name].append(NameBinding((node.lineno, node.col_offset), value, certain))
    return bindings


def _find_statement_bindings(node: ast.stmt) -> Iterable[tuple[str, BoundValue]]:
    """Return the names that a statement binds by itself, each with its value."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [(node.name, node)]
        case ast.Import() | ast.ImportFrom():
            return _find_imported_names(node)
        case ast.Assign():
            return _find_assigned_names(node.targets, node.value)
        case ast.AnnAssign(value=ast.expr()):
            return _find_assigned_names([node.target], node.value)
        case ast.AugAssign(target=ast.Name(id=name)):
            before = ast.copy_location(ast.Name(name, ast.Load()), node)
            whole = ast.copy_location(ast.BinOp(before, node.op, node.value), node)
            return [(name, whole)]
        case ast.For() | ast.AsyncFor():
            return _find_assigned_names([node.target], None)
        case ast.With() | ast.AsyncWith():
            names = (item.optional_vars for item in node.items)
            return _find_assigned_names(filter(None, names), None)
        case ast.Delete():
            return _find_assigned_names(node.targets, None)
    return ()


def _find_imported_names(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, ImportTarget]]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            target = ImportTarget(node.module or "", node.level, alias.name)
            yield alias.asname or alias.name, target
        else:
            top = alias.name if alias.asname else alias.name.partition(".")[0]
            yield alias.asname or top, ImportTarget(top)


def _find_assigned_names(
    targets: Iterable[ast.expr], value: ast.expr | None
) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the names of the targets of an assignment; a value that is unpacked is paired up."""
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id, value
        elif isinstance(target, ast.Starred):
            yield from _find_assigned_names([target.value], None)
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
            is_plain = not any(isinstance(part, ast.Starred) for part in (*parts, *target.elts))
            is_paired = is_plain and len(parts) == len(target.elts)
            for position, part in enumerate(target.elts):
                yield from _find_assigned_names([part], parts[position] if is_paired else None)


@dataclass(slots=True)
class ParsedModule:
    """A Python file; ``rebound`` are the names that its functions bind anew, ``imported`` the
    modules that it names with ``import``.

    Its expressions are read when they are asked for, which not every caller does. ``data`` has its
    lines end with ``\\n``, and may be empty, if the text is not at hand.
    """

    path: str
    tree: ast.Module
    data: bytes
    bound: Mapping[str, Sequence[NameBinding]]
    stars: Sequence[ImportTarget]
    imported: frozenset[str]
    rebound: frozenset[str]
    _words: Mapping[str, Sequence[int]] | None = field(default=None, init=False, repr=False)
    _changed: dict[str, bool] = field(default_factory=dict, init=False, repr=False)

    @property
    def words(self) -> Mapping[str, Sequence[int]]:
        """The names and attributes of its code, each with its lines."""
        if self._words is None:
            self._words = _find_words(self.tree)
        return self._words

    def is_changed(self, name: str) -> bool:
        """Return whether its code changes the object of a name after the binding of that name.

        A change is written ``name.method(`` or ``name[``, and only expressions on lines with
        either are read.
        """
        if name not in self._changed:
            is_readable = self.data and name.isascii()
            lines = _find_lines(self.data, _find_places(self.data, name.encode(), _PART))
            nodes = walk_lines(self.tree, lines if is_readable else None)
            self._changed[name] = any(name == _find_mutated_name(node) for node in nodes)
        return self._changed[name]

    @property
    def lines(self) -> Sequence[str]:
        """The lines of its text."""
        return self.data.decode(errors="replace").splitlines()

    def find(self, name: str, at: Position | None) -> NameBinding | None:
        """Return the binding of a name at a position, or at the end of the file.

        Return None without a binding, and a binding without a value if several are possible.
        """
        bindings = [each for each in self.bound.get(name, ()) if at is None or each.position < at]
        if not bindings:
            return None
        last = bindings[-1]
        clear = (last.certain or len(bindings) == 1) and name not in self.rebound
        return last if clear else NameBinding(last.position, None, False)


class ModuleIndex:
    """The Python files of a project by their paths from the rootdir, each parsed once.

    ``parsed`` keeps them for another state of the project.
    """

    def __init__(
        self,
        contents: Mapping[str, bytes],
        parsed: dict[tuple[str, bytes], ParsedModule | None] | None = None,
    ) -> None:
        self.contents = contents
        self._parsed = {} if parsed is None else parsed
        self._imports: dict[tuple[str, str, int], Sequence[str]] = {}
        self._named: dict[str, list[str]] = defaultdict(list)
        for path in contents:
            self._named[find_module_stem(path)].append(path)

    def with_file(self, path: str, data: bytes) -> ModuleIndex:
        """Return an index with one more file; its syntax tree is not kept."""
        return ModuleIndex({**self.contents, path: data}, dict(self._parsed))

    def read(self, path: str) -> ParsedModule | None:
        """Return a parsed file, None for invalid Python."""
        data = self.contents.get(path)
        if data is None:
            return None
        if (path, data) not in self._parsed:
            self._parsed[path, data] = _parse_module(path, data)
        return self._parsed[path, data]

    def find(self, importer: str, module: str, level: int = 0) -> Sequence[str]:
        """Return the files that an import may name, several if it is ambiguous.

        ``sys.path`` is unknown: an absolute name matches each file whose path ends with it; of
        several files those that share most folders with the importer are returned.
        """
        key = (importer, module, level)
        if key not in self._imports:
            self._imports[key] = self._find_imported_files(*key)
        return self._imports[key]

    def _find_imported_files(self, importer: str, module: str, level: int) -> Sequence[str]:
        parts = module.split(".") if module else []
        if level:
            folder = posixpath.dirname(importer)
            base = posixpath.normpath(posixpath.join(folder, *[".."] * (level - 1), *parts))
            paths = (f"{base}.py", posixpath.join(base, "__init__.py"))
            return [each for each in map(posixpath.normpath, paths) if each in self.contents]
        if not parts:
            return []
        tail = "/".join(parts)
        found = [
            path
            for path in self._named.get(parts[-1], ())
            if f"/{_strip_python_suffix(path)}".endswith(f"/{tail}")
        ]
        if len(found) < 2:
            return found
        shared = {path: len(posixpath.commonpath(["/" + path, "/" + importer])) for path in found}
        return [path for path in found if shared[path] == max(shared.values())]

    def find_used(self, path: str) -> frozenset[str]:
        """Return the files that a file may import, those that these import, and itself."""
        paths: set[str] = set()
        waiting = [path]
        while waiting:
            used_path = waiting.pop()
            if used_path not in paths:
                paths.add(used_path)
                waiting += self.find_imported(used_path)
        return frozenset(paths)

    def find_imported(self, path: str) -> Iterator[str]:
        """Yield the files that a file may import, several if a name is ambiguous."""
        module = self.read(path)
        for node in ast.walk(module.tree) if module else ():
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from self.find(path, alias.name)
            elif isinstance(node, ast.ImportFrom):
                own = node.module or ""
                names = [f"{own}.{alias.name}".lstrip(".") for alias in node.names]
                for name in (own, *names):
                    yield from self.find(path, name, node.level)
            elif isinstance(node, ast.Call) and _get_called_name(node.func) in IMPORTERS:
                texts = (each.value for each in node.args if isinstance(each, ast.Constant))
                for text in texts:
                    yield from self.find(path, text) if isinstance(text, str) else ()

    def find_whole(self, importer: str, wanted: ImportTarget) -> Sequence[str]:
        """Return the files of the module that an import names or that a star import reads."""
        whole = wanted.attribute in (None, "*")
        dots = wanted.module if whole else f"{wanted.module}.{wanted.attribute}".lstrip(".")
        return self.find(importer, dots, wanted.level)

    def imports_any(self, path: str, names: frozenset[bytes]) -> bool:
        """Return whether a file may import a module of these names, without parsing it."""
        for match in _IMPORT.finditer(self.contents[path]):
            words = match.group(1)
            if words.startswith(b".") or not names.isdisjoint(_WORD.findall(words)):
                return True
        return self.imports_later(path, names)

    def imports_later(self, path: str, names: frozenset[bytes]) -> bool:
        """Return whether a file may import a module of these names by calling a function."""
        data = self.contents[path]
        calls = any(word in data for word in _IMPORTER_WORDS)
        return calls and not names.isdisjoint(_WORD.findall(data))


def _get_called_name(function: ast.expr) -> str:
    """Return the last part of the name of a called function."""
    return str(getattr(function, "attr", getattr(function, "id", "")))


def find_module_stem(path: str) -> str:
    """Return the last part of the name of a module."""
    return posixpath.basename(_strip_python_suffix(path))


def _strip_python_suffix(path: str) -> str:
    """Return a path without ``.py`` or ``/__init__.py``."""
    return path.removesuffix(".py").removesuffix("/__init__")


def _parse_module(path: str, data: bytes) -> ParsedModule | None:
    try:
        tree = parse_python_tree(data)
        return None if tree is None else build_parsed_module(path, tree, data)
    except RecursionError:
        return None


def build_parsed_module(path: str, tree: ast.Module, data: bytes) -> ParsedModule:
    """Return a module from its syntax tree."""
    imports: list[ast.Import | ast.ImportFrom] = []
    rebound: set[str] = set()
    data = _NEWLINE.sub(b"\n", data) if b"\r" in data else data
    places = sorted(
        place for word in _BINDING_WORDS for place in _find_places(data, word, _NOT_IN_WORD)
    )
    for node in walk_lines(tree, _find_lines(data, places) if data else None):
        if isinstance(node, (ast.Import, ast.ImportFrom)):  # also inside of functions
            imports.append(node)
        elif isinstance(node, ast.Global):
            rebound.update(node.names)
    bound = find_name_bindings(tree.body)
    for each in sorted(imports, key=lambda each: each.lineno):
        for name, value in _find_statement_bindings(each):
            if name not in bound and name != "*":
                bound[name] = [NameBinding((each.lineno, each.col_offset), value, False)]
    stars = [each.value for each in bound.pop("*", ()) if isinstance(each.value, ImportTarget)]
    wholes = (each for each in imports if isinstance(each, ast.Import))
    imported = frozenset(alias.name for each in wholes for alias in each.names)
    return ParsedModule(path, tree, data, bound, stars, imported, frozenset(rebound))


def _find_lines(data: bytes, places: Iterable[int]) -> list[int]:
    """Return the numbers of the lines at ascending positions of a module, each once."""
    lines: list[int] = []
    line, counted = 1, 0
    for place in places:
        line += data.count(b"\n", counted, place)
        counted = place
        if lines[-1:] != [line]:
            lines.append(line)
    return lines


def _find_words(tree: ast.Module) -> Mapping[str, Sequence[int]]:
    """Return names, ``.attributes``, and what an import gives another name, with their lines.

    In ``mark.slow`` and ``pytest.mark.slow`` the ``mark`` is not a word: the name
    is added as ``mark.``, the attribute is not.
    """
    words: dict[str, list[int]] = defaultdict(list)
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind is ast.Name:
            words[node.id].append(node.lineno)
        elif kind is ast.Attribute:
            waiting += _note_attribute(node, words)
        elif kind is ast.alias and node.asname:
            words[node.name].append(node.lineno)
        elif kind is not ast.Constant:
            for value in vars(node).values():
                if type(value) is list:
                    waiting.extend(part for part in value if isinstance(part, ast.AST))
                elif isinstance(value, ast.AST):
                    waiting.append(value)
    return words


def _note_attribute(node: ast.Attribute, words: dict[str, list[int]]) -> list[ast.expr]:
    """Add an attribute to the words; return the part of its owner that remains to be walked."""
    words[f".{node.attr}"].append(node.end_lineno or node.lineno)
    owner = node.value
    if type(owner) is ast.Name and owner.id == "mark":
        words["mark."].append(owner.lineno)
        return []
    return [owner.value if type(owner) is ast.Attribute and owner.attr == "mark" else owner]


def _find_places(data: bytes, word: bytes, behind: re.Pattern[bytes]) -> Iterator[int]:
    """Yield where a text has a word, or the end of one, with something behind it."""
    place = data.find(word)
    while place >= 0:
        end = place + len(word)
        if behind.match(data, end):
            yield place
        place = data.find(word, end)


def _find_mutated_name(node: ast.AST) -> str | None:
    """Return the name of the list or the like that an expression changes, None for any other."""
    target: ast.expr | None = None
    if isinstance(node, ast.Subscript):
        target = None if isinstance(node.ctx, ast.Load) else node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        target = node.func.value if node.func.attr in MUTATING_METHODS else None
    while isinstance(target, (ast.Subscript, ast.Attribute)):
        target = target.value
    return target.id if isinstance(target, ast.Name) else None
