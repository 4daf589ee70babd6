"""What may stand on the command line: commands, their options, and the options that were commands
before."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from confluence_mirror import __version__
from confluence_mirror.cli.questions import QUESTION_OPTIONS, STDIN, make_question
from confluence_mirror.errors import WrongUsage
from confluence_mirror.search import Question
from confluence_mirror.settings import BY_NAME, gather, is_unicode, settings_options
from confluence_mirror.usage import Parser

Command: TypeAlias = Literal[
    "sync",
    "plan",
    "verify",
    "repair",
    "purge",
    "query",
    "mcp",
    "serve",
    "worker",
    "check",
    "demo",
    "reset",
]

_OPTIONS: dict[str, dict[str, Any]] = {
    "--page": {
        "metavar": "ID",
        "action": "append",
        "help": "bring this page alone up to date; may be repeated",
    },
    "--full": {
        "action": "store_true",
        "help": "read, convert and cut every page; send only what differs",
    },
    "--change-scope": {
        "action": "store_true",
        "help": "confirm that the changed scope is intended",
    },
    "--yes": {"action": "store_true", "help": "do not ask before removing everything"},
    **settings_options(),
    **QUESTION_OPTIONS,
    "--json": {"action": "store_true", "help": "print one JSON object instead of lines"},
}
_OF_QUESTIONS = (*QUESTION_OPTIONS, "--json")
_OF_ONE_COMMAND = ("--page", *_OF_QUESTIONS)
_REPORTED = ("--report", "--log-format")
_PLANNED = ("--full", "--since-hours", "--change-scope")


@dataclass(frozen=True, slots=True)
class _About:
    """A command."""

    help: str
    options: tuple[str, ...] = ()
    alias: str = ""
    """The option that meant it before there were commands, and goes on meaning it."""


_COMMANDS: dict[str, _About] = {
    "sync": _About(
        "mirror Confluence into the store (where no command is named, it is this one)",
        ("--page", *_PLANNED, "--allow-mass-delete", *_REPORTED),
    ),
    "plan": _About(
        "print the plan and write nothing anywhere", (*_PLANNED, *_REPORTED), "--dry-run"
    ),
    "verify": _About("read the store back and print drift (exit 3)", _REPORTED, "--verify"),
    "repair": _About(
        "send missing chunks, remove stray ones of this mirror",
        ("--allow-mass-delete", "--change-scope", *_REPORTED),
        "--repair",
    ),
    "purge": _About(
        "remove everything this mirror has stored, and nothing else",
        ("--yes", *_REPORTED),
        "--purge",
    ),
    "query": _About(
        "search what is stored; print titles, links and what stands around the words",
        (*_OF_QUESTIONS, "--log-format"),
        "--query",
    ),
    "mcp": _About(
        "answer an assistant's questions by the Model Context Protocol, on the standard streams",
        ("--log-format",),
    ),
    "serve": _About("the HTTP service: connect, import, keep in step, answer (docs/service.md)"),
    "worker": _About("take runs of the HTTP service, on this machine too"),
    "check": _About("check access to the space, the store and the model", ("--json",)),
    "demo": _About("a tour on a bundled sample site, without any settings", (), "--demo"),
}
RUNS: tuple[Command, ...] = ("sync", "plan", "verify", "repair", "purge", "reset")
"""Commands that show their progress."""
_SERVE_ACTIONS = ("migrate", "rotate-keys")
_OF_SYNC_ALONE = ("check", "demo", "serve", "worker")
"""Commands that another program does not share with ``sync.py``."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """A command with its options."""

    command: Command
    question: Question | None = None
    """Of a query; its text is ``STDIN`` where each line of the standard input is one."""
    as_user: str | None = None
    """The account for which a query is answered; None: for the operator."""
    full: bool = False
    yes: bool = False
    change_scope: bool = False
    json: bool = False
    action: str | None = None
    """Of ``serve``: what is done instead of serving."""
    pages: tuple[str, ...] | None = None
    """Ids of the only pages that are looked at."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """What options say, by variable: they win over the environment."""

    @property
    def reads_questions(self) -> bool:
        """Whether questions come on the standard input."""
        return self.question is not None and self.question.text == STDIN


def wants_json_log(argv: Sequence[str] | None) -> bool:
    """Whether the log is to be JSON, before anything is known to be right."""
    given = "\n".join(sys.argv[1:] if argv is None else argv)
    said = re.findall(r"^--log-format[=\n](.*)$", given, re.MULTILINE)
    found = gather(os.environ, Path(), {"LOG_FORMAT": said[-1]} if said else {}, {})
    return found.values.get("LOG_FORMAT") == "json"


def early_progress_file() -> Path | None:
    """Where programs look for progress, before anything is known to be right."""
    found = gather(os.environ, Path(), {}, {}).values.get("PROGRESS_FILE")
    try:
        return None if found is None else Path(found).expanduser()
    except RuntimeError:  # a home folder that is not known: the settings say so
        return None


def parser(program: str | None = None, *, ingest: bool = False) -> argparse.ArgumentParser:
    """The commands and options of ``sync.py``, or of ``ingest_conf.py`` (``ingest``)."""
    return _parser_of(program or _program(), ingest)


@cache
def _parser_of(program: str, ingest: bool) -> argparse.ArgumentParser:
    names = [name for name in _COMMANDS if not (ingest and name in _OF_SYNC_ALONE)]
    made = Parser(
        prog=program,
        usage="%(prog)s [COMMAND] [options]",
        description=(
            f"Mirror Confluence Cloud pages into a {'Llama Stack' if ingest else 'vector store'}:"
            " one run, one exit code."
        ),
        epilog=(
            "COMMAND --help lists the options of a command. Settings come from the environment,"
            " then .env and .env.secrets (see .env.example); options win. Exit codes: 0 mirrored, 3"
            " drift, 64 usage, 65 refused for safety, 69 unavailable, 70 a bug, 74 state unusable,"
            " 75 run again, 77 permission, 78 settings, 130 and 143 interrupted."
        ),
    )
    commands = made.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for name in names:
        about = _COMMANDS[name]
        one = commands.add_parser(
            name,
            prog=f"{made.prog} {name}",
            help=about.help,
            description=f"{_sentence(about.help)}.",
        )
        if name == "query":
            one.add_argument(
                "query", metavar="TEXT", help=f"what to search for; {STDIN}: a line each"
            )
            one.add_argument(
                "--full", action="store_true", default=argparse.SUPPRESS, help="print whole texts"
            )
        if name == "serve":
            one.add_argument(
                "action",
                nargs="?",
                choices=_SERVE_ACTIONS,
                help="migrate: bring its database up to date; rotate-keys: seal all secrets with"
                " the first key",
            )
        for option in about.options:
            # What is not given here must not undo what was given before the command.
            one.add_argument(option, default=argparse.SUPPRESS, **_OPTIONS[option])
    options = made.add_argument_group("options of a run")
    for option in (option for option in _OPTIONS if option not in _OF_ONE_COMMAND):
        options.add_argument(option, **_OPTIONS[option])
    questions = made.add_argument_group("options of a query")
    for option in _OF_QUESTIONS:
        questions.add_argument(option, default=argparse.SUPPRESS, **_OPTIONS[option])
    if ingest:
        _add_reset(options, commands.choices["sync"])
    made.add_argument("--version", action="version", version=f"confluence-mirror {__version__}")
    aliases = made.add_argument_group("commands as options")
    for name in (name for name in names if _COMMANDS[name].alias):
        kind = {"metavar": "TEXT"} if name == "query" else {"action": "store_true"}
        aliases.add_argument(
            _COMMANDS[name].alias, dest=f"as_{name}", help=f"the same as {name}", **cast(Any, kind)
        )
    return made


def _add_reset(*parsers: argparse._ActionsContainer) -> None:
    for each in parsers:
        each.add_argument(
            "--reset",
            action="store_true",
            default=argparse.SUPPRESS,
            help="delete every vector store of this name, and make one anew",
        )


def parse(
    argv: Sequence[str] | None, program: str | None = None, *, ingest: bool = False
) -> Arguments:
    """The arguments of the command line. Raises ``WrongUsage`` for commands that do not go
    together, a search for nothing, and what is not text."""
    found = vars(parser(program, ingest=ingest).parse_args(argv))
    if not all(map(is_unicode, _texts_in(found.values()))):
        raise WrongUsage("An argument is not UTF-8 text; nothing was done.")
    named, reset = found.pop("command"), found.pop("reset", False)
    said = {named: named} if named and not (reset and named == "sync") else {}
    for name, about in _COMMANDS.items():
        meant = found.pop(f"as_{name}", None)
        if meant not in (None, False):
            said[name] = about.alias
            found |= {"query": meant} if name == "query" else {}
    said |= {"reset": "--reset"} if reset else {}
    if len(said) > 1:
        raise WrongUsage(f"{' and '.join(said.values())} do not go together; nothing was done.")
    command = cast(Command, next(iter(said), "sync"))
    asked = {
        option: found.pop(key) for option in QUESTION_OPTIONS if (key := _key_of(option)) in found
    }
    if command == "query" and not found["query"].strip():
        raise WrongUsage(f"{said['query']} needs words to search for; nothing was done.")
    foreign = [*asked, *(["--json"] if found.get("json") and command != "check" else [])]
    if command != "query" and foreign:
        raise WrongUsage(f"{foreign[0]} is an option of query; nothing was done.")
    question = make_question(found.pop("query", ""), asked) if command == "query" else None
    as_user = asked.get("--as")
    if as_user is not None and not as_user.strip():
        raise WrongUsage("--as needs an account id; nothing was done.")
    pages = tuple(found.pop("page", ()))
    if not all(re.fullmatch("[0-9]+", page) for page in pages):
        raise WrongUsage("--page needs the id of a page, which is a number; nothing was done.")
    given = {name: found.pop(name) for name in BY_NAME.keys() & found.keys()}
    overrides = {name: value for name, value in given.items() if value is not None}
    return Arguments(command, question, as_user, **found, pages=pages or None, overrides=overrides)


def _texts_in(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _texts_in(value)


def _key_of(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def _program() -> str:
    """As it was started; ``python -m`` names only the file."""
    name = Path(sys.argv[0]).name
    return "python -m confluence_mirror" if name == "__main__.py" else name


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
