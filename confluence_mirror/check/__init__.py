"""The connectivity check: step by step, each with a tick or a cross and the next thing to do.
Writes nothing."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TextIO

from confluence_mirror import logs, program, terminal, usage
from confluence_mirror.check.site import SiteCheck
from confluence_mirror.check.steps import Printer, Step, Steps
from confluence_mirror.check.store import StoreCheck
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.errors import Exit, StateUnusable, WrongSettings, WrongUsage
from confluence_mirror.manifest import NO_FTS5, Database, can_index
from confluence_mirror.runs import components
from confluence_mirror.settings import Settings, gather, working_folder

DEFAULT_SPACE = "Known Issues"
_MASKED = "***"

log = logging.getLogger(__name__)


def main(
    argv: Sequence[str] | None = None,
    environ: Mapping[str, str] = os.environ,
    stream: TextIO | None = None,
) -> int:
    """Run the check; the exit code is the job's, for the first thing that is wrong."""
    stream = stream or sys.stdout
    terminal.tell_json(gather(environ, Path(), {}, {}).values.get("LOG_FORMAT") == "json")
    parser = usage.Parser(
        description="May I see this space? SPACE_NAME is looked for, TEST_LIMIT pages shown."
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    try:
        arguments = parser.parse_args(argv)
    except WrongUsage as error:
        return program.refuse(error)
    except SystemExit:  # after --help
        return int(Exit.OK)
    return check_setup(environ, stream, as_json=arguments.json)


def check_setup(environ: Mapping[str, str], stream: TextIO, *, as_json: bool) -> int:
    """Ask and print every step; the exit code."""
    printer = Printer(stream)
    steps = Steps((lambda _: None) if as_json else printer)
    mask = _check(environ, steps, printer)
    if as_json:
        answers = json.dumps(steps.to_json(mask), indent=2)
        terminal.write_line(terminal.escaped_json(answers), stream)
    else:
        printer.line(steps.verdict())
    return int(steps.exit)


def _check(environ: Mapping[str, str], steps: Steps, printer: Printer) -> logs.Mask:
    try:
        # A check writes nothing, so in a container too it may look without a store being set.
        settings, warnings = Settings.load(environ, working_folder(), in_container=False)
    except WrongSettings as error:
        first, *rest = Exception.__str__(error).splitlines()
        steps.add(
            Step(
                "settings",
                "failed",
                first,
                "",
                tuple(line.removeprefix("  ") for line in rest),
                error.exit,
            )
        )
        return logs.Mask()
    settings = _with_space(settings)
    mask = logs.configure_logging(
        settings.output.log_format, "WARNING", sys.stderr, settings.secrets()
    )
    printer.mask = mask
    said = f"site {settings.confluence.cloud_id}, user {settings.confluence.user}, token {_MASKED}"
    steps.add(Step("settings", "warning" if warnings else "ok", said, "", tuple(warnings)))
    try:
        with components.make_gateway(settings.confluence, settings.net) as gateway:
            check(settings, gateway, steps)
    except StateUnusable:  # what was found cannot be printed
        raise
    except Exception as error:
        log.exception("a bug in the check")
        steps.add(
            Step(
                "check",
                "failed",
                f"a bug: {type(error).__name__}",
                "Report it with the log.",
                exit=Exit.BUG,
            )
        )
    return mask


def check(settings: Settings, gateway: Gateway, steps: Steps) -> None:
    """Every step of both sides."""
    SiteCheck(settings, gateway, ConfluenceSource(gateway, concurrency=1), steps).run()
    StoreCheck(settings, steps).run()
    if settings.state.text_index and settings.state.url.reveal().startswith("sqlite:"):
        with closing(Database("sqlite:///", read_only=True)) as database:
            if not can_index(database):
                steps.add(Step("text index", "note", NO_FTS5))


def _with_space(settings: Settings) -> Settings:
    scope = settings.scope
    if scope.items or scope.space_name or scope.space_keys or scope.folder_id:
        return settings
    return dataclasses.replace(
        settings, scope=dataclasses.replace(settings.scope, space_name=DEFAULT_SPACE)
    )
