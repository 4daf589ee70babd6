"""Arguments of our programs: argparse, but wrong usage is told as every error is."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

from confluence_mirror.errors import WrongUsage

_NO_COMMAND = re.compile(r"argument COMMAND: invalid choice: '(.*)' \(choose from (.*)\)")
"""What argparse says."""


class Parser(argparse.ArgumentParser):
    """Wrong usage is one line, as every error is."""

    def error(self, message: str) -> NoReturn:
        """Raises ``WrongUsage``."""
        if found := _NO_COMMAND.fullmatch(message):
            names = found[2].replace("'", "")
            message = f"{found[1]} is not a command; the commands are {names}"
        raise WrongUsage(f"{self.prog}: {message}.", hint=f"See {self.prog} --help.")
