"""``python sync.py --demo``: the whole job on a bundled sample site, without settings, credentials
or Internet.

The site is served on loopback over real HTTP and mirrored into an embedded store in a temporary
folder. Each step is the command that a user would run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from confluence_mirror import terminal
from confluence_mirror.runs import Mirror, Outcome
from confluence_mirror.search import Question
from confluence_mirror.settings import Settings
from confluence_mirror.wording import counted
from confluence_sandbox import SampleGateway, Site, demo_site

EDITED, DELETED = (
    "Runbook: Certificate renewal for *.lighthouse.example",
    "ADR 23: Retire the Mustang scheduler",
)
QUESTION = "the automatic certificate renewal failed, what do I do by hand?"
FILE_QUESTION = "what is the code word of the Nordhall night desk?"
"""Only a PDF says it."""
RESTRICTED_QUESTION = "how do we fail over to region north-2?"
USERS = ("Mara Lindqvist", "佐藤 健二")
"""One may read the runbook for that, the other may not."""
DISCUSSED = "how many restore jobs can ledger-scratch-02 take?"
"""What only a comment says."""


Show: TypeAlias = Callable[[Settings, Callable[[Mirror], Outcome]], int]
"""Does something with the mirror of these settings, and prints how that ended; its exit code."""


def main(show: Show) -> int:
    """The tour; the exit code of the first step that fails, or 0. Raises ``SyncError`` where it
    cannot begin."""
    site = demo_site()
    with (
        SampleGateway(site, administrator=True) as gateway,
        tempfile.TemporaryDirectory(prefix="confluence-mirror-demo-") as folder,
    ):
        settings, _ = Settings.load(_environ(gateway, folder), Path(folder), in_container=False)

        def step(headline: str, work: Callable[[Mirror], Outcome] = Mirror.sync) -> int:
            terminal.say(f"\n== {headline}\n")
            return show(settings, work)

        terminal.say(
            f"A sample site with {counted(len(site.current('PLAT')), 'page')} is served at"
            f" {gateway.url}."
        )
        code = step("The first run mirrors everything")
        code = code or step("The second run finds nothing changed")
        if not code:
            _change(site)
        code = code or step(f"“{EDITED}” was edited, “{DELETED}” deleted: only these are touched")
        code = code or step("Proof: the store is read back and compared", Mirror.verify)
        code = code or step(
            f"A question: {QUESTION}", lambda mirror: mirror.search(Question(QUESTION))
        )
        code = code or step(
            f"A question that an attached PDF answers: {FILE_QUESTION}",
            lambda mirror: mirror.search(Question(FILE_QUESTION, limit=1)),
        )
        for name in USERS:
            user = next(each for each in site.people.values() if each.display_name == name)
            code = code or step(
                f"A question, asked by {name}: {RESTRICTED_QUESTION}",
                partial(_search_as, user.account_id),
            )
        code = code or step(
            f"A question that only a comment answers: {DISCUSSED}",
            lambda mirror: mirror.search(Question(DISCUSSED, limit=1)),
        )
    if not code:
        terminal.say(
            "\nThat was the whole job. For your own Confluence: cp .env.example .env, fill it in,"
            " and run make sync."
        )
    return code


def _search_as(account_id: str, mirror: Mirror) -> Outcome:
    return mirror.search(Question(RESTRICTED_QUESTION, limit=2), as_user=account_id)


def _environ(gateway: SampleGateway, folder: str) -> dict[str, str]:
    return {
        "CONF_GATEWAY_URL": gateway.url,
        "CONF_CLOUD_ID": gateway.cloud_id,
        "CONF_USER": gateway.user,
        "CONF_API_TOKEN": gateway.token,
        "COMMENTS": "open",
        "STORE": "embedded",
        "ACCESS": "true",
        "ATTACHMENTS": "true",
        "STATE_DIR": folder,
        "LOG_LEVEL": "WARNING",
    }


def _change(site: Site) -> None:
    by_title = {page.title: page for page in site.current()}
    page = by_title[EDITED]
    site.edit(
        page.id,
        page.body
        + "<p>If clients still see the old certificate after five minutes, restart the proxies one"
        " by one.</p>",
    )
    site.trash(by_title[DELETED].id)
