"""The commands: the arguments, the settings, one exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from confluence_mirror import program, terminal
from confluence_mirror.cli import signals
from confluence_mirror.cli.arguments import (
    RUNS,
    Arguments,
    early_progress_file,
    parse,
    wants_json_log,
)
from confluence_mirror.cli.progress import CommandProgress, show_progress
from confluence_mirror.errors import SyncError, WrongSettings, extra_hint
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.settings import Settings, working_folder


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    return show_progress(partial(_run_command, argv))


def _run_command(argv: Sequence[str] | None, progress: CommandProgress) -> int:
    stop = Stop()
    try:
        signals.on_signals(stop)
        terminal.tell_json(wants_json_log(argv))
        arguments = parse(argv)
        if arguments.command in RUNS:
            progress.write_to(early_progress_file())
            stop.abandoned = progress.end_with
        if arguments.command == "demo":
            return _demo(stop)
        if arguments.command == "check":
            return _check(arguments)
        if arguments.command in ("serve", "worker"):
            return _serve(arguments, stop)
        settings, warnings = Settings.load(os.environ, working_folder(), arguments.overrides)
        from confluence_mirror.cli import execution  # see there

        writes = arguments.command in ("sync", "repair")
        shared = execution.begin(settings, warnings, stop, writes=writes)
    except SyncError as error:
        return program.refuse(error)
    return execution.execute(settings, arguments, shared, progress)


def _demo(stop: Stop) -> int:
    from confluence_mirror import demo
    from confluence_mirror.cli import execution
    from confluence_mirror.runs import Mirror, Outcome

    def show(settings: Settings, work: Callable[[Mirror], Outcome]) -> int:
        shared = execution.begin(settings, (), stop)
        return show_progress(lambda each: execution.run(settings, work, shared, each, tour=True))

    return demo.main(show)


def _check(arguments: Arguments) -> int:
    from confluence_mirror import check

    signals.leave_at_once()
    return check.check_setup(os.environ, sys.stdout, as_json=arguments.json)


def _serve(arguments: Arguments, stop: Stop) -> int:
    try:
        from confluence_mirror.service import commands as service
    except ImportError:
        raise WrongSettings(
            f"The command {arguments.command} needs packages that are not installed.",
            hint=extra_hint("service"),
        ) from None
    action = arguments.action or arguments.command
    return service.run(cast(service.Action, action), os.environ, working_folder(), stop)
