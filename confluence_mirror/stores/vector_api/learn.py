"""What an underscore server can do, learned once: from what is remembered, from trials that agree,
or, where nothing may be tried, from what it says of itself."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from urllib.parse import quote

from confluence_mirror.errors import StoreUnavailable
from confluence_mirror.stores.base import Memory
from confluence_mirror.stores.discover import UNDERSCORE, Discovered, EmbeddingModel, rows_of
from confluence_mirror.stores.http import Api
from confluence_mirror.stores.vector_api.probe import ALL, Abilities, Trial, fresh_name
from confluence_mirror.stores.vector_api.wire import DOCUMENTS, UnderscoreWire
from confluence_mirror.stores.waiting import Sleep, ask_until_certain, ask_until_settled

log = logging.getLogger("confluence_mirror.stores")

UNTRIED = "This Vector API does not let us try whether it replaces by id: assumed that it appends."
NOT_YET = (
    "Whether this Vector API replaces by id is found out by the first sync. Until then this assumes"
    " that it appends."
)
LEFT = (
    "Collection {}, made to try this Vector API out, and any like it could not be removed again:"
    " remove them by hand."
)
_MOST_TRIALS = 3


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a server. Version and description tell whether it is the same server
    still."""

    abilities: Abilities
    version: str = ""
    description: str = ""
    notes: tuple[str, ...] = ()
    """Sentences for the operator."""

    def is_of(self, found: Discovered) -> bool:
        """Whether nothing speaks against its being the server that answers now: what is not said
        counts as the same."""
        pairs = ((self.version, found.version), (self.description, found.description))
        return all(now in ("", before) for before, now in pairs)

    def as_text(self) -> str:
        """For the manifest."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of_text(cls, text: str | None) -> Known | None:
        """None for what this version does not understand: it is found out anew."""
        try:
            given = json.loads(text or "")
            abilities = Abilities(
                **{name: bool(value) for name, value in given["abilities"].items()}
            )
            return cls(
                abilities,
                str(given["version"]),
                str(given["description"]),
                tuple(map(str, given["notes"])),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


@dataclass(slots=True)
class Learning:
    """Learns of one server. ``prefix`` begins the names of trial collections, ``place`` is the
    server's (``Store``)."""

    api: Api
    wire: UnderscoreWire
    found: Discovered
    model: EmbeddingModel
    place: str
    prefix: str
    patience: float
    """Seconds that a write may take to be shown."""
    sleep: Sleep

    @property
    def subject(self) -> str:
        """Under which name the manifest keeps it."""
        return f"vector-api {self.place}"

    def recall_server(self, memory: Memory) -> Known:
        """Without a write: what is remembered, else what the server says of itself."""
        known = Known.of_text(memory.read_known(self.subject))
        if known is not None:
            return known
        can, _ = self._read_abilities()
        return Known(can, notes=(NOT_YET,))

    def learn_server(self, memory: Memory) -> Known:
        """What is remembered of this very server; else by trials, and remembered from now on.

        Nothing is written where it is known. Raises ``StoreUnavailable`` where trials are not
        conclusive.
        """
        known = Known.of_text(memory.read_known(self.subject))
        if known is not None and known.is_of(self.found):
            return known
        can, notes = self._try_out(memory, known)
        if known is not None and (lost := can.lost(known.abilities)):
            log.warning(
                "the Vector API at %s has changed: two trials agree that it does no longer %s",
                self.api.location,
                " and ".join(lost),
            )
        learned = Known(can, self.found.version, self.found.description, notes)
        memory.record_known(self.subject, learned.as_text())
        return learned

    def forget_server(self, memory: Memory) -> None:
        """The server contradicts what is remembered: the next run finds out anew."""
        memory.forget_known(self.subject)

    def _try_out(self, memory: Memory, known: Known | None) -> tuple[Abilities, tuple[str, ...]]:
        """What one trial shows to be there is there. What it does not show is denied only when a
        second one agrees."""
        said, drops = self._read_abilities()
        untried = replace(said, replaces=known is not None and known.abilities.replaces), (UNTRIED,)
        if drops is False:
            return untried
        denied = {name for name in ("deletes", "lists") if self._is_described(name) is False}
        trial = Trial(
            self.api, self.wire, self.model, denied, patience=self.patience, sleep=self.sleep
        )
        trial.sweep(self.prefix)
        before: Abilities | None = None
        for number in range(_MOST_TRIALS):
            name = self._begin_trial(memory, trial)
            can = trial.run(name)
            memory.forget_known(self._trial_name)
            if can is None and number:
                return untried
            if can is not None and can in (before, ALL):
                return can, () if can.drops else (LEFT.format(name),)
            before = can
        raise StoreUnavailable(
            f"The vector store at {self.api.location} does one thing in one trial and another in"
            " the next; nothing but test documents was written.",
            hint="Run again.",
        )

    def _begin_trial(self, memory: Memory, trial: Trial) -> str:
        """The name of a trial's collection, noted before it is made: the next trial removes what a
        killed one left."""
        if left := memory.read_known(self._trial_name):
            trial.drop(left)
        name = fresh_name(self.prefix)
        memory.record_known(self._trial_name, name)
        return name

    @property
    def _trial_name(self) -> str:
        return f"trial {self.place} {self.prefix}"

    # -- what it says of itself

    def _read_abilities(self) -> tuple[Abilities, bool | None]:
        """Without a trial: by its description, by ``Allow`` headers, by a listing of what is there.
        And whether it removes collections; None: it does not say."""
        drops = self._is_described("drops")
        if drops is None:
            drops = self._is_allowed("DELETE", f"{UNDERSCORE}/{quote(self.prefix, safe='')}")
        deletes = self._is_described("deletes")
        if deletes is None:
            deletes = self._is_allowed("DELETE", DOCUMENTS)
        return Abilities(False, bool(deletes), self._can_list(), bool(drops)), drops

    def _is_described(self, ability: str) -> bool | None:
        routes = {
            "deletes": ("DELETE", DOCUMENTS),
            "lists": ("GET", DOCUMENTS),
            "drops": ("DELETE", UNDERSCORE + "/{}"),
        }
        return self.found.offers(*routes[ability])

    def _is_allowed(self, method: str, path: str) -> bool | None:
        allowed = ask_until_settled(lambda: self.api.send("OPTIONS", path), self.sleep).allow
        return None if allowed is None else method in allowed

    def _can_list(self) -> bool:
        described = self._is_described("lists")
        if described is not None:
            return described
        known = self.wire.collections()
        if not known:
            return bool(self._is_allowed("GET", DOCUMENTS))
        params: dict[str, str | int] = {"collection_id": known[0].id, "limit": 1}
        where = f"The vector store at {self.api.location}"
        answer = ask_until_certain(
            lambda: self.api.get(DOCUMENTS, params), self.sleep, where, "a listing"
        )
        return rows_of(answer, "documents", "chunks", "results", "data") is not None
