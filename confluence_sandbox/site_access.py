"""Who may see what: people, groups, who views a space, restrictions on what is in it.

None of it makes a version.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TypeAlias

from confluence_sandbox.content import Group, Person, Readers
from confluence_sandbox.state import ROBOT, Ref, SiteState

GroupRef: TypeAlias = str | Group
"""A group, or its name."""


class SiteAccess(SiteState):
    """A site's permissions, and how they change."""

    def add_person(
        self, display_name: str | None, account_id: str | None = None, **details: str
    ) -> Person:
        """A user; without an id one is made from the name."""
        account_id = (
            account_id or f"712020:{uuid.uuid5(uuid.NAMESPACE_DNS, f'{self.host}/{display_name}')}"
        )
        with self.lock:
            person = Person(account_id, display_name, **details)
            self.people[account_id] = person
            if person.account_type == "atlassian":
                self.everyone.members.add(account_id)
            self._changed()
            return person

    def deactivate(self, account_id: str, *, status: str = "inactive") -> None:
        """They can sign in no more, and stay a member of their groups; ``status`` ``closed``: the
        account is deleted; ``active``: they are back."""
        with self.lock:
            self.people[account_id].status = status
            self._changed()

    def add_group(self, name: str, members: Iterable[str] = ()) -> Group:
        """A group with these account ids."""
        with self.lock:
            group = self._new_group(name)
            group.members.update(members)
            self.groups[group.id] = group
            self._changed()
            return group

    def add_members(self, ref: GroupRef, members: Iterable[str]) -> None:
        """More members."""
        with self.lock:
            self.group(ref).members.update(members)
            self._changed()

    def remove_members(self, ref: GroupRef, members: Iterable[str]) -> None:
        """Fewer members."""
        with self.lock:
            self.group(ref).members.difference_update(members)
            self._changed()

    def remove_group(self, ref: GroupRef) -> None:
        """Delete a group; restrictions go on naming it, and admit nobody by it."""
        with self.lock:
            group = self.group(ref)
            group.members.clear()
            group.removed = True
            self._changed()

    def grant_space(
        self, key: str, *, users: Iterable[str] = (), groups: Iterable[GroupRef] = ()
    ) -> None:
        """Let these alone view a space, beside the credential."""
        with self.lock:
            self.space(key).readers = self._readers(users, groups)
            self._changed()

    def add_archivists(self, key: str, users: Iterable[str]) -> None:
        """Give them a role in a space that does not let them view it."""
        with self.lock:
            space = self.space(key)
            space.archivists = (*space.archivists, *users)
            self._changed()

    def open_space(self, key: str) -> None:
        """Let every user of the site view a space."""
        with self.lock:
            self.space(key).readers = None
            self._changed()

    def hide_space(self, key: str, hidden: bool = True) -> None:
        """Take the credential's permission to see the space, or give it back."""
        with self.lock:
            self.space(key).hidden = hidden
            self._changed()

    def publish_space(self, key: str, public: bool = True) -> None:
        """Let anonymous visitors see a space, or no longer."""
        with self.lock:
            self.space(key).public = public
            self._changed()

    def restrict(self, ref: Ref) -> None:
        """Read restrictions that name the author alone and leave the credential out; everything
        below is hidden with it."""
        author = self.get(ref).author
        self._restrict(ref, Readers((author,) if author != ROBOT else ()))

    def restrict_to(
        self,
        ref: Ref,
        *,
        users: Iterable[str] = (),
        groups: Iterable[GroupRef] = (),
        robot: bool = True,
    ) -> None:
        """Read restrictions that name these, and the credential with ``robot``."""
        with self.lock:
            readers = self._readers([*users, ROBOT] if robot else users, groups)
            self._restrict(ref, readers)

    def unrestrict(self, ref: Ref) -> None:
        """Open it again."""
        self._restrict(ref, None)

    def group(self, ref: GroupRef) -> Group:
        """A group by name. ``KeyError`` if there never was one."""
        if isinstance(ref, Group):
            return ref
        return self.groups[self._new_group(ref).id]

    def _readers(self, users: Iterable[str], groups: Iterable[GroupRef]) -> Readers:
        named = [self.group(each).id for each in groups]
        return Readers(tuple(dict.fromkeys(users)), tuple(dict.fromkeys(named)))
