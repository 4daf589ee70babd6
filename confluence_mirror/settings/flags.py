"""The options of the command line that set a variable for one run."""

from __future__ import annotations

from typing import Any

from confluence_mirror.settings.loading import VARIABLES


def settings_options() -> dict[str, dict[str, Any]]:
    """By option, what ``add_argument`` is told; it leaves the value under the variable's name."""
    options: dict[str, dict[str, Any]] = {}
    for variable in VARIABLES:
        if flag := variable.flag:
            kind: dict[str, Any] = (
                {"action": "store_const", "const": flag.value}
                if flag.value
                else {"metavar": flag.metavar, "choices": flag.choices}
            )
            options[flag.name] = {
                "dest": variable.name,
                "help": flag.help or variable.plain_meaning,
                **kind,
            }
    return options
