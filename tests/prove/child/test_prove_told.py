"""An exception as plain data, whatever its own methods do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_postmortem.prove.child.import_hook import describe_exception


class Shouts(Exception):
    """An exception whose text can't be had."""

    def __str__(self) -> str:
        raise SystemExit(1)


class Odd(AttributeError):
    """An exception that raises where it is asked for a name."""

    name = property(lambda self: 1 / 0)


class Lies(Exception):
    """An exception that claims to be another, and can't be asked what."""

    __class__ = property(lambda self: 1 / 0)


class Text(str):
    """A text that can't be cut."""

    def __getitem__(self, key: Any) -> str:
        raise KeyError(key)

    def __str__(self) -> str:
        raise KeyError("text")


class Texts(TypeError):
    """An exception whose texts are no usual ones."""

    def __init__(self) -> None:
        super().__init__()
        self.name = Text("keyword argument 'x'")

    def __str__(self) -> str:
        return Text("keyword argument 'x'")


class Named(type):
    """A type whose name can't be had."""

    __name__ = property(lambda cls: 1 / 0)


class Nameless(Exception, metaclass=Named):
    """An exception whose type can't be named."""


def raised_by(function: Callable[[], object]) -> BaseException:
    """Return what a function raises."""
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: KeyError("x"), ("KeyError", "'x'", None, [])),
        (lambda: ValueError("é\udc80" * 2000), ("ValueError", "é\udc80" * 1000, None, [])),
        (lambda: ImportError("no", name="shop"), ("ImportError", "no", "shop", [])),
        (
            lambda: ImportError("cannot import name 'pay' from 'shop'", name="shop"),
            ("ImportError", "cannot import name 'pay' from 'shop'", "shop", ["pay"]),
        ),
        (
            lambda: ModuleNotFoundError("No module named 'a.b'", name="a.b"),
            ("ModuleNotFoundError", "No module named 'a.b'", "a.b", []),
        ),
        (
            lambda: TypeError("f() got an unexpected keyword argument 'n'"),
            ("TypeError", "f() got an unexpected keyword argument 'n'", None, ["n"]),
        ),
        (
            lambda: TypeError("f() missing 2 required keyword arguments: 'a' and 'b c'"),
            ("TypeError", "f() missing 2 required keyword arguments: 'a' and 'b c'", None, ["a"]),
        ),
        (lambda: TypeError("'n' is odd"), ("TypeError", "'n' is odd", None, [])),
        (lambda: NameError("no", name="n"), ("NameError", "no", "n", [])),
        (lambda: Shouts(), ("Shouts", "", None, [])),
        (lambda: Odd("odd"), ("Odd", "odd", None, [])),
        (lambda: Lies("lie"), ("Lies", "lie", None, [])),
        (lambda: Texts(), ("Texts", "keyword argument 'x'", "keyword argument 'x'", ["x"])),
        (lambda: Nameless("none"), ("", "none", None, [])),
        (lambda: KeyboardInterrupt(), ("KeyboardInterrupt", "", None, [])),
    ],
)
def test_an_exception_becomes_plain_data_whatever_it_does(
    make: Callable[[], BaseException], expected: tuple[str, str, str | None, list[str]]
) -> None:
    """Nothing that it is asked for can break a run."""

    def fail() -> None:
        raise make()

    caught = raised_by(fail)

    found = describe_exception(caught)

    assert (found["type"], found["message"], found["name"], found["names"]) == expected
    assert found["bases"][-2:] == ["BaseException", "object"]
    assert [name for _, _, name in found["frames"]] == ["raised_by", "fail"]
    assert type(found["message"]) is str


def test_an_exception_that_was_never_raised_has_no_lines() -> None:
    """And of a deep one the innermost are kept."""

    def deep(n: int) -> None:
        if n:
            deep(n - 1)
        raise KeyError(n)

    frames = describe_exception(raised_by(lambda: deep(50)))["frames"]

    assert describe_exception(KeyError("x"))["frames"] == []
    assert [name for _, _, name in frames] == ["deep"] * 30
