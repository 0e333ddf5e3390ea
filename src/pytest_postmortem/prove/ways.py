"""The ways to take a fix away: each gives the source with the fix, and without it.

The fix's patch is reversed on today's files, to the letter; or its functions are swapped in them;
or the tree is taken as it was at the fix.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_postmortem import git
from pytest_postmortem.prove.fixes import Unknown, decoded, reading_git
from pytest_postmortem.prove.plan import COMPILED, Fix, Kind, Step, kind_of, module_name, roots
from pytest_postmortem.prove.replay import copied, replay
from pytest_postmortem.prove.swap import CantSwap, swap
from pytest_postmortem.prove.units import alike

__all__ = ["Versions", "Workspace", "changes_code", "replayed", "reversed_patch", "swapped", "then"]


@dataclass(frozen=True, slots=True)
class Workspace:
    """What lies here: the top of the repository and the rootdir, both real paths, and the files.

    ``collected`` says whether pytest would collect a file, by its path from the top.
    """

    top: Path
    root: Path
    present: frozenset[str]
    collected: Callable[[str], bool]

    def file(self, path: str) -> Path:
        """Return the real file of a path from the top."""
        return Path(os.path.realpath(self.top / path))

    @property
    def prefix(self) -> str:
        """The path of the rootdir from the top, an empty text where they are one."""
        return "" if self.root == self.top else self.within("")

    def within(self, path: str) -> str:
        """Return the path from the top of a path from the rootdir."""
        return os.path.relpath(self.root / path, self.top).replace(os.sep, "/")

    def kind_of(self, path: str, tests: Sequence[str], source: Sequence[str] = ()) -> Kind:
        """Return what a file of a fix is; ``tests`` are the files of its linked tests."""
        return kind_of(path, tests, self.collected, self.present, source, self.prefix)

    def sources(self) -> Iterator[tuple[Path, bytes]]:
        """Yield the Python that is no test, each file with what it holds."""
        for path in sorted(self.present):
            if path.endswith(".py") and not self.collected(path):
                file = self.file(path)
                if file.is_file():
                    yield file, file.read_bytes()


@dataclass(frozen=True, slots=True)
class Versions:
    """Files as they are with the fix and without it, by their real paths; None for none.

    ``modules`` are the names under which copies of them may be installed, with the digest of what
    lies in the checkout. ``tree`` is another tree to run in, with the ``roots`` of its packages and
    the linked tests as they are called there; ``others`` is what else the fix changed in it.
    """

    way: str
    fixed: Mapping[str, str | None]
    before: Mapping[str, str | None]
    modules: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    tree: Path | None = None
    roots: tuple[str, ...] = ()
    nodeids: tuple[str, ...] = ()
    others: Mapping[Path, tuple[bytes | None, bytes | None]] = field(default_factory=dict)

    def of_today(self, files: Iterable[str], top: Path) -> tuple[str, ...]:
        """Return files of a run as they lie in the checkout, where its tree is a copy of that.

        What else the fix changed is among them then.
        """
        if self.way != "patch" or self.tree is None:
            return tuple(sorted(files))
        tree, here = (f"{each}{os.sep}" for each in (self.tree, top))
        every = {*files, *map(str, self.others)}
        own = (each.removeprefix(tree) for each in every if each.startswith(tree))
        return tuple(sorted(here + each for each in own))


def changes_code(fix: Fix) -> bool:
    """Say whether a fix changes any statement; a patch is not looked into."""
    if any(step.patch for step in fix.steps):
        return True
    pairs = (fix.ends(path) for path in fix.of_kind("source"))
    texts = ([decoded(each) or "" for each in pair] for pair in pairs)
    return any(one != other and not alike(one, other, idle=True) for one, other in texts)


@reading_git()
def reversed_patch(fix: Fix, checkout: Workspace, folder: Callable[[], Path]) -> Versions:
    """Reverse the patch of a fix on today's files.

    Where it changes what is no Python, that is done in a copy of the tree; ``folder`` makes one.

    Raises: Unknown where it does not apply.
    """
    opaque = fix.of_kind("opaque")
    compiled = [path for path in opaque if path.endswith(COMPILED)]
    if compiled:
        raise Unknown(f"{compiled[0]} has to be compiled, which is not done here")
    today = _today(fix, checkout, "source", "opaque")
    contents = {path: data for path, (_, data) in today.items() if data is not None}
    for step in reversed(fix.steps):
        result = _without(step, contents, checkout, [*today])
        if result is None:
            raise Unknown("the lines of the fix are others today")
        contents = {path: data for path, data in result.items() if data is not None}
    python = {path: today[path] for path in today if path not in opaque}
    fixed = {str(file): decoded(data) for file, data in python.values()}
    before = {str(file): decoded(contents.get(path)) for path, (file, _) in python.items()}
    if not opaque:
        return Versions("patch", fixed, before, _modules(today, checkout))
    tree = copied(checkout.root, checkout.top, folder())

    def there(file: str | Path) -> Path:
        return tree / os.path.relpath(file, checkout.top)

    return Versions(
        "patch",
        {str(there(file)): text for file, text in fixed.items()},
        {str(there(file)): text for file, text in before.items()},
        tree=tree,
        roots=tuple(str(tree / root) for root in roots(today, checkout.present)),
        others={there(today[path][0]): (contents.get(path), today[path][1]) for path in opaque},
    )


def _without(
    step: Step, contents: Mapping[str, bytes], checkout: Workspace, known: Sequence[str]
) -> Mapping[str, bytes | None] | None:
    paths = [each.path for each in step.changes if each.path in known]
    if not paths:
        return contents
    if step.patch:
        own = {path.removeprefix(step.prefix): data for path, data in contents.items()}
        only = [path.removeprefix(step.prefix) for path in paths]
        result = git.applied(own, step.patch, reverse=not step.back, only=only)
        return result and {f"{step.prefix}{path}": data for path, data in result.items()}
    if step.after is None:  # not committed: today's files are what the fix has made
        return {**contents, **{each.path: each.before for each in step.changes}}
    patch = git.patch(checkout.root, str(step.before), step.after, paths)
    return git.applied(contents, patch, reverse=True)


def _today(fix: Fix, checkout: Workspace, *kinds: Kind) -> dict[str, tuple[Path, bytes | None]]:
    """Return the files of the fix as they are today: where each lies, and what it holds."""
    paths = fix.of_kind(*kinds)
    left = [path for path in paths if fix.ends(path)[1] is not None]
    gone = [path for path in left if not checkout.file(path).is_file()]
    end = fix.steps[-1].after
    moved = git.renamed(checkout.root, end) if gone and end else {}
    files = {path: checkout.file(moved.get(path, path)) for path in paths}
    return {
        path: (file, file.read_bytes() if file.is_file() else None) for path, file in files.items()
    }


def _modules(
    today: Mapping[str, tuple[Path, bytes | None]], checkout: Workspace
) -> dict[str, tuple[str, str]]:
    """Return the names under which installed copies of files would be imported."""
    from hashlib import sha256

    found = {}
    for path, (file, data) in today.items():
        if data is not None:
            (root,) = roots([path], checkout.present)
            found[module_name(path, root)] = (str(file), sha256(data).hexdigest())
    return found


@reading_git()
def swapped(fix: Fix, checkout: Workspace) -> Versions:
    """Swap the functions and assignments of a fix in today's files.

    Raises: CantSwap where they have no place there; Unknown where there are none.
    """
    opaque = fix.of_kind("opaque")
    if opaque:
        raise Unknown(f"{opaque[0]} can't be replaced in memory")
    if any(step.patch or step.after is None for step in fix.steps):
        raise Unknown("only a commit tells what else was in its files")
    today = _today(fix, checkout, "source")
    fixed: dict[str, str | None] = {}
    before: dict[str, str | None] = {}
    for path, (file, data) in today.items():
        old, new = (decoded(each) for each in fix.ends(path))
        if old is None or (new is not None and alike(old, new)):
            continue  # what the fix has brought stays, since today's code may need it
        if new is None:
            fixed[str(file)], before[str(file)] = decoded(data), old
        elif data is None:
            raise CantSwap(f"{path} is not there any more")
        else:
            both = swap(old, new, decoded(data) or "", _needs(file, checkout))
            fixed[str(file)], before[str(file)] = both.fixed, both.before
    if not before:
        raise CantSwap("the fix has only brought new files, or changed what is no code")
    return Versions("units", fixed, before, _modules(today, checkout))


def then(fix: Fix, checkout: Workspace, top: Path) -> Callable[[str], str | None] | None:
    """Return what gives a file as it was before the fix, by its path today below a top; None
    without history.

    One of the fix may have had another folder then.
    """
    first = fix.steps[0].before
    if first is None:
        return None
    names = {path.rpartition("/")[2]: path for path in fix.paths}
    trees: list[dict[str, str]] = []

    @reading_git()
    def text(path: str) -> str | None:
        own = os.path.relpath(path, top).replace(os.sep, "/")
        if own not in fix.paths:
            if not trees:
                trees.append(git.tree(checkout.root, str(first)))
            if own in trees[0]:
                ((_, data),) = git.blobs(checkout.root, [trees[0][own]])
                return decoded(data)
            own = names.get(own.rpartition("/")[2], own)
        return decoded(fix.ends(own)[0]) if own in fix.paths else None

    return text


def _needs(file: Path, checkout: Workspace) -> Callable[[str], bool]:
    """Return what says whether other source has a name of a module in it."""

    def needed(name: str) -> bool:
        text = name.encode()
        return any(text in data for path, data in checkout.sources() if path != file)

    return needed


@reading_git()
def replayed(fix: Fix, checkout: Workspace, nodeids: Sequence[str], folder: Path) -> Versions:
    """Take the tree as it was at the fix, with the tests in it that are linked today.

    Raises: CantReplay where there is none in which they could run.
    """
    then = replay(checkout.root, checkout.top, fix, nodeids, folder)
    return Versions(
        "replay",
        then.fixed,
        then.before,
        tree=then.tree,
        roots=then.roots,
        nodeids=then.nodeids,
        others=then.others,
    )
