"""The settings that pytest would have in this folder, for commands that run no test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from _pytest.config import ConftestImportFailure, _prepareconfig  # as xdist's workers do

from pytest_postmortem.errors import Problem, SettingsError


@contextmanager
def configure_pytest(arguments: Sequence[str]) -> Iterator[pytest.Config]:
    """Configure pytest as a run would, with ``addopts``, plugins and the first conftest files.

    Raises:
        SettingsError: pytest can't be configured, or its plugin of ours is blocked.
    """
    # Our own modules are imported already: a warning that they can't be rewritten may be an error.
    plugin_arguments = ["-p", "postmortem", "--assert=plain"]
    try:
        config = _prepareconfig([*plugin_arguments, *arguments])
    except (pytest.UsageError, ImportError, pytest.fail.Exception, OSError, Warning) as error:
        # ImportError by pytest before 8.2, a failure for [pytest] in setup.cfg
        raise _build_configuration_error(str(error)) from None
    except UnicodeDecodeError:
        raise _build_configuration_error("its configuration file is not UTF-8") from None
    except ConftestImportFailure as error:
        cause = error.__cause__ or error.__context__
        raise _build_configuration_error(f"{error.path} can't be imported: {cause}") from None
    except Exception as error:  # of a plugin; pytest 9.2 wraps what its import raises
        brief = _format_exception_brief(error.__cause__ or error)
        raise _build_configuration_error(f"a plugin can't be loaded: {brief}") from None
    try:
        if not config.pluginmanager.hasplugin("postmortem"):
            raise _build_configuration_error("the plugin is blocked with -p no:postmortem")
        yield config
    finally:
        config._ensure_unconfigure()


def _format_exception_brief(error: BaseException) -> str:
    """Return the type of an exception and the first line of its text."""
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _build_configuration_error(cause: str) -> SettingsError:
    remedy = "run `pytest --collect-only` and fix its error"
    return SettingsError([Problem("setting", "Couldn't configure pytest", cause.strip(), remedy)])
