"""The store's side of the check: does it answer, what is it, is the collection there, does the
model fit?"""

from __future__ import annotations

from contextlib import ExitStack, closing

from confluence_mirror.check.steps import Step, Steps
from confluence_mirror.embedding import Embedder
from confluence_mirror.errors import Exit, SyncError
from confluence_mirror.manifest import Database, Manifest
from confluence_mirror.runs import components
from confluence_mirror.runs.recipe import size_advice
from confluence_mirror.settings import Settings
from confluence_mirror.stores.base import Capabilities, Collection, Memory, Store
from confluence_mirror.stores.discover import Discovered, discover, resolve_model
from confluence_mirror.stores.llama.fit import fit_of_client
from confluence_mirror.wording import counted


def is_set(settings: Settings) -> bool:
    """Whether a store was chosen; the embedded one by default is no choice."""
    default = settings.state.folder / "store"
    return (
        settings.store.asked is not None
        or settings.store.kind != "embedded"
        or settings.store.path != default
    )


class StoreCheck:
    """Asks the steps of the store's side. Writes nothing."""

    def __init__(self, settings: Settings, steps: Steps) -> None:
        self._settings = settings
        self._chosen = settings.store
        """The store that is really there, once that is known."""
        self._steps = steps
        self._store: Store | None = None
        self._found: Discovered | None = None
        self._collection: Collection | None = None

    def run(self) -> None:
        """All of them, or a note that no store is set."""
        if not is_set(self._settings):
            self._steps.add(
                Step(
                    "store",
                    "skipped",
                    "none is set: a sync would use the embedded one, on this machine",
                )
            )
            return
        embedder: list[Embedder | None] = [None]
        try:
            takes_vectors = self._chosen.takes_vectors
            if takes_vectors and not self._steps.ask("embedder", lambda: self._embeds(embedder)):
                self._steps.skip("store", "collection", "model", why="they need the embedder")
                return
            if self._chosen.kind == "embedded" and not self._chosen.path.exists():
                self._steps.add(
                    Step(
                        "store",
                        "ok",
                        f"embedded: {self._chosen.path} is made by the first sync",
                    )
                )
                return
            if not self._steps.ask("store", lambda: self._connect(embedder[0])):
                self._steps.skip("collection", "model", why="they need the store")
                self._client()
                return
            if self._steps.ask("collection", self._look) and (model := self._model()):
                self._steps.add(model)
            if not takes_vectors:
                self._advise()
            self._client()
        finally:
            if self._store is not None:
                self._store.close()
            if embedder[0] is not None:
                embedder[0].close()

    def _embeds(self, made: list[Embedder | None]) -> Step:
        made[0] = embedder = components.make_embedder(self._settings.embedding, self._settings.net)
        embedder(["Does it embed?"])
        return Step(
            "embedder",
            "ok",
            f"{embedder.model_id}, {embedder.dimension} dimensions, embedded by us",
        )

    def _connect(self, embedder: Embedder | None) -> Step:
        settings = self._settings
        self._chosen, self._found = components.discovered(
            self._chosen, settings.net, settings.chunks
        )
        if self._chosen.kind == "llama" and self._found is None:
            self._found = self._discover()
        what_found = self._found.describe() if self._found else self._chosen.kind
        self._store = components.make_store(
            self._chosen,
            settings.net,
            settings.embedding,
            embedder,
            site=settings.confluence.cloud_id,
            writes=False,
            found=self._found,
        )
        can = self._learned(self._store)
        facts = {"kind": self._store.kind, "location": self._store.location, "is": what_found}
        lines = (f"it {_abilities(can)}", *can.limits)
        return Step(
            "store", "ok", f"{what_found} at {self._store.location} answers", "", lines, facts=facts
        )

    def _learned(self, store: Store) -> Capabilities:
        """What the store can do, as runs remember it; a manifest that cannot be read is left to
        them."""
        store.connect()
        state, timeout = self._settings.state, self._settings.net.request_timeout
        with ExitStack() as stack:
            try:
                database = Database(state.url.reveal(), read_only=True, timeout=timeout)
                memory: Memory = Manifest(stack.enter_context(closing(database)))
            except SyncError:
                memory = _NoMemory()
            return store.learn_capabilities(memory, tries=False)

    def _discover(self) -> Discovered:
        net, llama = self._settings.net, self._chosen.llama
        assert llama.base_url is not None
        return discover(
            llama.base_url,
            llama.api_key.reveal() if llama.api_key else "",
            timeout=net.request_timeout,
            ca_bundle=str(net.ca_bundle or ""),
            llama=True,
        )

    def _look(self) -> Step:
        assert self._store is not None
        name = self._chosen.collection
        self._collection = self._store.find_collection(name)
        if self._collection is None:
            return Step(
                "collection",
                "ok",
                f"{name} is not there yet: the first sync makes it",
                facts={"exists": False},
            )
        count = self._store.count_rows(self._collection)
        rows = "" if count is None else f", {counted(count, 'chunk')}"
        other = f" (id {self._collection.id})" if self._collection.id != name else ""
        facts = {"exists": True, "id": self._collection.id, "rows": count}
        return Step("collection", "ok", f"{name}{other} is there{rows}", facts=facts)

    def _model(self) -> Step | None:
        """A collection's model was compared by ``find_collection``: another one would have ended
        the step before."""
        if self._collection is not None and self._collection.embedding_model:
            return Step(
                "model", "ok", f"{self._collection.embedding_model} made this collection's vectors"
            )
        if self._found is None or not self._found.models:
            return None
        wanted = self._settings.embedding.model_id
        if model := resolve_model(self._found.models, wanted):
            size = f", {model.dimension} dimensions" if model.dimension else ""
            return Step("model", "ok", f"{model.id}{size}, embedded by the store")
        names = ", ".join(model.id for model in self._found.models)
        hint = f"Set EMBEDDING_MODEL_ID to one of: {names}"
        return Step(
            "model",
            "failed",
            f"the store has no embedding model {wanted}, or several",
            hint,
            exit=Exit.SETTINGS,
        )

    def _advise(self) -> None:
        """Chunks that the store's model does not see whole."""
        chunks, model_id = self._settings.chunks, self._settings.embedding.model_id
        if advice := size_advice(chunks, model_id):
            said, _, hint = advice.partition(". ")
            self._steps.add(Step("chunks", "note", said, hint))

    def _client(self) -> None:
        """Other programs beside us send their client's version, which a server may refuse."""
        if self._found is None or not self._found.version:
            return
        net, store = self._settings.net, self._chosen
        is_llama = store.kind == "llama"
        url = store.llama.base_url if is_llama else store.vector_api.base_url
        key = store.llama.api_key if is_llama else store.vector_api.token
        assert url is not None
        fit = fit_of_client(
            url,
            self._found.version,
            ogx=self._found.is_ogx,
            api_key=key.reveal() if key else "",
            timeout=net.request_timeout,
            ca_bundle=net.ca_bundle,
        )
        self._steps.add(Step("client", fit.state, fit.said, fit.next))


class _NoMemory:
    """Fulfils ``Memory``: no run has remembered anything."""

    def read_known(self, name: str) -> str | None:  # noqa: ARG002 - as the protocol names it
        return None

    def record_known(self, name: str, value: str) -> None:
        pass

    def forget_known(self, name: str) -> None:
        pass


def _abilities(can: Capabilities) -> str:
    words = {"removes": can.deletes, "lists": can.lists}
    if not can.untried:
        words = {"replaces": can.replaces, **words}
    return ", ".join(
        word if able else f"does not {word.removesuffix('s')}" for word, able in words.items()
    )
