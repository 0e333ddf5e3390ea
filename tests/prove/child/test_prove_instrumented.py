"""Code that tells which of its lines run: it does what it did, and tells only what ran."""

from __future__ import annotations

import builtins
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

import pytest

from pytest_postmortem.prove.child.instrument import RAISED, REACHED, instrument_code

ALL = [[1, 10_000]]

Ranges = Sequence[Sequence[int]]

CORPUS: dict[str, str] = {
    "values": """
        '''Doc of the module.'''
        from __future__ import annotations
        import math as m
        x: int = 1
        y = z = [n * n for n in range(3) if n % 2]
        def run():
            '''Doc of the function.'''
            total = 0
            for n in range(3):
                total += n
            else:
                total += 10
            return total, __doc__, run.__doc__, run.__annotations__, y, m.pi
    """,
    "docstring alone": """
        def run():
            '''Nothing else.'''
    """,
    "ellipsis alone": """
        def run(): ...
    """,
    "one line": """
        def run(): return [f(2) for f in (lambda n: n, lambda n: -n)]
        if run(): x = 1; y = 2
    """,
    "while": """
        def run():
            n = 0
            while n < 5:
                n += 1
                if n == 2: continue
                elif n == 4:
                    break
                else:
                    pass
            else:
                n = 100
            return n
    """,
    "generator": """
        def numbers():
            '''Doc.'''
            got = yield 1
            try:
                yield got
            finally:
                yield 'last'
            return 'end'
        def run():
            it = numbers()
            found = [next(it), it.send(5), next(it)]
            try:
                next(it)
            except StopIteration as stop:
                found.append(stop.value)
            return found, list(outer())
        def outer():
            end = yield from numbers()
            yield end
    """,
    "closed generator": """
        log = []
        def numbers():
            try:
                yield 1
            except GeneratorExit:
                log.append('closed')
                raise
        def run():
            it = numbers()
            next(it)
            it.close()
            return log
    """,
    "thrown generator": """
        def numbers():
            yield 1
            yield 2
        def run():
            it = numbers()
            next(it)
            it.throw(KeyError('thrown'))
    """,
    "coroutine": """
        import asyncio
        async def one(n):
            '''Doc.'''
            await asyncio.sleep(0)
            return n
        class Manager:
            async def __aenter__(self): return 5
            async def __aexit__(self, *args): return False
        async def numbers():
            for n in range(3):
                yield n
        async def all():
            async with Manager() as m:
                found = [n async for n in numbers() if n]
            async for n in numbers():
                found.append(await one(n))
            else:
                found.append(m)
            return found
        def run(): return asyncio.run(all())
    """,
    "cancelled coroutine": """
        import asyncio
        async def forever():
            await asyncio.sleep(3600)
        async def all():
            task = asyncio.ensure_future(forever())
            await asyncio.sleep(0)
            task.cancel()
            await task
        def run(): return asyncio.run(all())
    """,
    "match": """
        def kind(thing):
            match thing:
                case 0 | 1:
                    return 'small'
                case [x, *rest] if x > 1:
                    return x, rest
                case {'a': a, **more}:
                    return a, more
                case str() as text:
                    return text
                case _:
                    return None
        def run(): return [kind(each) for each in (0, [2, 3], [0], {'a': 1, 'b': 2}, 'x', 5)]
    """,
    "try": """
        log = []
        def attempt(error):
            try:
                log.append('body')
                if error: raise error
            except (KeyError, IndexError) as caught:
                log.append(type(caught).__name__)
                return 'caught'
            except ValueError:
                log.append('again')
                raise TypeError('new') from None
            else:
                log.append('else')
            finally:
                log.append('finally')
            return 'end'
        def run():
            found = [attempt(None), attempt(KeyError('x'))]
            try:
                attempt(ValueError('y'))
            except TypeError as error:
                found.append(str(error))
            return found, log
    """,
    "finally that returns": """
        def run():
            for n in range(3):
                try:
                    raise KeyError(n)
                finally:
                    if n == 2:
                        break
                    continue
            return n
    """,
    "decorators": """
        import functools
        def twice(times):
            def decorator(function):
                @functools.wraps(function)
                def inner(*args, **kwargs):
                    return [function(*args, **kwargs) for _ in range(times)]
                return inner
            return decorator
        @twice(
            times=2
        )
        @functools.lru_cache(maxsize=None)
        def greet(name, /, greeting='hello', *, mark='!'):
            '''Greet.'''
            return greeting + name + mark
        def run(): return greet('you'), greet.__doc__, greet.__name__
    """,
    "nested": """
        def run():
            count = 0
            def more(n):
                nonlocal count
                count += n
                def again():
                    nonlocal count
                    count *= 2
                again()
                return lambda: count
            return more(1)() + more(2)()
    """,
    "globals": """
        total = 0
        def add(n):
            global total
            total += n
        def run():
            add(3)
            del globals()['add']
            return total
    """,
    "class": """
        class Meta(type):
            def __new__(meta, name, bases, space, **extra):
                space.update(extra)
                return super().__new__(meta, name, bases, space)
        class Base:
            '''Doc of a class.'''
            __slots__ = ('value', '__private')
            def __init__(self, value):
                self.value = value
                self.__private = value
            def __repr__(self): return f'{type(self).__name__}({self.__private})'
        class Own(Base, metaclass=Meta, extra=3):
            '''Doc.'''
            x: int = 1
            for y in range(3): pass
            if x:
                z = [n for n in range(y)]
            def __init__(self):
                super().__init__(5)
            @property
            def double(self): return self.value * 2
            @double.setter
            def double(self, value): self.value = value // 2
            class Inner:
                '''Doc of the inner one.'''
        def run():
            own = Own()
            own.double = 8
            docs = Own.__doc__, Base.__doc__, Own.Inner.__doc__
            return own, own.double, own.value, own.extra, own.y, own.z, docs
    """,
    "dataclass": """
        from dataclasses import dataclass, field
        @dataclass(order=True)
        class Point:
            x: int
            y: int = 0
            rest: list = field(default_factory=list)
        def run(): return Point(1), Point(1) < Point(2)
    """,
    "named tuples and enums": """
        import enum
        from typing import NamedTuple
        class Pair(NamedTuple):
            '''A pair.'''
            a: int
            b: str = 'x'
        class Colour(enum.Enum):
            RED = 1
            GREEN = 2
            @property
            def other(self): return Colour(3 - self.value)
        def run(): return Pair(1), Pair.__doc__, Colour.RED.other, list(Colour)
    """,
    "context": """
        from contextlib import contextmanager
        @contextmanager
        def managed(log):
            log.append('in')
            try:
                yield 'it'
            finally:
                log.append('out')
        def run():
            log = []
            with managed(log) as it, managed(log):
                log.append(it)
                with managed(log):
                    raise KeyError('within')
    """,
    "chained errors": """
        def low(): return {}['missing']
        def run():
            try:
                low()
            except KeyError as error:
                raise RuntimeError('high') from error
    """,
    "error while handling": """
        def run():
            try:
                1 / 0
            except ZeroDivisionError:
                undefined
    """,
    "error in a long statement": """
        def fail(n): raise ValueError(n)
        def run():
            return [
                1,
                fail(
                    2
                ),
            ]
    """,
    "error in a class body": """
        def run():
            class Own:
                x = 1
                y = unknown
    """,
    "recursion": """
        def deep(n):
            return deep(n - 1) + 1 if n else 0
        def run(): return deep(100)
    """,
    "assertions": """
        def run():
            x = 1
            assert x == 2, 'not two'
    """,
    "exit": """
        def run(): raise SystemExit(3)
    """,
    "walrus and star": """
        def run():
            if (n := len([1, 2])) > 1:
                first, *rest = range(n)
            most = max(*rest, 0, key=abs)
            del first
            return n, most, {**{'a': 1}}, locals().keys() - {'f'}
    """,
    "what is running": """
        import sys
        def run():
            frame = sys._getframe()
            return frame.f_code.co_name, frame.f_code.co_firstlineno, frame.f_lineno
    """,
    "context of an exception": """
        import sys
        def run():
            before = sys.exc_info()
            try:
                raise KeyError('x')
            except KeyError:
                inside = sys.exc_info()[0]
            return before, inside, sys.exc_info()
    """,
}  # fmt: skip


