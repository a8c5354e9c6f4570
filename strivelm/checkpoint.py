"""What a model looks like on disk: one folder that `GPT.from_pretrained` and transformers both load.

    config.json            our sizes and vocabulary, and GPT-2's keys beside them
    model.safetensors      the weights in GPT-2's layout: zero attention biases, linear maps transposed, the head tied
    tokenizer.json         the vocabulary, for transformers (ours is `chars` in config.json)
    tokenizer_config.json  which class transformers reads it with
    generation_config.json how far transformers writes when nobody says: to the context's end
    README.md              the model card

This part knows tensors and keys, not the model's class. Reading trusts nothing: sizes, names, shapes and types are
checked against config.json in the file's header, before memory is taken for a weight. Writing loses nothing: a model
that these files would not say is not written.
"""

import re
import reprlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
import torch.nn as nn
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch.overrides import TorchFunctionMode

from strivelm.config import GPTConfig
from strivelm.files import (
    ADAPTER,
    CONFIG,
    GENERATION_CONFIG,
    MAX_JSON_BYTES,
    PICKLES,
    SHARDS,
    TOKENIZER,
    TOKENIZER_CONFIG,
    WEIGHTS,
    CheckpointError,
    read_json,
    write_atomically,
    write_json,
    write_together,
)
from strivelm.gpt2_layout import (
    DTYPES,
    EMBEDDING,
    FREEZE,
    HEAD,
    check_config,
    check_tensors,
    from_transformers,
    has_end_token,
    json_files,
    listed,
    resized_back,
    shapes_of,
    tensors_of,
    weights,
)
from strivelm.tokenizer import CharTokenizer

__all__ = ["MAX_JSON_BYTES", "CheckpointError", "read_json", "write_atomically", "write_json", "write_together"]

TRAINING = "training.json"
NGRAMS = "ngrams.safetensors"
CURVE = "loss.png"
FILES = (CONFIG, WEIGHTS, TOKENIZER, TOKENIZER_CONFIG, GENERATION_CONFIG, TRAINING, NGRAMS, CURVE, "README.md")
MODEL_CARD = (Path(__file__).parent / "assets" / "model_card.md").read_text("utf-8")
SHARD = re.compile(r"\w[\w.-]*\.safetensors", re.ASCII)


class _Unset(TorchFunctionMode):
    """Leaves new weights as they are. On the meta device torch's normal_ would import its compiler first: a second."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (torch.nn.init.normal_, torch.Tensor.normal_):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@contextmanager
def without_weights() -> Iterator[None]:
    """Modules that are made inside take neither memory nor random numbers; their weights are put in place later."""
    with torch.device("meta"), _Unset():
        yield


# -- writing ----------------------------------------------------------------------------------------------------------


def check_modules(model: nn.Module, plain: nn.Module) -> None:
    """Raises CheckpointError where a model was changed in a way that its files could not say, naming the parts.

    Args:
        plain: a model of the same configuration as it is built; its weights don't count. Dropout may differ: it does
            nothing but in training.
    """
    _check_keys(set(model.state_dict()), set(plain.state_dict()))
    ours, theirs = ({name: _shown(module) for name, module in m.named_modules() if name} for m in (model, plain))
    if added := ours.keys() - theirs.keys():
        raise _changed(f"has parts beyond this architecture: {listed(added)}")
    if gone := theirs.keys() - ours.keys():
        raise _changed(f"lacks parts of this architecture: {listed(gone)}")
    for name, there in theirs.items():
        if ours[name] != there and not isinstance(plain.get_submodule(name), nn.Dropout):
            raise _changed(f"has {ours[name]} as {name}, in place of {there}")


def _shown(module: nn.Module) -> str:
    """A module's kind and settings, such as "Linear(in_features=4, out_features=12, bias=False)"."""
    settings = module.extra_repr() or ", ".join(f"{k}={v}" for k, v in vars(module).items() if type(v) is int)
    return f"{type(module).__name__}({settings})"


def _changed(words: str) -> CheckpointError:
    return CheckpointError(f"this model {words}; its files could not say so, and nothing was saved")


def _check_keys(found: set[str], expected: set[str]) -> None:
    if added := found - expected - {"head.weight"}:
        raise _changed(f"has weights beyond this architecture: {listed(added)}")
    if missing := expected - found - {"head.weight"}:
        raise _changed(f"lacks {listed(missing)}")


