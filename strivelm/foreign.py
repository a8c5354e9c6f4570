"""Checkpoints of other projects, which are pickles: read without running what they hold.

    the seed project   {"model": state_dict, "meta": {"vocab", "block_size", "n_layer", "n_head", "n_embd"}}
    nanoGPT            {"model": state_dict, "model_args": {…}, …}, and beside it the vocabulary in meta.pkl
    minGPT             a state_dict alone; told apart, and refused: its GPT is another one

github.com/karpathy/nanoGPT, train.py and model.py; github.com/karpathy/minGPT, mingpt/model.py.
"""

import pickle
from dataclasses import dataclass
from pathlib import Path

import torch

from strivelm.config import GPTConfig
from strivelm.files import MAX_JSON_BYTES, CheckpointError
from strivelm.gpt2_layout import EMBEDDING, FREEZE, HEAD, MASK, PREFIX, listed, shapes_of, tensors_of
from strivelm.tokenizer import CharTokenizer

COMPILED = "_orig_mod."
"""What torch.compile puts before every name."""
META = "meta.pkl"
"""Where nanoGPT's data/shakespeare_char/prepare.py keeps the vocabulary."""


@dataclass(frozen=True)
class Imported:
    """A model of another project, in this architecture's names."""

    config: GPTConfig
    state: dict[str, torch.Tensor]
    """The weights, as `strivelm.checkpoint.load` gives them."""
    project: str
    """Whose checkpoint it was."""
    note: str = ""
    """What the file does not say and was assumed; '' for nothing."""


def read(path: str | Path, meta: str | Path | None = None) -> Imported:
    """The model in a .pt file of the seed project or of nanoGPT. No code in it is run.

    Args:
        meta: nanoGPT's meta.pkl; None looks beside the file.

    Raises CheckpointError: no such file, something else in it, or a model that this architecture can't hold.
    """
    path = Path(path)
    content = _tensors_and_plain_values(path)
    if not isinstance(content, dict):
        holds = f"it holds a {type(content).__name__}"
        raise CheckpointError(f"{path} is not a seed project's checkpoint ({holds}); {KNOWN}")
    if isinstance(content.get("model_args"), dict) and "model" in content:
        return _nanogpt(path, content, path.with_name(META) if meta is None else Path(meta))
    plain = {_short(name): value for name, value in content.items()}
    if HEAD in plain and EMBEDDING in plain:
        raise CheckpointError(_mingpt(path, plain))
    return _seed(path, content)


def _short(name: object) -> str:
    """A tensor's name without what torch.compile and nanoGPT put before it."""
    return str(name).removeprefix(COMPILED).removeprefix(PREFIX)


KNOWN = (
    "expected {'model': state_dict, 'meta': {'vocab', 'block_size', 'n_layer', 'n_head', 'n_embd'}}, "
    "or nanoGPT's {'model': state_dict, 'model_args': …}"
)


