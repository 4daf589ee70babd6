"""Makes ``tests/embedding/reference_vectors.json``: what all-MiniLM-L6-v2 answers, computed another
way.

The product runs the model as an ONNX graph on onnxruntime. This script computes the same network in
plain numpy, in double precision, from the published weights and from the papers alone (BERT:
arXiv:1810.04805; sentence-transformers'
mean pooling: arXiv:1908.10084), without a line of the product's code. Each text is computed by
itself, so there is no padding and no mask; the word pieces come from the model's vocabulary by the
greedy longest-match rule that BERT's tokenizer documents, written out here.

    python scripts/make_reference_vectors.py MODEL_FOLDER tests/embedding/reference_vectors.json

MODEL_FOLDER holds ``model.safetensors`` and ``vocab.txt``. Each vector is kept with 6 decimals.
"""

from __future__ import annotations

import argparse
import json
import unicodedata
from math import erf
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LAYERS, HEADS, LIMIT = 6, 12, 256
TEXTS = (
    "How do I restore a tenant's database?",
    (
        "Restore a tenant database > Steps\n\n1. Stop the writers.\n2. Run `tide restore"
        " --tenant=acme`."
    ),
    "Der Bereitschaftsdienst ist über Ostern nicht besetzt; bitte vorher anrufen!",
    "毎晩二時にバックアップが実行されます。",
    "| Service | Port |\n| --- | --- |\n| harbor | 8443 |\n| beacon | 9092 |",
    "HTTP 502 from the load balancer: café naïve ŒUVRE ﬁle 🙂",
    "a",
    "the quick brown fox jumps over the lazy dog " * 24,
)


def weights(path: Path) -> dict[str, Array]:
    """All tensors of a safetensors file that holds 32-bit floats."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    found = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            first, last = (8 + size + offset for offset in entry["data_offsets"])
            found[name] = (
                np.frombuffer(data[first:last], "<f4").reshape(entry["shape"]).astype(np.float64)
            )
    return found


def pieces(text: str, vocabulary: dict[str, int]) -> list[int]:
    """Word pieces: cleaned, lower case, accents off, cut at white space, punctuation and CJK, then
    greedily matched."""
    kept = [
        " " if char.isspace() else char
        for char in text
        if char.isspace() or unicodedata.category(char)[0] != "C"
    ]
    plain = unicodedata.normalize("NFD", "".join(kept).lower())
    words, word = [], ""
    for char in plain:
        if unicodedata.category(char) == "Mn":
            continue
        alone = (
            unicodedata.category(char)[0] == "P"
            or 0x4E00 <= ord(char) <= 0x9FFF
            or char in "$+<=>^`|~"
        )
        if char.isspace() or alone:
            words += [word] if word else []
            word = ""
        if alone:
            words.append(char)
        elif not char.isspace():
            word += char
    words += [word] if word else []
    return [piece for word in words for piece in matched(word, vocabulary)]


def matched(word: str, vocabulary: dict[str, int]) -> list[int]:
    """The longest piece that the word begins with, again and again; [UNK] where there is none."""
    found, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                found.append(vocabulary[piece])
                start = end
                break
        else:
            return [vocabulary["[UNK]"]]
    return found


def norm(x: Array, w: dict[str, Array], name: str) -> Array:
    """Layer normalisation."""
    centred = x - x.mean(-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    result: Array = centred / spread * w[f"{name}.weight"] + w[f"{name}.bias"]
    return result


def dense(x: Array, w: dict[str, Array], name: str) -> Array:
    """A linear layer."""
    result: Array = x @ w[f"{name}.weight"].T + w[f"{name}.bias"]
    return result


def vector(ids: list[int], w: dict[str, Array]) -> Array:
    """The sentence's vector: BERT, mean over the tokens, unit length."""
    x = (
        w["embeddings.word_embeddings.weight"][ids]
        + w["embeddings.position_embeddings.weight"][: len(ids)]
    )
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], w, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        p = f"encoder.layer.{layer}"
        q, k, v = (dense(x, w, f"{p}.attention.self.{part}") for part in ("query", "key", "value"))
        heads = []
        for head in np.split(np.arange(x.shape[1]), HEADS):
            scores = q[:, head] @ k[:, head].T / np.sqrt(len(head))
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(scores / scores.sum(-1, keepdims=True) @ v[:, head])
        attended = dense(np.concatenate(heads, -1), w, f"{p}.attention.output.dense")
        x = norm(x + attended, w, f"{p}.attention.output.LayerNorm")
        inner = dense(x, w, f"{p}.intermediate.dense")
        inner = inner * 0.5 * (1 + np.vectorize(erf)(inner / np.sqrt(2)))
        x = norm(x + dense(inner, w, f"{p}.output.dense"), w, f"{p}.output.LayerNorm")
    mean = x.mean(0)
    result: Array = mean / np.linalg.norm(mean)
    return result


def main() -> None:
    """Write the texts, their word pieces and their vectors."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    w = weights(arguments.folder / "model.safetensors")
    words = (arguments.folder / "vocab.txt").read_text().split("\n")
    vocabulary = {word: number for number, word in enumerate(words) if word}
    rows = []
    for text in TEXTS:
        ids = [vocabulary["[CLS]"], *pieces(text, vocabulary)[: LIMIT - 2], vocabulary["[SEP]"]]
        rows.append(
            {
                "text": text,
                "tokens": len(ids),
                "vector": [round(x, 6) for x in vector(ids, w).tolist()],
            }
        )
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    arguments.target.write_text(f"[\n{lines}\n]\n")
    print(f"{arguments.target}: {len(rows)} vectors")


if __name__ == "__main__":
    main()