if sys.version_info >= (3, 11):
    CORPUS["groups"] = """
        log = []
        def run():
            try:
                raise ExceptionGroup('some', [KeyError('a'), ValueError('b')])
            except* KeyError as group:
                log.append(repr(group.exceptions))
            except* ValueError:
                log.append('value')
            else:
                log.append('else')
            finally:
                log.append('finally')
            return log
    """


def source(text: str) -> str:
    """Return a text of the corpus as it would stand in a file."""
    return "".join(f"{line[8:]}\n" for line in text.splitlines()[1:])


def lines_of(trace: TracebackType | None) -> list[tuple[int | None, str]]:
    """Return the lines of a module through which an exception went."""
    own = [frame for frame in traceback.extract_tb(trace) if frame.filename == "corpus.py"]
    return [(frame.lineno, frame.name) for frame in own]


def outcome(code: Any) -> list[object]:
    """Run a module and its function, and return all that comes of it."""
    space: dict[str, Any] = {"__name__": "corpus"}
    try:
        exec(compile(code, "corpus.py", "exec", dont_inherit=True), space)
        return [repr(space["run"]()), space["run"].__doc__]
    except BaseException as caught:
        found: list[object] = []
        error: BaseException | None = caught
        while error is not None:
            found += [repr(error), lines_of(error.__traceback__), error.__suppress_context__]
            error = error.__cause__ or error.__context__
        return found


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What instrumented code told, in its order: places that ran, and types that left."""
    found: list[str] = []

    def raised(_: str = "") -> None:
        found.append(getattr(sys.exc_info()[0], "__name__", ""))

    monkeypatch.setattr(builtins, REACHED, found.append, raising=False)
    monkeypatch.setattr(builtins, RAISED, raised, raising=False)
    return found


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize(
    ("marks", "watched"), [(ALL, []), ([], ALL), (ALL, ALL)], ids=["marked", "watched", "both"]
)
def test_instrumented_code_does_what_it_did(
    noted: list[str], name: str, marks: Ranges, watched: Ranges
) -> None:
    """Values, docstrings, exceptions and the lines of their tracebacks are the same."""
    text = source(CORPUS[name])

    assert outcome(instrument_code(text, marks, watched)) == outcome(text)


def test_nothing_marked_is_nothing_told(noted: list[str]) -> None:
    """Nor is anything that stands beside marked lines."""
    for text in map(source, CORPUS.values()):
        last = text.count("\n")
        outcome(instrument_code(text, [[last + 1, last + 9]], [[last + 1, last + 9]]))

    assert noted == []


BRANCHES = """\
import os
LIMIT = 5
def choose(n):
    if n > LIMIT:
        found = "much"
    elif n > (
        1
    ):
        found = "some"
    else:
        found = "few"
    for each in range(n):
        found += "."
    return found