def check_state(config: GPTConfig, state: dict[str, torch.Tensor]) -> None:
    """Raises CheckpointError where weights are not those of the configuration, or are not there yet."""
    shapes = shapes_of(config)
    _check_keys(set(state), set(shapes))
    for name, shape in shapes.items():
        tensor = state[name]
        if tuple(tensor.shape) != shape:
            raise _changed(f"has {name} of shape {tuple(tensor.shape)}, where its configuration says {shape}")
        if tensor.is_meta:
            raise CheckpointError(f"{name} has no values yet (it is on the meta device); nothing was saved")
    head, embedding = state.get("head.weight"), state["tok.weight"]
    if head is not None and (head.is_meta or head.shape != embedding.shape or not torch.equal(head, embedding)):
        raise CheckpointError(
            "head.weight differs from tok.weight, but this architecture ties them and stores one; nothing was saved. "
            "Tie them again with model.head.weight = model.tok.weight"
        )


def save(folder: Path, config: GPTConfig, state: dict[str, torch.Tensor], dtype: torch.dtype | None = None) -> None:
    """Writes config, tokenizer and weights into a folder: all of them, or, where that fails, none.

    Args:
        state: the model's state_dict, in our names.
        dtype: what the weights are stored in; None keeps theirs.

    Raises:
        CheckpointError: the weights are not those of this architecture, one is not finite, or does not fit the dtype.
        ValueError: a dtype that no model is stored in.
        OSError: the folder can't be written.
    """
    stored = dtype or state["tok.weight"].dtype
    for wanted in {stored, *(tensor.dtype for tensor in state.values() if dtype is None)}:
        if wanted not in DTYPES.values():
            names = ", ".join(str(known).removeprefix("torch.") for known in DTYPES.values())
            raise ValueError(f"dtype is {wanted}; expected one of {names}")
    for name, tensor in state.items():
        if not tensor.is_meta and not torch.isfinite(tensor if dtype is None else tensor.to(dtype)).all():
            raise CheckpointError(f"{name} holds NaN or infinite numbers in {dtype or tensor.dtype}; nothing was saved")
    check_state(config, state)
    folder = Path(folder)
    files = {folder / name: content for name, content in json_files(config, stored).items()}
    files[folder / WEIGHTS] = to_safetensors(weights(config, state, dtype), metadata={"format": "pt"})
    folder.mkdir(parents=True, exist_ok=True)
    write_together(files)
    if config.chars is None:  # another model's vocabulary must not stand beside ours
        for name in (TOKENIZER, TOKENIZER_CONFIG):
            (folder / name).unlink(missing_ok=True)


# -- reading ----------------------------------------------------------------------------------------------------------


def read_config(folder: Path) -> GPTConfig:
    """The sizes and the vocabulary from config.json, checked. It may also be one that transformers made.

    Raises CheckpointError: a key is missing, of the wrong type, out of bounds, or says another architecture.
    """
    folder = Path(folder)
    path = folder / CONFIG
    if not path.is_file() and (folder / ADAPTER).is_file():
        raise CheckpointError(adapter(folder, read_json(folder / ADAPTER)))
    raw = read_json(path)
    if "block_size" not in raw and raw.get("model_type") == "gpt2":
        raw = from_transformers(path, raw)
    if has_end_token(raw):
        raw = raw | {"vocab_size": raw["vocab_size"] - 1}
    needed = [name for name in GPTConfig.__dataclass_fields__ if name not in ("dropout", "chars")]
    if missing := [name for name in needed if name not in raw]:
        raise CheckpointError(f"{path} lacks {', '.join(missing)}; this is not a StriveLM model")
    ours = {name: raw[name] for name in GPTConfig.__dataclass_fields__ if name in raw}
    try:
        config = GPTConfig(**ours)
        if config.chars is not None:
            CharTokenizer(config.chars)
    except ValueError as error:
        chars, size = ours.get("chars"), ours["vocab_size"]
        remedy = ""
        if isinstance(chars, str) and type(size) is int and len(chars) < size:
            remedy = f"; {resized_back(len(chars))}"
        raise CheckpointError(f"{path}: {error}{remedy}") from None
    check_config(path, raw, config)
    return config


def with_end_token(folder: Path) -> bool:
    """Whether a folder's embedding has one row more than there are characters (see `strivelm.export.end_token`)."""
    return has_end_token(read_json(Path(folder) / CONFIG))


def adapter(where: object, settings: dict) -> str:
    """What to do with a folder of PEFT's, whose adapter_config.json holds these settings."""
    base = settings.get("base_model_name_or_path")
    base = reprlib.repr(base) if isinstance(base, str) else "BASE"
    return (
        f"{where} holds an adapter, not a model; merge it into its model first: "
        f"peft.PeftModel.from_pretrained(transformers.AutoModelForCausalLM.from_pretrained({base}), ADAPTER)"
        ".merge_and_unload().save_pretrained(FOLDER)"
    )


