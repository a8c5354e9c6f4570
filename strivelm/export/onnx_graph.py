"""An ONNX graph of a model, with a cache of keys and values, in the layout that transformers.js reads.

    config.json, tokenizer.json, …   as in the model's folder
    onnx/model.onnx                  the graph; computes in float32 from weights as the folder stores them

    inputs   input_ids (B, T), attention_mask (B, P+T), past_key_values.LAYER.key and .value (B, H, P, hd)
    outputs  logits (B, T, V), present.LAYER.key and .value (B, H, P+T, hd)

P positions were read before; 0 for the first call. A position is counted by the mask, so that a text may be padded on
the left. Operators: https://onnx.ai/onnx/operators, opset 17.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from strivelm.export.source import Source
from strivelm.files import CONFIG, to_json, write_together
from strivelm.gpt2_layout import json_files

if TYPE_CHECKING:
    import onnx

OPSET = 17  # the first with LayerNormalization
MASKED = -1e9
"""What is added to the score of a key that is not seen; finite, so that a padding's own row is no NaN."""


def export_onnx(source: Source, out: Path) -> Path:
    """Writes the graph and the files beside it into a folder; returns the graph's path.

    Raises:
        ImportError: the package onnx is missing.
        OSError: the folder can't be written.
    """
    graph = graph_of(source).SerializeToString()
    files = {out / name: content for name, content in json_files(source.config, source.dtype, source.end_token).items()}
    # Without a dtype transformers.js would look for a quantized file.
    files[out / CONFIG] = to_json(json.loads(files[out / CONFIG]) | {"transformers.js_config": {"dtype": "fp32"}})
    path = out / "onnx" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_together(files | {path: graph})
    return path


def graph_of(source: Source) -> "onnx.ModelProto":
    """The graph as ONNX's own message. Raises ImportError where the package onnx is missing."""
    import onnx
    from onnx import TensorProto, helper

    config = source.config
    L, H, V = config.n_layer, config.n_head, config.vocab_size + source.end_token
    hd = config.n_embd // H
    build = _Builder(source)
    logits = build.model()
    ids = [("input_ids", ["batch", "length"]), ("attention_mask", ["batch", "total"])]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name, shape in ids]
    outputs = [helper.make_tensor_value_info(logits, TensorProto.FLOAT, ["batch", "length", V])]
    for i in range(L):
        for what in ("key", "value"):
            past, present = ["batch", H, "past", hd], ["batch", H, "total", hd]
            inputs.append(helper.make_tensor_value_info(f"past_key_values.{i}.{what}", TensorProto.FLOAT, past))
            outputs.append(helper.make_tensor_value_info(f"present.{i}.{what}", TensorProto.FLOAT, present))
    graph = helper.make_graph(build.nodes, "strivelm", inputs, outputs, build.constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="strivelm")
    made.ir_version = 8  # of the same age as the opset: runtimes refuse files that are newer than they are
    onnx.checker.check_model(made, full_check=True)
    return made