@property
def never(self):
    \"\"\"Doc.\"\"\"
    return 1

class Shop:
    \"\"\"Doc.\"\"\"
    open = True

    def sell(self, n): return n

    def buy(self, n):
        try:
            return 1 / n
        except ZeroDivisionError:
            return 0
        finally:
            self.last = n

def kind(thing):
    match thing:
        case int():
            return "int"
        case (
            str()
        ):
            return "str"

async def wait(n):
    return [
        n
        for _ in range(n)
    ]
"""


@pytest.mark.parametrize(
    ("lines", "call", "places"),
    [
        ((1, 1), "0", ["1"]),
        ((2, 2), "0", ["2"]),
        ((1, 15), "0", ["1", "2"]),
        ((3, 3), "0", []),
        ((3, 3), "choose(1)", ["3"]),
        ((4, 4), "choose(9)", ["4"]),
        ((5, 5), "choose(9)", ["5"]),
        ((5, 5), "choose(1)", []),
        ((7, 7), "choose(2)", ["6"]),
        ((7, 7), "choose(9)", []),
        ((9, 9), "choose(2)", ["9"]),
        ((11, 11), "choose(1)", ["11"]),
        ((13, 13), "choose(2)", ["13", "13"]),
        ((12, 13), "choose(0)", ["12"]),
        ((14, 15), "choose(0)", ["14"]),
        ((15, 15), "choose(0)", []),
        ((16, 16), "0", ["16"]),
        ((16, 16), "never.fget(0)", ["16", "17"]),
        ((17, 17), "0", []),
        ((17, 17), "never.fget(0)", ["17"]),
        ((18, 18), "never.fget(0)", []),
        ((19, 19), "never.fget(0)", ["19"]),
        ((21, 21), "0", ["21"]),
        ((22, 22), "0", []),
        ((23, 23), "0", ["23"]),
        ((25, 25), "0", []),
        ((25, 25), "Shop().sell(1)", ["25", "25"]),
        ((28, 28), "Shop().buy(1)", []),
        ((29, 29), "Shop().buy(0)", ["29"]),
        ((30, 30), "Shop().buy(0)", ["30"]),
        ((30, 31), "Shop().buy(1)", []),
        ((33, 33), "Shop().buy(1)", ["33"]),
        ((36, 36), "kind(1)", ["36"]),
        ((37, 37), "kind(1)", ["37"]),
        ((37, 38), "kind('x')", []),
        ((40, 40), "kind('x')", ["40"]),
        ((40, 40), "kind(1)", []),
        ((42, 42), "kind('x')", ["42"]),
        ((47, 47), "wait(1).send(None)", ["45"]),
        ((47, 47), "wait(1).close()", []),
    ],
)
def test_a_mark_tells_that_its_lines_ran_and_only_that(
    noted: list[str], lines: tuple[int, int], call: str, places: list[str]
) -> None:
    """A statement is known by its first line; the head of a function counts when it is called."""
    space: dict[str, Any] = {}
    exec(compile(instrument_code(BRANCHES, [lines], []), "shop.py", "exec"), space)

    with suppress(StopIteration):
        eval(call, space)

    assert noted == places


LEAVING = """\
def calls(function):
    return function()

