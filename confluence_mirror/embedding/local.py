"""all-MiniLM-L6-v2 on onnxruntime, without a network and without torch.

``minilm.onnx`` is the model's graph; its weights are offsets into the published
``model.safetensors``, which onnxruntime maps (``scripts/make_minilm_skeleton.py`` makes it). The
text is prepared as sentence-transformers does it: word pieces, lower case, [CLS] and [SEP], at most
256 tokens, mean over the tokens, unit length.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module, resources
from pathlib import Path
from typing import Any

from confluence_mirror import telemetry
from confluence_mirror.embedding.base import Embedder
from confluence_mirror.embedding.weights import MODEL_ID, locate_model
from confluence_mirror.errors import WrongSettings, extra_hint
from confluence_mirror.model import Unembedded
from confluence_mirror.wording import counted

DIMENSION = 384
MAX_TOKENS = 256
_LONGEST_QUESTION = 50_000  # characters: more than so few tokens have, and soon tokenized
TEXTS_AT_ONCE = 256
"""So many have enough of about one length for each pass: hardly any padding is computed."""
_TOKENS_AT_ONCE = 1024  # padded tokens of one pass: 4,096 take 1.2 times the CPU per text


class LocalEmbedder:
    """The local model; see ``Embedder``. Vectors have length 1, so that cosine and dot product
    agree."""

    dimension = DIMENSION
    max_tokens: int | None = MAX_TOKENS
    concurrency = 1
    batch_size = TEXTS_AT_ONCE

    def __init__(
        self,
        model_id: str,
        folder: Path,
        threads: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        telemetry.switch_off()
        try:
            numpy, onnxruntime, tokenizers = map(
                import_module, ("numpy", "onnxruntime", "tokenizers")
            )
        except ImportError as error:
            raise WrongSettings(
                f"The local embedding model needs the package {error.name}, which is not"
                " installed.",
                hint=extra_hint("chroma"),
            ) from None
        self.model_id = model_id
        self.embedded = 0
        self.tokenizer_path: Path | None = folder / "tokenizer.json"
        self._counting = threading.Lock()
        self._progress = progress
        self._numpy: Any = numpy
        self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(self.tokenizer_path))
        # The file asks for a truncation and a padding to 128, half of what the model sees.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or usable_cores()
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(folder)
        )
        graph = resources.files("confluence_mirror.embedding").joinpath("minilm.onnx").read_bytes()
        self._session: Any = onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, texts: Sequence[str]) -> list[list[float] | Unembedded]:
        """See ``Embedder``. A text that the model would not see whole is not embedded, and never
        cut."""
        encoded = self._encode_texts(texts) if texts else []
        return self._embed_encoded(
            [
                Unembedded(self._too_long(len(each)))
                if not isinstance(each, Unembedded) and len(each) > MAX_TOKENS
                else each
                for each in encoded
            ]
        )

    def embed_question(self, text: str) -> list[float] | Unembedded:
        """See ``Embedder``. Cut as sentence-transformers cuts: the first tokens, and the last,
        special one."""
        (ids,) = self._encode_texts([text[:_LONGEST_QUESTION]])
        if not isinstance(ids, Unembedded) and len(ids) > MAX_TOKENS:
            ids = [*ids[: MAX_TOKENS - 1], ids[-1]]
        return self._embed_encoded([ids])[0]

    def _embed_encoded(
        self, encoded: Sequence[list[int] | Unembedded]
    ) -> list[list[float] | Unembedded]:
        vectors: list[list[float] | Unembedded] = [
            each if isinstance(each, Unembedded) else [] for each in encoded
        ]
        fitting = {
            number: each for number, each in enumerate(encoded) if not isinstance(each, Unembedded)
        }
        numbers = list(fitting)
        for batch in _batches_by_length([len(fitting[number]) for number in numbers]):
            some = [numbers[place] for place in batch]
            for number, vector in zip(
                some, self._run_model([fitting[number] for number in some]), strict=True
            ):
                sound = all(map(math.isfinite, vector)) and any(vector)
                vectors[number] = (
                    vector
                    if sound
                    else Unembedded(
                        f"{self.model_id} gives a vector of NaN, infinity or zeros for it"
                    )
                )
                with self._counting:
                    self.embedded += sound
            if self._progress:
                self._progress(self.embedded)
        return vectors

    def _encode_texts(self, texts: Sequence[str]) -> list[list[int] | Unembedded]:
        """The tokens of each text. A text over which the tokenizer panics is found by halving."""
        try:
            return [one.ids for one in self._tokenizer.encode_batch(list(texts))]
        except BaseException as error:
            if not _is_panic(error):
                raise
            if len(texts) == 1:
                return [Unembedded(f"the tokenizer of {self.model_id} fails on it")]
            middle = len(texts) // 2
            return self._encode_texts(texts[:middle]) + self._encode_texts(texts[middle:])

    def _too_long(self, tokens: int) -> str:
        return f"it has {counted(tokens, 'token')}, and {self.model_id} reads {MAX_TOKENS} at most"

    def _run_model(self, ids: Sequence[Sequence[int]]) -> list[list[float]]:
        width = max(map(len, ids))
        inputs = self._numpy.zeros((len(ids), width), self._numpy.int64)
        mask = self._numpy.zeros_like(inputs)
        for row, found in enumerate(ids):
            inputs[row, : len(found)] = found
            mask[row, : len(found)] = 1
        (vectors,) = self._session.run(None, {"input_ids": inputs, "attention_mask": mask})
        found_vectors: list[list[float]] = vectors.tolist()
        return found_vectors

    def close(self) -> None:
        """See ``Embedder``."""
        self._session = None


def local_embedder(
    model_id: str = MODEL_ID,
    model_path: Path | None = None,
    *,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Embedder:
    """The embedding model that runs here. It downloads nothing: ``python -m
    confluence_mirror.embedding`` does.

    ``threads``: of onnxruntime; None for as many as this process may use. ``progress`` is told how
    many texts are done, after each pass. Raises ``WrongSettings`` for another model, and where its
    files or onnxruntime are missing.
    """
    require_known(model_id)
    return LocalEmbedder(model_id, locate_model(model_path).folder, threads, progress)


def require_known(model_id: str) -> None:
    """Raise ``WrongSettings`` for a model that does not run here."""
    if model_id.rsplit("/", 1)[-1].lower() != MODEL_ID.lower():
        raise WrongSettings(
            f"EMBEDDING_MODEL_ID={model_id}: only {MODEL_ID} runs inside this program.",
            hint="Set EMBEDDING_BASE_URL to an OpenAI-compatible server that has the model.",
        )


def _is_panic(error: BaseException) -> bool:
    """Whether it comes from a panic in a library's Rust, which PyO3 raises past every ``except
    Exception``."""
    return type(error).__name__ == "PanicException"


def usable_cores() -> int:
    """Cores that this process may use: its affinity, and in a container the CPU limit (cgroup
    v2)."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))


def _batches_by_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of texts, longest first, such that a batch's padded size stays bounded and little of
    it is padding."""
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    while order:
        size = max(1, _TOKENS_AT_ONCE // lengths[order[0]])
        yield order[:size]
        order = order[size:]
