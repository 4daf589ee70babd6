"""What a body names but does not hold: people, pages and files, through a resolver that is passed
in."""

from __future__ import annotations

from typing import Protocol


class Resolver(Protocol):
    """Looks up the people, pages and files that storage format only points at. None: not known, and
    the document says so in a stable form."""

    def user(self, account_id: str) -> str | None:
        """Display name of a person, without ``@``."""

    def page_url(self, space_key: str | None, title: str) -> str | None:
        """URL on the site, for people. ``space_key`` None: the space of the page that is being
        converted."""

    def attachment_url(
        self, filename: str, page_title: str | None, space_key: str | None
    ) -> str | None:
        """URL of an attachment. ``page_title`` None: of the page that is being converted."""


class SiteAddresses(Protocol):
    """What a resolver may know in addition: addresses by key or id. Any of it may be missing."""

    site_url: str
    """``https://….atlassian.net/wiki``: what addresses without a site are completed with."""

    def user_url(self, account_id: str) -> str | None:
        """URL of a person's profile."""

    def space_url(self, key: str) -> str | None:
        """URL of a space."""

    def url_by_id(self, content_id: str) -> str | None:
        """URL of a page, blog post or whatever else has this id."""


def site_of(resolver: Resolver) -> str:
    """See ``SiteAddresses``; empty where it is not known."""
    return str(getattr(resolver, "site_url", ""))


def user_url(resolver: Resolver, account_id: str) -> str | None:
    """See ``SiteAddresses``."""
    return _asked(resolver, "user_url", account_id)


def space_url(resolver: Resolver, key: str) -> str | None:
    """See ``SiteAddresses``."""
    return _asked(resolver, "space_url", key)


def url_by_id(resolver: Resolver, content_id: str) -> str | None:
    """See ``SiteAddresses``."""
    return _asked(resolver, "url_by_id", content_id)


def _asked(resolver: Resolver, question: str, about: str) -> str | None:
    ask = getattr(resolver, question, None)
    return ask(about) if ask is not None else None


class NoResolver:
    """Knows nothing."""

    def user(self, account_id: str) -> str | None:
        """Not known."""
        return None

    def page_url(self, space_key: str | None, title: str) -> str | None:
        """Not known."""
        return None

    def attachment_url(
        self, filename: str, page_title: str | None, space_key: str | None
    ) -> str | None:
        """Not known."""
        return None
