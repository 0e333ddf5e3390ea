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
    try:
        if not config.pluginmanager.hasplugin("postmortem"):
            raise _build_configuration_error("the plugin is blocked with -p no:postmortem")
        yield config
    finally:
        config._ensure_unconfigure()


def _build_configuration_error(cause: str) -> SettingsError:
    remedy = "run `pytest --collect-only` and fix its error"
    return SettingsError([Problem("setting", "Couldn't configure pytest", cause.strip(), remedy)])
