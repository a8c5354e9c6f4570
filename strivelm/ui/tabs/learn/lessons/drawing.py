"""The architecture as boxes: what each does, with its shapes, its learnt numbers, and what flows through it.

Each box names the statement of `strivelm/model.py` that does it; the source is read at run time, and a box whose
statement is not in it is an error that a test sees.
"""

import inspect
from dataclasses import dataclass

import torch

from strivelm.inspection.architecture import architecture
from strivelm.model import GPT, Block
from strivelm.ui.tabs.learn.lessons.blocks import vector
from strivelm.ui.tabs.learn.lessons.reading import Reading

FIRST = 8
"""How many values of each vector are shown."""


@dataclass(frozen=True)
class Box:
    """One box of the diagram."""

    id: str
    name: str
    says: str
    """What it does, in a sentence."""
    formula: str
    code: tuple[str, ...]
    """What the lines of the source that do it contain."""
    shape: str
    """What comes out, in letters."""
    part: str = ""
    """The part of `architecture` whose numbers it has learnt."""
    block: bool = False
    """Whether every block has one."""


BOXES = (
    Box(
        "tok",
        "Token embedding",
        "Looks up the row of each character.",
        "W_E[id]",
        ("self.tok(idx)",),
        "(T, C)",
        "tok",
    ),
    Box(
        "pos",
        "Position embedding",
        "Looks up the row of each position.",
        "W_P[position]",
        ("positions = torch.arange", "self.pos(positions)"),
        "(T, C)",
        "pos",
    ),
    Box(
        "sum",
        "Sum",
        "The residual stream begins.",
        "x = W_E[id] + W_P[position]",
        ("x = self.tok(idx) +",),
        "(T, C)",
    ),
    Box(
        "ln1",
        "LayerNorm",
        "Brings each character's numbers to one scale.",
        "γ (x − μ)/√(σ² + ε) + β",
        ("self.ln1(x)",),
        "(T, C)",
        "ln1",
        True,
    ),
    Box(
        "qkv",
        "Queries, keys, values",
        "Three vectors for each character in each head.",
        "q, k, v = W x",
        ("self.qkv(x)",),
        "3 × (H, T, d)",
        "qkv",
        True,
    ),
    Box(
        "heads",
        "Attention",
        "Each query takes a weighted mean of the values up to its own place.",
        "softmax(q kᵀ/√d) v",
        ("F.scaled_dot_product_attention(",),
        "(H, T, d)",
        "",
        True,
    ),
    Box(
        "proj",
        "Projection",
        "Brings the heads together, back to the width of the stream.",
        "W_O z",
        ("self.proj(y.transpose",),
        "(T, C)",
        "proj",
        True,
    ),
    Box(
        "add1",
        "Add",
        "What attention found is added to the stream (in training through dropout).",
        "x + attention(LayerNorm(x))",
        ("self.drop(self.attention(",),
        "(T, C)",
        "",
        True,
    ),
    Box(
        "ln2",
        "LayerNorm",
        "Once more to one scale.",
        "γ (x − μ)/√(σ² + ε) + β",
        ("self.ln2(x)",),
        "(T, C)",
        "ln2",
        True,
    ),
    Box(
        "up",
        "MLP, up",
        "Four times as many numbers: the neurons.",
        "n = W₁ x + b₁",
        ("nn.Linear(n_embd, 4 * n_embd)", "self.ff("),
        "(T, 4C)",
        "ff.0",
        True,
    ),
    Box(
        "gelu",
        "GELU",
        "Lets through what is above 0; of what is below, little or nothing remains.",
        "n Φ(n)",
        ("nn.GELU()",),
        "(T, 4C)",
        "",
        True,
    ),
    Box(
        "down",
        "MLP, down",
        "Each neuron adds its own vector, as much as it is active.",
        "W₂ n + b₂",
        ("nn.Linear(4 * n_embd, n_embd)",),
        "(T, C)",
        "ff.2",
        True,
    ),
    Box(
        "add2",
        "Add",
        "What the MLP made of it is added to the stream (in training through dropout).",
        "x + MLP(LayerNorm(x))",
        ("self.drop(self.ff(",),
        "(T, C)",
        "",
        True,
    ),
    Box(
        "lnf",
        "Final LayerNorm",
        "The last scaling.",
        "γ (x − μ)/√(σ² + ε) + β",
        ("self.lnf(x)",),
        "(T, C)",
        "lnf",
    ),
    Box(
        "head",
        "Head",
        "Compares the stream with every character's row; it shares the token embedding's matrix.",
        "logits = W_E x",
        ("self.head(self.lnf(x))", "self.head.weight = self.tok.weight"),
        "(T, V)",
        "head",
    ),
    Box(
        "softmax",
        "Softmax",
        "Makes probabilities of the logits. In training the loss does it itself.",
        "exp(logit) / Σ exp(logits)",
        ("F.cross_entropy(",),
        "(T, V)",
    ),
)
KEPT = (
    *("token_embedding", "position_embedding", "residual", "ln1", "q", "k", "v", "attention", "z", "attn_out"),
    *("ln2", "mlp_pre", "mlp_post", "mlp_out", "lnf", "logits", "probabilities"),
)
SOURCES = (Block, GPT.__init__, GPT.forward)
"""The pieces of `model.py` that are shown."""