def shards(path: Path) -> list[str]:
    """The names of the files that model.safetensors.index.json says hold the weights.

    Raises CheckpointError where it is none, or names a file that would lie elsewhere.
    """
    places = read_json(path).get("weight_map")
    names = list(dict.fromkeys(places.values())) if isinstance(places, dict) and _texts(places) else []
    if not names:
        raise CheckpointError(f"{path} holds no weight_map that says which file holds which weight")
    if odd := [name for name in names if not SHARD.fullmatch(name)]:
        raise CheckpointError(f"{path} names {reprlib.repr(odd[0])}; expected names such as model-00001-of-00002")
    return names


def _texts(places: dict) -> bool:
    return all(isinstance(name, str) for name in places.values())


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that hold a folder's weights: one, or several that an index names.

    Raises CheckpointError where there are none, with what is there in their place.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / SHARDS).is_file():
        paths = [folder / name for name in shards(folder / SHARDS)]
        if missing := [path.name for path in paths if not path.is_file()]:
            raise CheckpointError(f"{folder} lacks {listed(set(missing))}, which {SHARDS} says holds weights")
        return paths
    if (folder / ADAPTER).is_file():
        raise CheckpointError(adapter(folder, read_json(folder / ADAPTER)))
    pickles = [path.name for path in sorted(folder.glob("*")) if path.suffix in PICKLES]
    raise CheckpointError(f"{folder} holds no {WEIGHTS}" + (f"; {only_a_pickle(pickles[0])}" if pickles else ""))


def only_a_pickle(name: str) -> str:
    """Why a file that torch.load reads is not read, and what to do."""
    return (
        f"{name} is a pickle, which could run code and is never read here; if you trust it, open it in transformers "
        "and save it again (save_pretrained writes safetensors)"
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Says of a file in a sentence that it is no safetensors file."""
    try:
        yield
    except (SafetensorError, OSError) as error:
        if path.stat().st_size < 200 and b"git-lfs" in path.read_bytes():
            raise CheckpointError(f"{path} is only a pointer of git-lfs; install git-lfs and fetch it again") from error
        raise CheckpointError(f"{path} is no readable safetensors file, or is cut short: {error}") from error


@contextmanager
def _nameable(path: Path) -> Iterator[Path]:
    """A name of the file that safetensors can read: it takes none but UTF-8, which a folder's name need not be."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder, WEIGHTS)
            link.symlink_to(path.resolve())
            yield link
    else:
        yield path


def load(folder: str | Path) -> tuple[GPTConfig, dict[str, torch.Tensor]]:
    """The configuration and the weights, in our names, on the CPU, in float32 (float64 stays float64).

    Where there is an end token, which is no character, its row is left out.

    Raises CheckpointError: files missing or damaged; tensors missing, extra, misshapen or of another type; an
    attention bias that is not zero; a head that is not the embedding; a weight that is not finite.
    """
    folder = Path(folder)
    config, end_token = read_config(folder), with_end_token(folder)
    paths, tensors, holders = weight_files(folder), {}, {}
    where = paths[0] if len(paths) == 1 else folder / SHARDS
    with ExitStack() as opened:
        for path in paths:
            with _readable(path):
                file = opened.enter_context(safe_open(opened.enter_context(_nameable(path)), framework="pt"))
                for name in file.keys():  # noqa: SIM118 (it is no dict)
                    if name in holders:
                        raise CheckpointError(f"{where}: two of its files hold {name[:80]}")
                    part = file.get_slice(name)
                    tensors[name], holders[name] = (tuple(part.get_shape()), part.get_dtype()), (path, file)
        names = check_tensors(where, tensors, config, end_token=end_token)

        def read(known: str) -> torch.Tensor:
            name = names[known]
            path, file = holders[name]
            with _readable(path):
                tensor = file.get_tensor(name)
            if not torch.isfinite(tensor).all():
                raise CheckpointError(f"{path}: {name} holds NaN or infinite numbers; the model is damaged")
            return tensor

        state = {}
        for known, (_, ours, transposed) in tensors_of(config).items():
            tensor = read(known)
            if ours is not None:
                wide = torch.float64 if tensor.dtype == torch.float64 else torch.float32
                tensor = tensor.t() if transposed else tensor[: config.vocab_size] if known == EMBEDDING else tensor
                state[ours] = tensor.to(wide).clone(memory_format=torch.contiguous_format)
            elif tensor.any():
                name = names[known]
                words = f"{name} is not zero, but this architecture has no such bias"
                raise CheckpointError(f"{holders[name][0]}: {words}; {FREEZE}")
        if HEAD in names and not torch.equal(read(HEAD), read(EMBEDDING)):
            raise CheckpointError(
                f"{where}: {names[HEAD]} differs from {names[EMBEDDING]}, but this architecture ties them"
            )
    state["head.weight"] = state["tok.weight"]
    return config, state