def _tensors_and_plain_values(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {path}") from None
    except Exception as error:  # a damaged zip, a foreign pickle, a folder: torch raises many kinds
        raise CheckpointError(  # torch's own words would advise to run whatever code the file holds
            f"{path} is damaged, or no checkpoint of tensors and plain values alone, so it is not read"
        ) from error


def _seed(path: Path, content: dict) -> Imported:
    try:
        meta, raw = dict(content["meta"]), dict(content["model"])
        sizes = {name: meta[name] for name in ("block_size", "n_layer", "n_head", "n_embd")}
        config = _config(path, "".join(meta["vocab"]), **sizes)
    except (LookupError, TypeError) as error:
        raise CheckpointError(f"{path} is not a seed project's checkpoint ({error}); {KNOWN}") from None
    shapes = shapes_of(config)
    head = raw.pop("head.weight", raw.get("tok.weight"))
    masks = {name for name in raw.keys() - shapes.keys() if name.endswith(("mask", "tril"))}  # buffers, not weights
    if wrong := shapes.keys() ^ (raw.keys() - masks):
        raise CheckpointError(f"{path} is another architecture: it lacks, or has beyond ours, {listed(wrong)}")
    state = {name: _weight(path, name, raw[name], shape) for name, shape in shapes.items()}
    _tie(path, state, "head.weight", head, "tok.weight")
    return Imported(config, state, "the seed project")


def _nanogpt(path: Path, content: dict, meta: Path) -> Imported:
    sizes, names = content["model_args"], ("block_size", "n_layer", "n_head", "n_embd", "vocab_size")
    if missing := [name for name in names if name not in sizes]:
        raise CheckpointError(f"{path}: its model_args lack {', '.join(missing)}")
    if "bias" not in sizes:
        raise CheckpointError(
            f"{path} was made by nanoGPT of January 2023 or before, whose GELU is the tanh one; "
            "this architecture has the exact one"
        )
    chars = _vocabulary(meta, sizes["vocab_size"])
    wanted = {name: sizes[name] for name in names if name != "vocab_size"} | {"dropout": sizes.get("dropout", 0.0)}
    config = _config(path, chars, **wanted)
    try:
        raw = {_short(name): value for name, value in dict(content["model"]).items()}
    except (TypeError, ValueError):
        kind = type(content["model"]).__name__
        raise CheckpointError(f"{path}: its model is a {kind}; expected a state_dict") from None
    expected, state, head = tensors_of(config), {}, raw.pop(HEAD, None)
    masks = {name for name in raw if MASK.fullmatch(name)}
    optional = {name for name in expected if name.endswith(".bias")}  # bias=False leaves them out, which is to say 0
    if wrong := (expected.keys() - raw.keys() - optional) | (raw.keys() - masks - expected.keys()):
        raise CheckpointError(f"{path} is another architecture: it lacks, or has beyond ours, {listed(wrong)}")
    for name, (shape, ours, transposed) in expected.items():
        shape = shape[::-1] if transposed else shape  # nanoGPT's are nn.Linear, as ours, where GPT-2's are Conv1D
        tensor = _weight(path, name, raw[name], shape) if name in raw else torch.zeros(shape)
        if ours is not None:
            state[ours] = tensor
        elif tensor.any():
            raise CheckpointError(f"{path}: {name} is not zero, but this architecture has no such bias; {RETRAIN}")
    _tie(path, state, HEAD, raw.get(EMBEDDING) if head is None else head, EMBEDDING)
    note = "its GELU was taken to be the exact one, as nanoGPT has had it since June 2023; the file does not say"
    return Imported(config, state, "nanoGPT", note)


RETRAIN = f"train it with --bias=False, or, if {FREEZE}"


def _mingpt(path: Path, raw: dict) -> str:
    """Why a minGPT can't be held: what is known of all, and what this one shows."""
    head, embedding = raw[HEAD], raw[EMBEDDING]
    reasons = ["its GELU is the tanh one"]
    same = isinstance(head, torch.Tensor) and isinstance(embedding, torch.Tensor) and torch.equal(head, embedding)
    if not same:
        reasons.append(f"its head ({HEAD}) is not tied to the embedding")
    biases = (raw[name] for name in raw if name.endswith(("attn.c_attn.bias", "attn.c_proj.bias")))
    if any(isinstance(bias, torch.Tensor) and bool(bias.any()) for bias in biases):
        reasons.append("its attention has biases")
    return (
        f"{path} is a bare state_dict in GPT-2's names, as minGPT saves it, and minGPT's is another architecture: "
        f"{', '.join(reasons)}"
    )


def _config(path: Path, chars: str, **sizes) -> GPTConfig:
    try:
        CharTokenizer(chars)
        return GPTConfig(vocab_size=len(chars), chars=chars, **sizes)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _weight(path: Path, name: str, tensor: object, shape: tuple[int, ...]) -> torch.Tensor:
    if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != shape or not tensor.is_floating_point():
        found = f"shape {tuple(tensor.shape)}" if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        raise CheckpointError(f"{path}: {name} has {found}; its sizes say {shape}")
    if not torch.isfinite(tensor).all():
        raise CheckpointError(f"{path}: {name} holds NaN or infinite numbers; the model is damaged")
    return tensor.float().contiguous()


def _tie(path: Path, state: dict[str, torch.Tensor], name: str, head: object, embedding: str) -> None:
    """Adds the head, which must be the embedding."""
    if not isinstance(head, torch.Tensor) or not torch.equal(head.float(), state["tok.weight"]):
        raise CheckpointError(f"{path}: {name} differs from {embedding}, but this architecture ties them")
    state["head.weight"] = state["tok.weight"]


# -- the vocabulary --------------------------------------------------------------------------------------------------


class _Plain(pickle.Unpickler):
    """Reads dictionaries, lists, texts and numbers; whatever would need a class or a function is refused."""

    def find_class(self, module: str, name: str) -> object:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _vocabulary(path: Path, size: object) -> str:
    """The characters that nanoGPT's meta.pkl gives the ids 0, 1, 2 …"""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise CheckpointError(f"{path} has {path.stat().st_size:,} bytes; expected at most {MAX_JSON_BYTES:,}")
        with path.open("rb") as file:
            meta = _Plain(file).load()
    except FileNotFoundError:
        raise CheckpointError(
            f"there is no {path}, which says which characters a nanoGPT knows; copy meta.pkl from its data's folder "
            "(data/shakespeare_char) to there, or name it with --meta"
        ) from None
    except CheckpointError:
        raise
    except Exception as error:  # pickle raises whatever the bytes lead it to
        raise CheckpointError(f"{path} is no pickle of plain values alone, so it is not read: {error}") from None
    itos = meta.get("itos") if isinstance(meta, dict) else None
    if isinstance(itos, list):
        itos = dict(enumerate(itos))
    if not isinstance(itos, dict) or set(map(repr, itos)) != set(map(repr, range(len(itos)))):
        raise CheckpointError(f"{path} holds no 'itos' with the characters of the ids 0, 1, 2 …")
    if odd := [char for char in itos.values() if not isinstance(char, str) or len(char) != 1]:
        raise CheckpointError(f"{path} knows the token {odd[0]!r:.40}; this is not a character model")
    if size != len(itos):
        raise CheckpointError(f"{path} holds {len(itos):,} characters, but the model's vocab_size is {size!r:.40}")
    return "".join(itos[i] for i in range(len(itos)))
