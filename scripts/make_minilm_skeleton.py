"""Makes ``confluence_mirror/embedding/minilm.onnx``: all-MiniLM-L6-v2 as an ONNX graph without
weights.

The graph names, for each weight, where its bytes lie in the model's own ``model.safetensors`` (ONNX
external data), so that onnxruntime reads the published file as it is: no conversion on the machine,
no second copy, and a graph of some 25 kB that can be kept under version control. Only names, shapes
and offsets are read from the weights' header.

    pip install onnx
    python scripts/make_minilm_skeleton.py MODEL_FOLDER confluence_mirror/embedding/minilm.onnx

The network is BERT (Devlin et al., 2018, arXiv:1810.04805) with 6 layers, 12 heads and 384
dimensions, then the mean over the tokens that the mask allows and a division by the Euclidean norm,
as the model's ``modules.json`` says.
The safetensors format: 8 bytes little-endian header length, a JSON header, then the tensors' bytes.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

LAYERS, HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12
OPSET = 17
WEIGHTS = "model.safetensors"
INPUTS = ("input_ids", "attention_mask")


class Graph:
    """Collects nodes and initializers."""

    def __init__(self, header: dict[str, Any], data_start: int) -> None:
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        self._header = header
        self._data_start = data_start

    def weight(self, name: str) -> str:
        """A weight that stays where it is in the file."""
        if all(tensor.name != name for tensor in self.tensors):
            entry = self._header[name]
            first, last = entry["data_offsets"]
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=entry["shape"])
            tensor.data_location = TensorProto.EXTERNAL
            where = {
                "location": WEIGHTS,
                "offset": self._data_start + first,
                "length": last - first,
            }
            for key, value in where.items():
                tensor.external_data.add(key=key, value=str(value))
            self.tensors.append(tensor)
        return name

    def constant(self, name: str, value: Any) -> str:
        """A small constant inside the graph."""
        if all(tensor.name != name for tensor in self.tensors):
            self.tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, operation: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        """Append a node; its output's name."""
        output = to or f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [output], **attributes))
        return output

    def linear(self, x: str, prefix: str) -> str:
        """x · Wᵀ + b: the file keeps W as (out, in)."""
        turned = self.add("Transpose", self.weight(f"{prefix}.weight"), perm=[1, 0])
        return self.add("Add", self.add("MatMul", x, turned), self.weight(f"{prefix}.bias"))

    def norm(self, x: str, prefix: str) -> str:
        """Layer normalisation over the last axis."""
        weight, bias = self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias")
        return self.add("LayerNormalization", x, weight, bias, axis=-1, epsilon=EPSILON)


def embeddings(graph: Graph) -> str:
    """Word, position and (always the first) segment embeddings, added and normalised."""
    words = graph.add("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    zero, one = graph.constant("zero", np.int64(0)), graph.constant("one", np.int64(1))
    length = graph.add("Gather", graph.add("Shape", "input_ids"), one)
    places = graph.add("Range", zero, length, one)
    positions = graph.add("Gather", graph.weight("embeddings.position_embeddings.weight"), places)
    segment = graph.add("Gather", graph.weight("embeddings.token_type_embeddings.weight"), zero)
    total = graph.add("Add", graph.add("Add", words, positions), segment)
    return graph.norm(total, "embeddings.LayerNorm")


def layer(graph: Graph, x: str, mask: str, number: int) -> str:
    """One transformer layer: attention and feed-forward, each added to its input and normalised."""
    prefix = f"encoder.layer.{number}"
    split = graph.constant("split", np.array([0, 0, HEADS, WIDTH // HEADS], np.int64))
    join = graph.constant("join", np.array([0, 0, WIDTH], np.int64))
    parts = {}
    for part, turn in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        flat = graph.linear(x, f"{prefix}.attention.self.{part}")
        parts[part] = graph.add("Transpose", graph.add("Reshape", flat, split), perm=turn)
    scores = graph.add("MatMul", parts["query"], parts["key"])
    scale = graph.constant("scale", np.float32(math.sqrt(WIDTH // HEADS)))
    weights = graph.add("Softmax", graph.add("Add", graph.add("Div", scores, scale), mask), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", weights, parts["value"]), perm=[0, 2, 1, 3])
    attended = graph.linear(graph.add("Reshape", mixed, join), f"{prefix}.attention.output.dense")
    x = graph.norm(graph.add("Add", attended, x), f"{prefix}.attention.output.LayerNorm")
    inner = gelu(graph, graph.linear(x, f"{prefix}.intermediate.dense"))
    outer = graph.linear(inner, f"{prefix}.output.dense")
    return graph.norm(graph.add("Add", outer, x), f"{prefix}.output.LayerNorm")


def gelu(graph: Graph, x: str) -> str:
    """x · ½ · (1 + erf(x / √2)), the exact form."""
    root, half = (
        graph.constant("root2", np.float32(math.sqrt(2))),
        graph.constant("half", np.float32(0.5)),
    )
    one = graph.constant("one_f", np.float32(1))
    bell = graph.add("Add", graph.add("Erf", graph.add("Div", x, root)), one)
    return graph.add("Mul", graph.add("Mul", x, bell), half)


def build(folder: Path) -> Any:
    """The whole model: token ids and mask to unit vectors."""
    with (folder / WEIGHTS).open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        graph = Graph(json.loads(file.read(size)), 8 + size)
    x = embeddings(graph)
    graph.nodes.append(helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT))
    mask = "mask"
    axes = graph.constant("axes_1_2", np.array([1, 2], np.int64))
    last = graph.constant("axes_2", np.array([2], np.int64))
    middle = graph.constant("axes_1", np.array([1], np.int64))
    hidden = graph.add(
        "Sub", graph.constant("one_f", np.float32(1)), graph.add("Unsqueeze", mask, axes)
    )
    hidden = graph.add("Mul", hidden, graph.constant("minus", np.float32(-10000)))
    for number in range(LAYERS):
        x = layer(graph, x, hidden, number)
    kept = graph.add("Unsqueeze", mask, last)
    total = graph.add("ReduceSum", graph.add("Mul", x, kept), middle, keepdims=0)
    mean = graph.add("Div", total, graph.add("ReduceSum", kept, middle, keepdims=0))
    norm = graph.add("ReduceL2", mean, axes=[1], keepdims=1)
    graph.add("Div", mean, norm, to="sentence_embedding")
    ids = [helper.make_tensor_value_info(n, TensorProto.INT64, ["texts", "tokens"]) for n in INPUTS]
    out = [helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["texts", WIDTH])]
    body = helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", ids, out, initializer=graph.tensors)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def main() -> None:
    """Write the graph."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="holds model.safetensors")
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    model = build(arguments.folder)
    save(model, arguments.target)
    print(f"{arguments.target}: {arguments.target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