def diagram(reading: Reading) -> dict:
    """What the diagram view draws, at the chosen character."""
    sizes, recorded, at = reading.config, reading.trace(KEPT), reading.at
    parts = architecture(reading.model)
    learnt = dict(zip(parts.parts, zip(parts.forms, parts.counted, parts.shapes, strict=True), strict=True))
    lines = source()
    found = []
    for box in BOXES:
        form, counted, shapes = learnt.get(box.part, ("", 0, ()))
        found.append(
            {
                "id": box.id,
                "name": box.name,
                "says": box.says,
                "formula": box.formula,
                "shape": box.shape,
                "sizes": shape_of(box, reading),
                "learnt": f"{counted:,} = {form}" if counted else "none",
                "tensors": " and ".join(" × ".join(f"{n:,}" for n in shape) for shape in shapes),
                "block": box.block,
                "lines": lines_of(box, lines),
                "code": list(box.code),
                "flows": [
                    [_short(*pair) for pair in _flow(box.id, recorded, at, layer, reading.head)]
                    for layer in range(sizes.n_layer if box.block else 1)
                ],
            }
        )
    return {
        "boxes": found,
        "layers": sizes.n_layer,
        "layer": reading.layer,
        "char": reading.char,
        "at": at,
        "head": reading.head,
        "source": lines,
        "python": reading.python(
            "from strivelm import trace",
            "recorded = trace(model, text)",
            f"print(recorded.q[{reading.layer}, {reading.head}, at])  # queries, keys, values: q, k, v",
            f"print(recorded.attention[{reading.layer}, {reading.head}, at])",
            f"print(recorded.mlp_post[{reading.layer}, at])",
            "print(recorded.residual[:, at])  # after every half of a block",
            "print(recorded.probabilities[at])",
        ),
        "letters": f"T = {len(reading.text):,} characters, C = {sizes.n_embd:,}, H = {sizes.n_head:,} heads, "
        f"d = C/H = {sizes.n_embd // sizes.n_head:,}, V = {sizes.vocab_size:,}",
    }


def shape_of(box: Box, reading: Reading) -> str:
    """A box's output shape in this model's numbers."""
    c = reading.config
    letters = {"T": len(reading.text), "4C": 4 * c.n_embd, "C": c.n_embd, "H": c.n_head, "d": c.n_embd // c.n_head}
    letters["V"] = c.vocab_size
    times, _, inside = box.shape.rpartition("(")
    return f"{times}({', '.join(f'{letters[part]:,}' for part in inside.rstrip(')').split(', '))})"


def source() -> list[list]:
    """The lines of `model.py` that are shown: [number, text]; a number of 0 stands between two pieces."""
    found = []
    for piece in SOURCES:
        lines, first = inspect.getsourcelines(piece)
        found += [[first + i, line.rstrip("\n")] for i, line in enumerate(lines)] + [[0, "…"]]
    return found[:-1]


def lines_of(box: Box, lines: list[list]) -> list[int]:
    """The numbers of the lines that do what a box does."""
    return [n for n, text in lines if n and any(code in text for code in box.code)]


def _flow(id: str, recorded, at: int, layer: int, head: int) -> list[tuple[str, torch.Tensor]]:
    """The vectors at the chosen character that leave a box, with their names."""
    match id:
        case "tok":
            return [("row", recorded.token_embedding[at])]
        case "pos":
            return [("row", recorded.position_embedding[at])]
        case "sum":
            return [("x", recorded.residual[0, at])]
        case "qkv":
            return [(f"{name}, head {head}", getattr(recorded, name)[layer, head, at]) for name in "qkv"]
        case "heads":
            weights = recorded.attention[layer, head, at, : at + 1]
            return [(f"weights, head {head}", weights), (f"z, head {head}", recorded.z[layer, head, at])]
        case "add1" | "add2":
            return [("x", recorded.residual[2 * layer + (1 if id == "add1" else 2), at])]
        case "lnf" | "softmax" | "head":
            name = {"lnf": "lnf", "head": "logits", "softmax": "probabilities"}[id]
            return [(name, getattr(recorded, name)[at])]
        case _:
            name = {
                "ln1": "ln1",
                "proj": "attn_out",
                "ln2": "ln2",
                "up": "mlp_pre",
                "gelu": "mlp_post",
                "down": "mlp_out",
            }[id]
            return [(id if id.startswith("ln") else name, getattr(recorded, name)[layer, at])]


def _short(name: str, values: torch.Tensor) -> dict:
    values = values.detach().cpu().double()
    first = [float(f"{value:.4g}") for value in values[:FIRST].tolist()]
    return vector(name, values) | {"values": first, "count": f"{values.numel():,}"}
