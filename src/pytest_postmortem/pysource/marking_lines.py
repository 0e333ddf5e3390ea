"""Fast search for the files and lines that may name one of our marks.

Other files and lines are not analyzed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from functools import cached_property

from pytest_postmortem.pysource.bindings import is_on_any_line
from pytest_postmortem.pysource.expressions import find_plugin_decorators
from pytest_postmortem.pysource.project_modules import ImportTarget, ModuleIndex, ParsedModule

GETATTR_NAMES = frozenset({"getattr", ".__getattr__"})

MARK_RELATED_NAMES = frozenset(
    {
        *("mark", "MARK_GEN", "getattr", "__getattr__", "with_args"),
        *("import_module", "importorskip"),
    }
)
"""Parts of an expression that may be one of our marks without its name."""

CODE_RUNNERS = frozenset({"exec", "eval", "compile"})

MARK_MAKING_NAMES = frozenset({"mark", "MARK_GEN", "Mark", *CODE_RUNNERS})
"""Names in code that may create one of our marks from a text."""


_NAMESPACE_AS_VALUE = re.compile(rb"\bmark\b(?!\s*\.\s*[a-zA-Z])|\bMARK_GEN\b")
"""``pytest.mark`` without a name behind it, as in ``m = pytest.mark``."""


class MarkingLines:
    """Finds files and lines by words; ``files`` are those that name or import our marks."""

    def __init__(self, modules: ModuleIndex, names: frozenset[str]) -> None:
        self.files: frozenset[str] = frozenset()
        self._modules = modules
        decorators = find_plugin_decorators(names)
        setters = {name.rpartition(".")[2] for name in decorators}
        near = {*names, *(name.partition(".")[0] for name in decorators)}
        self._names = [name.encode() for name in sorted(near)]
        self._naming: dict[str, bool] = {}
        words = b"|".join(map(re.escape, self._names))
        self._words = re.compile(rb"(?<!\w)(?:%s)(?!\w)" % words)
        self._texts = re.compile(rb"[\"'](?:%s)[\"']" % words)
        attributes = {f".{each}" for each in (names | MARK_MAKING_NAMES | setters) - {"compile"}}
        self._makers = MARK_MAKING_NAMES | attributes | setters
        self._hot = self._makers | MARK_RELATED_NAMES | {f".{each}" for each in MARK_RELATED_NAMES}
        self._lines: dict[str, Sequence[int] | None] = {}

    def find_files(self) -> frozenset[str]:
        """Return the files that name one of our marks themselves, and not only in texts."""
        found = frozenset(path for path in self._modules.contents if self.may_mark(path))
        self.files = found | (self.namespace_files if self.has_text else frozenset())
        return self.files

    @cached_property
    def has_text(self) -> bool:
        """Whether a file has a text that is the name of one of our marks, as for ``getattr``."""
        contents = self._modules.contents.items()
        return any(self._names_mark(*file) and self._texts.search(file[1]) for file in contents)

    @cached_property
    def namespace_files(self) -> frozenset[str]:
        """The files that may use ``pytest.mark`` as a value."""
        return frozenset(
            path
            for path, data in self._modules.contents.items()
            if b"pytest" in data and _NAMESPACE_AS_VALUE.search(data)
        )

    def add(self, files: Collection[str]) -> None:
        """Add files that import marks of ours."""
        self.files |= frozenset(files)
        self._lines.clear()

    def may_mark(self, path: str) -> bool:
        """Return whether a file names one of our marks itself, and not only in texts."""
        if not self._names_mark(path, self._modules.contents[path]):
            return False
        module = self._modules.read(path)
        if module is None or not self._makers.isdisjoint(module.words):
            return True
        calls = not GETATTR_NAMES.isdisjoint(module.words)
        return calls and bool(self._texts.search(module.data))

    def may_get_mark(self, module: ParsedModule) -> bool:
        """Return whether ``pytest.mark`` as a value of a file may become one of our marks."""
        if self._names_mark(module.path, module.data):
            return True
        return self.has_text and module.path in self.namespace_files

    def _names_mark(self, path: str, data: bytes) -> bool:
        if path not in self._naming:
            near = any(name in data for name in self._names)
            self._naming[path] = near and self._words.search(data) is not None
        return self._naming[path]

    def read(self, path: str) -> ParsedModule | None:
        """Return a file that names or imports a mark of ours, None for any other."""
        return self._modules.read(path) if path in self.files else None

    def leads_to(self, path: str) -> bool:
        """Return whether a file is one of ``files``, or a package that contains one."""
        folder = path.removesuffix("__init__.py")
        within = folder != path and any(each.startswith(folder) for each in self.files)
        return within or path in self.files

    def find_lines(self, module: ParsedModule) -> Sequence[int] | None:
        """Return the lines of a file that may refer to one of our marks, None for all lines."""
        if module.path not in self._lines:
            self._lines[module.path] = self._find_marking_lines(module)
        return self._lines[module.path]

    def _find_marking_lines(self, module: ParsedModule) -> Sequence[int] | None:
        if any(self._may_bind(module, binding) for binding in module.stars):
            return None
        values = [(name, binding.value) for name, all in module.bound.items() for binding in all]
        names = {
            name
            for name, value in values
            if isinstance(value, ImportTarget) and self._may_bind(module, value)
        }
        lines: list[int] = []
        new = self._hot | names
        while new:
            words = [word for name in new for word in (name, f"{name}.")]
            lines += [line for word in words for line in module.words.get(word, ())]
            lines.sort()
            new = frozenset(
                name
                for name, value in values
                if name not in names and isinstance(value, ast.AST) and is_on_any_line(lines, value)
            )
            names |= new
        return lines

    def _may_bind(self, module: ParsedModule, value: ImportTarget) -> bool:
        """Return whether an import may bind a mark of ours, all marks, or a file that has some."""
        if value.attribute in self._hot:
            return True
        files = {
            *self._modules.find_whole(module.path, value),
            *self._modules.find(module.path, value.module, value.level),
        }
        if any(map(self.leads_to, files)):
            return True
        near = any(b"pytest" in self._modules.contents[path] for path in files)
        return near and self.may_get_mark(module)
