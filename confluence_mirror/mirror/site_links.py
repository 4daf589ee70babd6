"""Addresses on the site of what storage format names."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, quote_plus, urlencode


class SiteResolver:
    """Turns what storage format names into what a person can follow: addresses on the site,
    people's names.

    Page links carry titles, not ids. ``/display/KEY/Title`` is an address that Confluence resolves
    by title, so a page's text depends on nothing but the page.
    """

    def __init__(
        self, site_url: str, space_key: str, page_id: str, names: Mapping[str, str]
    ) -> None:
        self.site_url = site_url.rstrip("/")
        self._space = space_key
        self._page = page_id
        self._names = names

    def user(self, account_id: str) -> str | None:
        """The display name, where it is visible."""
        return self._names.get(account_id) or None

    def user_url(self, account_id: str) -> str | None:
        """The profile's address."""
        return f"{self.site_url}/people/{quote(account_id)}"

    def space_url(self, key: str) -> str | None:
        """The space's overview."""
        return f"{self.site_url}/spaces/{quote(key)}"

    def page_url(self, space_key: str | None, title: str) -> str | None:
        """The page's address by space and title."""
        return f"{self.site_url}/display/{quote(space_key or self._space)}/{quote_plus(title)}"

    def url_by_id(self, content_id: str) -> str | None:
        """The address that Confluence resolves by id."""
        return f"{self.site_url}/pages/viewpage.action?pageId={quote_plus(content_id)}"

    def attachment_url(
        self, filename: str, page_title: str | None, space_key: str | None
    ) -> str | None:
        """The file on this page; for one on another page, whose id a body does not say, that page's
        attachments."""
        if page_title is None and space_key is None:
            return f"{self.site_url}/download/attachments/{self._page}/{quote(filename)}"
        query = {"spaceKey": space_key or self._space, "title": page_title or ""}
        return (
            f"{self.site_url}/pages/viewpageattachments.action?{urlencode(query)}"
            if page_title
            else None
        )