class _Builder:
    """Collects nodes and constants; a method returns the name of what its last node computes."""

    def __init__(self, source: Source):
        self.source, self.config = source, source.config
        self.nodes: list = []
        self.constants: list = []
        self._known: dict[str, str] = {}

    def node(self, kind: str, *inputs: str, name: str | None = None, **attributes) -> str:
        """Adds a node that has one output; returns the output's name."""
        name = name or self._unused(kind)
        self._add(kind, inputs, [name], attributes)
        return name

    def several(self, outputs: int, kind: str, *inputs: str, **attributes) -> list[str]:
        """Adds a node that has so many outputs; returns their names."""
        names = [f"{self._unused(kind)}_{i}" for i in range(outputs)]
        self._add(kind, inputs, names, attributes)
        return names

    def _unused(self, kind: str) -> str:
        """A name that no earlier node has."""
        return f"{kind.lower()}_{len(self.nodes)}"

    def _add(self, kind: str, inputs: Sequence[str], names: list[str], attributes: dict) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))

    def constant(self, array: np.ndarray, name: str | None = None) -> str:
        """A constant; equal small ones are stored once."""
        from onnx import numpy_helper

        key = name or f"{array.dtype}{array.tolist()}"
        if key not in self._known:
            self._known[key] = name or f"constant_{len(self._known)}"
            self.constants.append(numpy_helper.from_array(array, self._known[key]))
        return self._known[key]

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, dtype=np.int64))

    def number(self, value: float) -> str:
        return self.constant(np.array(value, dtype=np.float32))

    def weight(self, name: str) -> str:
        """A weight as it is stored."""
        tensor = self.source.tensors[name]
        narrow = torch.float16 if tensor.dtype == torch.float16 else torch.float32  # numpy has no bfloat16
        return self.constant(tensor.to(narrow).numpy(), name)

    def wide(self, name: str) -> str:
        """A stored tensor's name, or that of what is made of it, in float32."""
        if self.source.dtype != torch.float16:
            return name
        from onnx import TensorProto

        return self.node("Cast", name, to=TensorProto.FLOAT)

    # -- the model -----------------------------------------------------------------------------------------------------

    def model(self) -> str:
        embedding = self.weight("wte.weight")
        self.positions()
        x = self.node(
            "Add",
            self.wide(self.node("Gather", embedding, "input_ids")),
            self.wide(self.node("Gather", self.weight("wpe.weight"), "positions")),
        )  # (B, T, C)
        for i in range(self.config.n_layer):
            x = self.node("Add", x, self.attention(i, self.norm(x, f"h.{i}.ln_1")))
            x = self.node("Add", x, self.mlp(i, self.norm(x, f"h.{i}.ln_2")))
        head = self.node("Transpose", self.wide(embedding), perm=[1, 0])
        return self.node("MatMul", self.norm(x, "ln_f"), head, name="logits")

    def positions(self) -> None:
        """`positions` (B, T), and `bias` (B, 1, T, P+T): what is added to the scores, 0 where a key is seen."""

        past = self.node("Shape", "past_key_values.0.key", start=2, end=3)
        counted = self.node("CumSum", "attention_mask", self.ints(1))
        counted = self.node("Max", self.node("Sub", counted, self.ints(1)), self.ints(0))
        self.node("Slice", counted, past, self.ints(2**62), self.ints(1), name="positions")
        total = self.node("Shape", "attention_mask", start=1, end=2)
        zero, one, nothing = (self.constant(np.array(n, dtype=np.int64)) for n in (0, 1, 0))
        first, last = (self.node("Squeeze", length, self.ints(0)) for length in (past, total))
        keys = self.node("Range", zero, last, one)  # (P+T,)
        queries = self.node("Unsqueeze", self.node("Range", first, last, one), self.ints(1))  # (T, 1)
        earlier = self.node("LessOrEqual", keys, queries)  # (T, P+T)
        real = self.node(
            "Unsqueeze", self.node("Greater", "attention_mask", nothing), self.ints(1, 2)
        )  # (B, 1, 1, P+T)
        self.node("Where", self.node("And", real, earlier), self.number(0), self.number(MASKED), name="bias")

    def norm(self, x: str, name: str) -> str:
        gain, shift = (self.wide(self.weight(f"{name}.{part}")) for part in ("weight", "bias"))
        return self.node("LayerNormalization", x, gain, shift, axis=-1, epsilon=1e-5)

    def attention(self, i: int, x: str) -> str:
        H, C = self.config.n_head, self.config.n_embd
        hd = C // H
        qkv = self.node("MatMul", x, self.wide(self.weight(f"h.{i}.attn.c_attn.weight")))  # (B, T, 3C)
        parts = self.several(3, "Split", qkv, self.ints(C, C, C), axis=-1)
        q, k, v = (
            self.node("Transpose", self.node("Reshape", part, self.ints(0, 0, H, hd)), perm=[0, 2, 1, 3])
            for part in parts
        )  # each (B, H, T, hd)
        k = self.node("Concat", f"past_key_values.{i}.key", k, name=f"present.{i}.key", axis=2)
        v = self.node("Concat", f"past_key_values.{i}.value", v, name=f"present.{i}.value", axis=2)
        scaled = self.node("Mul", q, self.number(1 / math.sqrt(hd)))
        scores = self.node("MatMul", scaled, self.node("Transpose", k, perm=[0, 1, 3, 2]))  # (B, H, T, P+T)
        seen = self.node("Softmax", self.node("Add", scores, "bias"), axis=-1)
        mixed = self.node("Transpose", self.node("MatMul", seen, v), perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", mixed, self.ints(0, 0, C))  # (B, T, C)
        return self.node("MatMul", mixed, self.wide(self.weight(f"h.{i}.attn.c_proj.weight")))

    def mlp(self, i: int, x: str) -> str:
        for name, last in (("c_fc", False), ("c_proj", True)):
            product = self.node("MatMul", x, self.wide(self.weight(f"h.{i}.mlp.{name}.weight")))
            x = self.node("Add", product, self.wide(self.weight(f"h.{i}.mlp.{name}.bias")))
            if not last:  # the exact GELU, x/2 (1 + erf(x/√2))
                erf = self.node("Erf", self.node("Mul", x, self.number(1 / math.sqrt(2))))
                x = self.node("Mul", self.node("Mul", x, self.number(0.5)), self.node("Add", erf, self.number(1)))
        return x
