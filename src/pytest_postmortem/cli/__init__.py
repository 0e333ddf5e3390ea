"""The commands of ``pytest-postmortem``, one module each, imported only when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_postmortem.errors import PostmortemError

__all__ = ["EXIT_NOT_JUDGED", "EXIT_WRONG_USE", "choose_error_status"]

EXIT_WRONG_USE = 2

EXIT_NOT_JUDGED = 3
"""The exit status of a command that could not read all data for its answer."""

EXIT_REGISTRY_UNREADABLE = 4


def choose_error_status(error: PostmortemError) -> int:
    """Return the exit status of a command that ends with an error of ours."""
    from pytest_postmortem.errors import NotJudgedError, RegistryError  # not for --help

    if isinstance(error, NotJudgedError):
        return EXIT_NOT_JUDGED
    return EXIT_REGISTRY_UNREADABLE if isinstance(error, RegistryError) else EXIT_WRONG_USE
