"""Commands that change the site and the gateway: within the process by fault rules, from outside
over HTTP.

``POST /control/<command>`` on the gateway's own origin, with a JSON object (or nothing) as its
body; no credential.

- content: ``add`` {space, title, body, parent, type, labels …}; with ``id``: ``edit`` {body,
  title}, ``rename`` {title}, ``move`` {parent, space}, ``move_space`` {space}, ``relabel``
  {labels}, ``age`` {hours}, ``forget_history`` {versions}, and ``draft archive unarchive trash
  restore delete purge restrict unrestrict``; ``add_comment`` {body, marked, marker, author}
- comments: with ``id``: ``add_reply`` {body, author}, ``edit_comment`` {body}, ``resolve_comment``
  and ``reopen_comment`` {by, versioned}, ``remove_comment`` {keep_replies}
- files: with ``id`` (of the page): ``attach_file`` {filename, data, media_type, comment, author};
  with ``id``: ``upload_version`` {data}, ``rename_file`` {filename}, ``move_file`` {to},
  ``relabel`` {labels}, and ``trash_file restore_file purge_file``; ``data`` is Base64
- spaces: ``add_space`` {key, name, type}; with ``key``: ``remove_space``, ``rename_space`` {name},
  ``archive_space``, ``hide_space``, ``publish_space``, ``rekey_space`` {new}; ``add_person``
  {display_name}; ``age_all`` {hours}
- access: with ``id``: ``restrict_to`` {users, groups, robot}; with ``key``: ``grant_space`` {users,
  groups}, ``open_space``; ``add_group`` {name, members}; with ``name``: ``add_members``,
  ``remove_members`` {members}, ``remove_group``; ``deactivate`` {account_id, status}; ``sign_in``
  {account_id} gives a user name and a token
- gateway: ``switch`` {any field of ``Switches``}, ``revoke``, ``grant``, ``expire`` {expired},
  ``clear``, ``fault`` {any field of ``Fault``}
- ``clock`` {advance_hours, advance_seconds, set, freeze}, ``index`` {lag_seconds, pin, miss,
  rebuild}
- looking: ``log``, ``counts``, ``pages`` {spaces}
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from confluence_sandbox.clock import parse_stamp, stamp
from confluence_sandbox.content import Attached, Content, Group, Person, SpaceInfo, VersionInfo
from confluence_sandbox.faults import Fault
from confluence_sandbox.site import Site
from confluence_sandbox.switches import Switches

CONTENT_VERBS = [
    "edit",
    "rename",
    "draft",
    "archive",
    "unarchive",
    "trash",
    "restore",
    "delete",
    "purge",
    "move",
    "move_space",
    "restrict",
    "restrict_to",
    "unrestrict",
    "relabel",
    "age",
    "forget_history",
    "add_comment",
    "add_reply",
    "edit_comment",
    "resolve_comment",
    "reopen_comment",
    "remove_comment",
    "attach_file",
    "upload_version",
    "rename_file",
    "move_file",
    "trash_file",
    "restore_file",
    "purge_file",
]
SPACE_VERBS = [
    "remove_space",
    "rename_space",
    "rekey_space",
    "archive_space",
    "hide_space",
    "publish_space",
    "grant_space",
    "open_space",
]


GROUP_VERBS = ["add_members", "remove_members", "remove_group"]


class Controlled(Protocol):
    """What commands need of the gateway."""

    site: Site
    switches: Switches
    faults: list[Fault]

    @property
    def log(self) -> Sequence[Any]:
        """The requests so far."""

    def add_fault(self, fault: Fault) -> Fault:
        """Add a rule."""

    def sign_in(self, account_id: str) -> tuple[str, str]:
        """A user name and a token for this user of the site."""

    def clear(self) -> None:
        """Forget faults, the log and its counts."""

    def counts(self) -> dict[str, int]:
        """Requests by endpoint."""


class Control:
    """Runs commands by name. Every command takes and gives plain JSON values."""

    def __init__(self, gateway: Controlled) -> None:
        self._gateway = gateway
        site = gateway.site
        self._commands: dict[str, Callable[..., Any]] = {
            "add": site.add,
            "add_space": site.add_space,
            "add_person": site.add_person,
            "deactivate": site.deactivate,
            "add_group": site.add_group,
            "age_all": site.age_all,
            "expire": site.expire,
            "switch": lambda **values: gateway.switches.change(values),
            "revoke": lambda: gateway.switches.change({"revoked": True}),
            "grant": lambda: gateway.switches.change({"revoked": False}),
            "fault": self._fault,
            "clear": gateway.clear,
            "log": lambda: [vars(entry) for entry in gateway.log],
            "counts": gateway.counts,
            "clock": self._clock,
            "index": self._index,
            "pages": self._pages,
            "sign_in": self._sign_in,
        }
        for verb in GROUP_VERBS:
            self._commands[verb] = self._first("name", getattr(site, verb))
        for verb in CONTENT_VERBS:
            self._commands[verb] = self._first("id", getattr(site, verb))
        for verb in SPACE_VERBS:
            self._commands[verb] = self._first("key", getattr(site, verb))

    def run(self, verb: str, values: Mapping[str, Any]) -> Any:
        """Run one. ``KeyError`` for an unknown command or id, ``TypeError`` for values that do not
        fit."""
        return _plain(self._commands[verb](**_values(values)))

    def _first(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(**values: Any) -> Any:
            return method(values.pop(name), **values)

        return call

    def _sign_in(self, *, account_id: str) -> dict[str, str]:
        user, token = self._gateway.sign_in(account_id)
        return {"user": user, "token": token}

    def _fault(self, **values: Any) -> dict[str, int]:
        self._gateway.add_fault(Fault(**values))
        return {"faults": len(self._gateway.faults)}

    def _clock(
        self,
        *,
        advance_hours: float = 0,
        advance_seconds: float = 0,
        set: str = "",
        freeze: bool | None = None,
    ) -> dict[str, str]:
        clock = self._gateway.site.clock
        if set:
            clock.set(parse_stamp(set))
        if freeze is not None:
            (clock.freeze if freeze else clock.run)()
        return {"now": stamp(clock.advance(hours=advance_hours, seconds=advance_seconds))}

    def _index(
        self,
        *,
        lag_seconds: float | None = None,
        pin: list[str] | None = None,
        miss: list[str] | None = None,
        rebuild: bool = False,
    ) -> None:
        index = self._gateway.site.index
        if lag_seconds is not None:
            index.lag = timedelta(seconds=lag_seconds)
        index.pin(pin or [])
        index.miss(miss or [])
        if rebuild:
            index.rebuild()

    def _pages(self, *, spaces: list[str] | None = None) -> list[dict[str, Any]]:
        return [_plain(content) for content in self._gateway.site.current(*(spaces or []))]


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(values)
    for name, value in values.items():
        if name.endswith("_at"):
            made[name] = parse_stamp(value)
        if name == "data" and isinstance(value, str):
            made[name] = b64decode(value, validate=True)
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, Attached):
        version = {"number": value.version.number, "createdAt": stamp(value.version.created_at)}
        return {"id": value.id, "filename": value.title, "version": version}
    if isinstance(value, Content):
        version = {"number": value.version.number, "createdAt": stamp(value.version.created_at)}
        return {
            "id": value.id,
            "type": value.type,
            "title": value.title,
            "status": value.status,
            "version": version,
        }
    if isinstance(value, VersionInfo):
        return {"number": value.number, "createdAt": stamp(value.created_at)}
    if isinstance(value, SpaceInfo):
        return {"id": str(value.id), "key": value.key, "name": value.name}
    if isinstance(value, Group):
        return {"id": value.id, "name": value.name, "members": sorted(value.members)}
    if isinstance(value, Person):
        return {"accountId": value.account_id, "displayName": value.display_name}
    return {} if value is None else value
