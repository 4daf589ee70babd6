"""May I see this space? Confluence's side of the check: the gateway, the site, the credential, the
space, a page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import Literal

from confluence_mirror import markdown
from confluence_mirror.check.scopes import scopes_step
from confluence_mirror.check.steps import Step, Steps, failed
from confluence_mirror.confluence.checks import (
    count_comments,
    read_account,
)
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.refusals import AccessRefused, QuestionRefused
from confluence_mirror.confluence.routes import SPACES, V1, V2, Route
from confluence_mirror.errors import (
    Exit,
    PageFailed,
    PermissionRefused,
    SourceUnavailable,
    SyncError,
)
from confluence_mirror.mirror.ports import MOST_COUNTED, Source
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.scope_lookup import look_up_pages, resolve_scope
from confluence_mirror.mirror.site_links import SiteResolver
from confluence_mirror.model import Body, PageRef
from confluence_mirror.runs.scope import scope_spec
from confluence_mirror.settings import Settings
from confluence_mirror.wording import counted

CLOCKS_APART_S = 300
"""Beyond this a run does not trust its window and compares the whole scope."""

_SPACES_ASKED = 50
_EXTRAS = {
    "attachments": Route(f"{V2}/pages/{{id}}/attachments", "read:attachment:confluence"),
    "restrictions": Route(
        f"{V1}/content/{{id}}/restriction",
        "read:confluence-content.all",
        "read:content-details:confluence",
    ),
}
_OF_A_PAGE = (*_EXTRAS, "comments")
_AFTER_CREDENTIAL = ("scopes", "clocks", "space", "pages", "page", *_OF_A_PAGE)


class SiteCheck:
    """Asks the steps of Confluence's side, one after the other."""

    def __init__(self, settings: Settings, gateway: Gateway, source: Source, steps: Steps) -> None:
        self._settings = settings
        self._gateway = gateway
        self._source = source
        self._steps = steps
        self._scope: Scope | None = None
        self._refs: list[PageRef] = []

    def run(self) -> None:
        """All of them, or up to the one without which the rest cannot be asked."""
        if not self._reached():
            return
        steps = self._steps
        steps.ask("scopes", partial(scopes_step, self._gateway, self._settings.scope))
        steps.ask("clocks", self._clocks)
        if not steps.ask("space", self._space):
            steps.skip("pages", "page", *_OF_A_PAGE, why="they need the space")
            return
        if self._settings.scope.labels:
            steps.ask("labels", self._labels)
        if self._settings.scope.access:
            steps.ask("viewers", self._viewers)
        if not (steps.ask("pages", self._pages) and self._refs):
            steps.skip("page", *_OF_A_PAGE, why="they need a page")
            return
        steps.ask("page", self._page)
        for name, route in _EXTRAS.items():
            steps.ask(name, partial(self._extra, name, route))
        steps.add(self._comments())

    # -- gateway, site, credential: one question, whose answer tells which of them is wrong

    def _reached(self) -> bool:
        try:
            self._gateway.request_json(SPACES, {"limit": 1})
        except AccessRefused as refusal:
            wrong = _blamed(refusal)
            self._answered(wrong, refusal)
            return not wrong
        except SyncError as error:
            self._answered("gateway", error)
            return False
        self._answered("", None)
        return True

    def _answered(
        self, wrong: Literal["", "gateway", "site", "credential"], error: SyncError | None
    ) -> None:
        names = ("gateway", "site", "credential")
        good = {"gateway": self._gateway_said, "site": self._site_said, "credential": self._account}
        for number, name in enumerate(names):
            if name == wrong and error is not None:
                self._steps.add(failed(name, error))
                self._steps.skip(
                    *names[number + 1 :], *_AFTER_CREDENTIAL, why=f"they need the {name}"
                )
                return
            self._steps.ask(name, good[name])

    def _gateway_said(self) -> Step:
        return Step("gateway", "ok", f"{self._settings.confluence.gateway_url} answers")

    def _site_said(self) -> Step:
        cloud_id = self._settings.confluence.cloud_id
        try:
            url = self._gateway.site_url()
        except (PermissionRefused, SourceUnavailable):
            return Step(
                "site",
                "ok",
                f"the gateway knows the cloud id {cloud_id}",
                facts={"cloud_id": cloud_id},
            )
        return Step("site", "ok", url, facts={"cloud_id": cloud_id, "url": url})

    def _account(self) -> Step:
        found = read_account(self._gateway)
        if found is None:
            return Step("credential", "ok", "accepted (the token may not tell whose it is)")
        kind = f" ({found.account_type})" if found.account_type else ""
        facts = {
            "account_id": found.account_id,
            "name": found.display_name,
            "type": found.account_type,
        }
        return Step(
            "credential",
            "ok",
            f"accepted: {found.display_name or found.account_id}{kind}",
            facts=facts,
        )

    # -- what the credential may do

    def _clocks(self) -> Step:
        apart = self._gateway.clock_skew()
        facts = {"seconds_ahead": round(apart, 1)}
        if abs(apart) <= CLOCKS_APART_S:
            return Step("clocks", "ok", f"{abs(apart):.0f} s apart", facts=facts)
        said = (
            f"ours is {counted(round(abs(apart) / 60), 'minute')}"
            f" {'ahead' if apart > 0 else 'behind'}: every run compares everything"
        )
        return Step(
            "clocks", "warning", said, "Set this machine's clock, by NTP for instance.", facts=facts
        )

    # -- what it sees

    def _space(self) -> Step:
        wanted = self._settings.scope
        self._scope = resolve_scope(self._source, scope_spec(wanted))
        spaces = self._scope.spaces
        said = ", ".join(f"{space.name} (key {space.key}, id {space.id})" for space in spaces[:5])
        said += f" and {len(spaces) - 5} more" if len(spaces) > 5 else ""
        narrow = [f"FILTER_FOLDER_ID={wanted.folder_id}"] if wanted.folder_id else []
        narrow += [item for item in wanted.items if item.startswith("tree:")]
        lists = {
            "LABELS": wanted.labels,
            "EXCLUDE_LABELS": wanted.exclude_labels,
            "EXCLUDE_TREES": wanted.exclude_trees,
        }
        narrow += [f"{name}={','.join(found)}" for name, found in lists.items() if found]
        said_of = "the pages below are of the whole space"
        lines = (f"a sync narrows this by {' and '.join(narrow)}; {said_of}",)
        facts = {
            "spaces": [{"key": space.key, "id": space.id, "name": space.name} for space in spaces]
        }
        return Step("space", "ok", said, "", lines if narrow else (), facts=facts)

    def _labels(self) -> Step:
        assert self._scope is not None
        borne = self._source.list_labelled(self._scope.spaces, self._scope.labels)
        facts = {"labels": {label: len(ids) for label, ids in sorted(borne.items())}}
        said = (
            "pages that have them:"
            f" {', '.join(f'{len(ids)} {label}' for label, ids in sorted(borne.items()))}"
        )
        if unborne := sorted(label for label, ids in borne.items() if not ids):
            return Step(
                "labels",
                "failed",
                f"no page has the label {', '.join(unborne)}; {said}",
                "Correct LABELS, or give a page the label first.",
                exit=Exit.SETTINGS,
                facts=facts,
            )
        return Step("labels", "ok", said, facts=facts)

    def _viewers(self) -> Step:
        """Who may view the spaces, as ACCESS needs it."""
        assert self._scope is not None
        found = {space.key: self._source.viewers_of(space) for space in self._scope.spaces}
        counts = {key: None if each is None else len(each) for key, each in found.items()}
        facts = {"viewers": counts}
        if unknown := sorted(key for key, each in found.items() if not each):
            return Step(
                "viewers",
                "failed",
                f"who may view {', '.join(unknown)} is not visible: nobody would find anything",
                "ACCESS=true needs an account that sees the permissions of the space.",
                exit=Exit.PERMISSION,
                facts=facts,
            )
        said = ", ".join(f"{key}: {len(each or ())}" for key, each in sorted(found.items())[:5])
        return Step("viewers", "ok", f"users and groups that may view {said}", facts=facts)

    def _listed(self) -> Iterator[PageRef]:
        assert self._scope is not None
        listed = (self._source.list_pages(space) for space in self._scope.listed_spaces())
        alone = look_up_pages(self._source, self._scope.pages).values()
        return chain(alone, chain.from_iterable(listed))

    def _pages(self) -> Step:
        limit = self._settings.run.test_limit
        self._refs = list(islice(self._listed(), limit))
        if not self._refs:
            hint = "Is the space empty, or are its pages restricted to others?"
            return Step(
                "pages", "warning", "this credential sees no current page or blog post there", hint
            )
        site = self._source.site_url().rstrip("/")
        facts = [
            {
                "id": ref.id,
                "title": ref.title,
                "modified_at": ref.version.created_at,
                "url": site + ref.webui,
            }
            for ref in self._refs
        ]
        lines = tuple(
            f"{page['modified_at'][:16].replace('T', ' ')}  {page['title']}  {page['url']}"
            for page in facts
        )
        more = "the first" if len(self._refs) == limit else "all"
        return Step("pages", "ok", f"{more} {len(self._refs)}:", "", lines, facts={"pages": facts})

    def _page(self) -> Step:
        ref = self._refs[0]
        body = dict(self._source.read_bodies([ref], self._settings.confluence.body_format)).get(
            ref.id
        )
        if isinstance(body, PageFailed):
            return Step(
                "page",
                "failed",
                f"“{ref.title}” cannot be read: {body.reason}",
                exit=Exit.UNFINISHED,
            )
        if not isinstance(body, Body):
            return Step(
                "page",
                "warning",
                f"“{ref.title}” went away in the meantime",
                "Run the check again.",
            )
        assert self._scope is not None
        space = self._scope.spaces_by_id()[ref.space_id]
        resolver = SiteResolver(self._source.site_url(), space.key, ref.id, {})
        converted = markdown.convert(body.value, resolver=resolver, body_format=body.format)
        size, made = len(body.value), len(converted.markdown)
        said = (
            f"“{ref.title}”: {size:,} characters of {body.format} read, {made:,} of Markdown made"
        )
        macros = (f"macros in it: {', '.join(converted.macros)}",) if converted.macros else ()
        facts = {
            "id": ref.id,
            "read": size,
            "markdown": made,
            "way": converted.way,
            "macros": list(converted.macros),
        }
        return Step("page", "ok", said, "", (*macros, *converted.notes), facts=facts)

    def _extra(self, name: str, route: Route) -> Step:
        """Visible or not: a sync needs neither, unless ACCESS or ATTACHMENTS is set."""
        if name == "restrictions" and self._settings.scope.access:
            return self._restrictions()
        ref = next((ref for ref in self._refs if ref.type == "page"), None)
        if ref is None:
            return Step(name, "skipped", "needs a page")
        try:
            self._gateway.request_json(route, {"limit": 1}, node_id=ref.id)
        except AccessRefused as refusal:
            if name == "attachments" and self._settings.scope.attachments:
                raise
            lacks = f"the token lacks {refusal.scope}"
            why = lacks if refusal.scope else f"answered with {refusal.status}"
            return Step(
                name,
                "note",
                f"not visible ({why}); a sync does not need them",
                facts={"visible": False},
            )
        except QuestionRefused as refusal:
            said = f"not visible (answered with {refusal.status}); a sync does not need them"
            return Step(name, "note", said, facts={"visible": False})
        except SyncError as error:
            return Step(name, "note", f"nothing is known: {Exception.__str__(error)}")
        if name == "attachments":
            return self._attachments()
        return Step(name, "ok", "visible", facts={"visible": True})

    def _comments(self) -> Step:
        """How many there are, as far as one question tells."""
        assert self._scope is not None
        keys = [space.key for space in self._scope.spaces[:_SPACES_ASKED]]
        try:
            count, more = count_comments(self._gateway, keys)
        except SyncError as error:
            return Step("comments", "note", f"nothing is known: {Exception.__str__(error)}")
        said = f"{'more than ' if more else ''}{counted(count, 'comment')} visible"
        mirrored = self._settings.scope.comments
        said += f"; COMMENTS={mirrored} mirrors them" if mirrored else "; COMMENTS mirrors them too"
        return Step("comments", "ok", said, facts={"visible": count, "more": more})

    def _restrictions(self) -> Step:
        """Of one page, from the index or on its own route."""
        ref = next((ref for ref in self._refs if ref.type == "page"), None)
        if ref is None:
            return Step("restrictions", "skipped", "needs a page")
        try:
            found = self._source.restrictions_of([ref.id], 1)
        except SyncError as error:
            return failed("restrictions", error)
        if not found:
            return Step(
                "restrictions",
                "failed",
                f"those of “{ref.title}” cannot be read: nobody would find it",
                "ACCESS=true needs an account that sees the restrictions of pages.",
                exit=Exit.PERMISSION,
                facts={"visible": False},
            )
        return Step("restrictions", "ok", "visible, as ACCESS needs it", facts={"visible": True})

    def _attachments(self) -> Step:
        assert self._scope is not None
        count = self._source.count_files([space.key for space in self._scope.spaces])
        more = " or more" if count >= MOST_COUNTED else ""
        wanted = self._settings.scope.attachments
        end = "which are mirrored" if wanted else "not mirrored unless ATTACHMENTS=true"
        said = f"visible: {counted(count, 'file')}{more} in these spaces, {end}"
        return Step("attachments", "ok", said, facts={"visible": True, "files": count})


def _blamed(refusal: AccessRefused) -> Literal["", "gateway", "site", "credential"]:
    """What a refusal of the first question speaks against; nothing, where only a scope is
    missing."""
    text = str(refusal)
    if refusal.scope:
        return ""
    if "does not know this site" in text:
        return "site"
    return "gateway" if "CONF_GATEWAY_URL" in refusal.hint else "credential"