def swallows(function):
    try:
        return calls(function)
    except Exception:
        return None

def other(function):
    return swallows(function)

def outer(function):
    def inner():
        return function()
    return inner()

def suppresses(function):
    from contextlib import suppress
    with suppress(Exception): function()
try:
    import no_such_module
except ImportError:
    pass
"""


@pytest.mark.parametrize(
    ("lines", "call", "expected"),
    [
        ((1, 2), "swallows(lambda: no_name)", ["NameError"]),
        ((2, 2), "calls(lambda: no_name)", ["NameError"]),
        ((1, 8), "swallows(lambda: 1 / 0)", ["ZeroDivisionError", "ZeroDivisionError"]),
        ((7, 7), "swallows(lambda: no_name)", ["NameError"]),
        ((20, 20), "suppresses(lambda: no_name)", ["NameError"]),
        ((21, 21), "0", ["ModuleNotFoundError"]),
        ((10, 11), "0", []),
        ((1, 8), "swallows(lambda: 1)", []),
        ((10, 11), "other(lambda: no_name)", []),
        ((13, 16), "outer(lambda: no_name)", ["NameError", "NameError"]),
        ((13, 13), "outer(lambda: no_name)", ["NameError"]),
        ((15, 15), "outer(lambda: no_name)", ["NameError", "NameError"]),
    ],
)
def test_what_leaves_a_watched_function_is_told_also_if_it_is_swallowed(
    noted: list[str], lines: tuple[int, int], call: str, expected: list[str]
) -> None:
    """Of the functions that hold watched lines, those around them included."""
    space: dict[str, Any] = {}
    exec(compile(instrument_code(LEAVING, [], [lines]), "shop.py", "exec"), space)

    with suppress(NameError):
        eval(call, space)

    assert noted == expected
