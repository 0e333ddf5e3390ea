"""Fork a run of pytest for each line that is read, after pytest and other packages are imported.

The configuration of a run is read in its fork, before any module of the checkout is imported: a
name that an import has bound would escape the text that a run serves. ``ready`` or ``unfit`` is
written once, and then the exit status of each run.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from importlib import import_module
from importlib.metadata import distributions
from typing import Any

IN_SHADOW = __name__ == "_postmortem_fork_server"
import_hook: Any = import_module(
    "_postmortem_import_hook" if IN_SHADOW else f"{__package__}.import_hook"
)


def serve_runs() -> int:
    """Fork the runs until the input ends, and return the exit status of this process."""
    answers = os.dup(1)
    os.dup2(2, 1)
    import_hook.prepare_pytest()
    config = import_hook.read_config()
    is_fit = import_packages(config["packages"], config["trees"])
    os.write(answers, b"ready\n" if is_fit else b"unfit\n")
    while is_fit and os.read(0, 100):
        process = os.fork()
        if process == 0:
            os.close(answers)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            import_hook.configure_overlay()
            import pytest

            return int(pytest.main())
        _, status = os.waitpid(process, 0)
        os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(status))
    return 0


def import_packages(names: list[str], trees: list[str]) -> bool:
    """Import modules without pytest plugins, and return whether a fork is as good as a new process.

    It is not if a module of the checkout or a plugin, which pytest has to rewrite, is imported with
    them, or a thread is started.
    """
    plugins = list_plugin_packages() if names else set()
    for name in names:
        if name.partition(".")[0] not in plugins:
            with suppress(BaseException):  # the run that needs it reports the error
                import_module(name)
    modules = {name: module for name, module in sys.modules.items() if name != "__main__"}
    own = [*import_hook.channel.list_files_below(trees, tuple(modules.values()))]
    rewritten = {name.partition(".")[0] for name in modules} & plugins
    return not own and not rewritten and threading.active_count() == 1


def list_plugin_packages() -> set[str]:
    """Return the packages with pytest plugins, whose assertions pytest rewrites as it imports them.

    pytest itself is imported already.
    """
    names: set[str] = set()
    for distribution in distributions():
        if any(point.group == "pytest11" for point in distribution.entry_points):
            names.update(path.parts[0].removesuffix(".py") for path in distribution.files or ())
    return {name for name in names if name.isidentifier() and name != "_pytest"}
