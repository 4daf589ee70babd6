"""What a body names but does not hold: people, pages, files and Jira issues, through a resolver that is passed in."""

from __future__ import annotations

from typing import Protocol


class Resolver(Protocol):
    """Gives back what storage format only points at. None: not known, and the document says so in a stable form."""

    def user(self, account_id: str) -> str | None:
        """Display name of a person, without ``@``."""

    def page_url(self, space_key: str | None, title: str) -> str | None:
        """URL on the site, for people. ``space_key`` None: the space of the page that is being converted."""

    def attachment_url(self, filename: str, page_title: str | None, space_key: str | None) -> str | None:
        """URL of an attachment. ``page_title`` None: of the page that is being converted."""

    def jira_url(self, key: str) -> str | None:
        """URL of a Jira issue such as ``ABC-123``."""


class NoResolver:
    """Knows nothing."""

    def user(self, account_id: str) -> str | None:  # noqa: ARG002
        """Not known."""
        return None

    def page_url(self, space_key: str | None, title: str) -> str | None:  # noqa: ARG002
        """Not known."""
        return None

    def attachment_url(self, filename: str, page_title: str | None, space_key: str | None) -> str | None:  # noqa: ARG002
        """Not known."""
        return None

    def jira_url(self, key: str) -> str | None:  # noqa: ARG002
        """Not known."""
        return None
