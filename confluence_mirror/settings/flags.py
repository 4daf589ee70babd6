"""The options of the command line that set a variable for one run."""

from __future__ import annotations

import argparse

from confluence_mirror.settings.loading import VARIABLES


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Every option that a variable declares, with what it means."""
    for variable in VARIABLES:
        if (flag := variable.flag) is None:
            continue
        said = flag.help or variable.plain_meaning
        if flag.value:
            parser.add_argument(
                flag.name, dest=variable.name, action="store_const", const=flag.value, help=said
            )
        else:
            parser.add_argument(
                flag.name,
                dest=variable.name,
                metavar=flag.metavar,
                choices=flag.choices,
                help=said,
            )


def overrides(arguments: argparse.Namespace) -> dict[str, str]:
    """What these options say, by variable."""
    said = {variable.name: getattr(arguments, variable.name, None) for variable in VARIABLES}
    return {name: value for name, value in said.items() if value is not None}
