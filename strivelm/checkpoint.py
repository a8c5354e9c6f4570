"""What a model looks like on disk: one folder that `GPT.from_pretrained` and transformers both load.

    config.json            our sizes and vocabulary, and GPT-2's keys beside them
    model.safetensors      the weights in GPT-2's layout: zero attention biases, linear maps transposed, the head tied
    tokenizer.json         the vocabulary, for transformers (ours is `chars` in config.json)
    tokenizer_config.json  which class transformers reads it with
    generation_config.json how far transformers writes when nobody says: to the context's end
    README.md              the model card

This room knows tensors and keys, not the model's class. Reading trusts nothing: sizes, names, shapes and types are
checked against config.json in the file's header, before memory is taken for a weight.
"""

import contextlib
import errno
import json
import os
import reprlib
import secrets
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors

from strivelm.config import GPTConfig
from strivelm.tokenizer import CharTokenizer

CONFIG, WEIGHTS, GENERATION_CONFIG = "config.json", "model.safetensors", "generation_config.json"
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
TRAINING = "training.json"
NGRAMS = "ngrams.safetensors"
CURVE = "loss.png"
FILES = (CONFIG, WEIGHTS, TOKENIZER, TOKENIZER_CONFIG, GENERATION_CONFIG, TRAINING, NGRAMS, CURVE, "README.md")
MAX_JSON_BYTES = 32 << 20
MODEL_CARD = (Path(__file__).parent / "assets" / "model_card.md").read_text("utf-8")
SPLITS = [{"Regex": r"[\s\S]"}, {"Regex": "(?s)."}, {"Regex": ""}, {"String": ""}]  # patterns for each character alone
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


class CheckpointError(ValueError):
    """A folder, file or repo holds no model of ours, or a damaged one. The message says what and where."""


# -- names and shapes -------------------------------------------------------------------------------------------------


def _gpt2_tensors(config: GPTConfig) -> dict[str, tuple[tuple[int, ...], str | None, bool]]:
    """GPT-2's tensor names: shape there, our name (None: a bias that we don't have and that must be 0), transposed."""
    V, T, C = config.vocab_size, config.block_size, config.n_embd
    names: dict[str, tuple[tuple[int, ...], str | None, bool]] = {
        "transformer.wte.weight": ((V, C), "tok.weight", False),
        "transformer.wpe.weight": ((T, C), "pos.weight", False),
        "transformer.ln_f.weight": ((C,), "lnf.weight", False),
        "transformer.ln_f.bias": ((C,), "lnf.bias", False),
    }
    for i in range(config.n_layer):
        theirs, ours = f"transformer.h.{i}.", f"blocks.{i}."
        for norm in (1, 2):
            for part in ("weight", "bias"):
                names[f"{theirs}ln_{norm}.{part}"] = ((C,), f"{ours}ln{norm}.{part}", False)
        for module, into, out, our in (
            ("attn.c_attn", C, 3 * C, "qkv"),
            ("attn.c_proj", C, C, "proj"),
            ("mlp.c_fc", C, 4 * C, "ff.0"),
            ("mlp.c_proj", 4 * C, C, "ff.2"),
        ):
            names[f"{theirs}{module}.weight"] = ((into, out), f"{ours}{our}.weight", True)
            names[f"{theirs}{module}.bias"] = ((out,), f"{ours}{our}.bias" if our.startswith("ff") else None, False)
    return names


def _config_json(config: GPTConfig, dtype: torch.dtype = torch.float32) -> dict:
    """Our keys and GPT-2's, in one dictionary. pad, bos and eos stay unset: a character model has none.

    `dtype` is what transformers computes in; like here, weights stored in half precision are computed in float32.
    """
    return vars(config) | {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "n_positions": config.block_size,
        "n_ctx": config.block_size,
        "n_inner": None,
        "activation_function": "gelu",
        "layer_norm_epsilon": 1e-5,
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": False,
        "reorder_and_upcast_attn": False,
        "tie_word_embeddings": True,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "resid_pdrop": config.dropout,
        "bos_token_id": None,
        "eos_token_id": None,
        "dtype": "float64" if dtype == torch.float64 else "float32",
    }


def _tokenizer_json(chars: str) -> str:
    """tokenizer.json: every code point is a token of its own, and decoding joins them without spaces."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers  # only writing needs it

    tokenizer = Tokenizer(models.WordLevel({char: i for i, char in enumerate(chars)}))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer.to_str(pretty=True)


# -- writing ----------------------------------------------------------------------------------------------------------


def write_together(contents: dict[Path, bytes]) -> None:
    """Writes files that belong together: each whole beside its place first, then all renamed into place.

    Raises OSError that names the path (a full disk, a read-only folder, a folder in the way) and says whether what was
    there before is unharmed: it is, unless a rename failed after another one, or the machine died between the two.
    """
    staged: dict[Path, Path] = {}
    path, placed = None, 0
    try:
        for path, content in contents.items():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "a folder of that name is in the way")
            staged[path] = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            with open(staged[path], "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path, temporary in staged.items():
            os.replace(temporary, path)
            placed += 1
    except OSError as error:
        before = "other files beside it are new already" if placed else "what was there before is unharmed"
        raise OSError(error.errno, f"could not write {path}: {error.strerror}; {before}") from error
    finally:
        for temporary in staged.values():
            with contextlib.suppress(OSError):  # what went wrong above is what a person has to know
                temporary.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Writes one file whole or not at all. Raises OSError as `write_together` does."""
    write_together({path: content})


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def write_json(path: Path, content: object) -> None:
    """Writes JSON atomically, readable by people and in UTF-8."""
    write_atomically(path, _json(content))


def save(folder: Path, config: GPTConfig, state: dict[str, torch.Tensor], dtype: torch.dtype | None = None) -> None:
    """Writes config, tokenizer and weights into a folder: all of them, or, where that fails, none.

    Args:
        state: the model's state_dict, in our names.
        dtype: what the weights are stored in; None keeps theirs.

    Raises:
        CheckpointError: a weight is not finite, or does not fit the dtype.
        ValueError: a dtype that no model is stored in.
        OSError: the folder can't be written.
    """
    tensors, stored = {}, dtype or state["tok.weight"].dtype
    if stored not in DTYPES.values():
        names = ", ".join(str(known).removeprefix("torch.") for known in DTYPES.values())
        raise ValueError(f"dtype is {stored}; expected one of {names}")
    for name, (shape, ours, transposed) in _gpt2_tensors(config).items():
        if ours is None:
            tensor = torch.zeros(shape, dtype=stored)
        else:
            tensor = state[ours].detach().cpu()
            tensor = (tensor.t() if transposed else tensor).to(dtype or tensor.dtype).contiguous()
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{ours} holds NaN or infinite numbers in {tensor.dtype}; nothing was saved")
        tensors[name] = tensor
    folder = Path(folder)
    files = {folder / CONFIG: _json(_config_json(config, stored))}
    # Without it a pipeline asks for 256 new tokens, and a context up to that ends in an IndexError.
    files[folder / GENERATION_CONFIG] = _json({"max_length": config.block_size})
    if config.chars is not None:
        files[folder / TOKENIZER] = _tokenizer_json(config.chars).encode()
        # Without naming the class, transformers would rebuild GPT-2's byte-level tokenizer around our vocabulary.
        settings = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            "model_max_length": config.block_size,
        }
        files[folder / TOKENIZER_CONFIG] = _json(settings)
    files[folder / WEIGHTS] = to_safetensors(tensors, metadata={"format": "pt"})
    folder.mkdir(parents=True, exist_ok=True)
    write_together(files)
    if config.chars is None:  # another model's vocabulary must not stand beside ours
        for name in (TOKENIZER, TOKENIZER_CONFIG):
            (folder / name).unlink(missing_ok=True)


# -- reading ----------------------------------------------------------------------------------------------------------


def read_json(path: Path) -> dict:
    """A JSON object from a file. Raises CheckpointError where there is none, or something else."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise CheckpointError(f"{path} has {path.stat().st_size:,} bytes; expected at most {MAX_JSON_BYTES:,}")
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path.parent} holds no {path.name}; is it a model folder?") from None
    except CheckpointError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}; expected an object with keys and values")
    return content


def read_config(folder: Path) -> GPTConfig:
    """The sizes and the vocabulary from config.json, checked. It may also be one that transformers made.

    Raises CheckpointError: a key is missing, of the wrong type, out of bounds, or says another architecture.
    """
    path = Path(folder) / CONFIG
    raw = read_json(path)
    if "block_size" not in raw and raw.get("model_type") == "gpt2":
        raw = _from_transformers(path, raw)
    needed = [name for name, field in GPTConfig.__dataclass_fields__.items() if name not in ("dropout", "chars")]
    missing = [name for name in needed if name not in raw]
    if missing:
        raise CheckpointError(f"{path} lacks {', '.join(missing)}; this is not a StriveLM model")
    ours = {name: raw[name] for name in GPTConfig.__dataclass_fields__ if name in raw}
    try:
        config = GPTConfig(**ours)
        if config.chars is not None:
            CharTokenizer(config.chars)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    for key, value in _config_json(config).items():
        # GPT-2's keys change what the numbers mean; where they are given they must say what our architecture does
        decides = key not in ours and not key.endswith("_pdrop") and key not in ("architectures", "dtype")
        if decides and raw.get(key, value) != value:
            raise CheckpointError(
                f"{path} says {key}={reprlib.repr(raw[key])}, but this architecture has {key}={value!r}"
            )
    return config


def _from_transformers(path: Path, raw: dict) -> dict:
    """transformers' own GPT-2 config.json with our keys beside its; the vocabulary is that of tokenizer.json, if any.

    Raises CheckpointError where that one does anything but to give each character a number.
    """
    width = raw.get("n_embd")
    raw = raw | {
        "block_size": raw.get("n_positions"),
        "dropout": raw.get("resid_pdrop", 0.1),
        "activation_function": raw.get("activation_function", "gelu_new"),  # what it means to transformers if left out
        "n_inner": None if type(width) is int and raw.get("n_inner") == 4 * width else raw.get("n_inner"),
        "bos_token_id": None,  # where generation begins and stops is none of the architecture's business
        "eos_token_id": None,
    }
    path = path.with_name(TOKENIZER)
    if not path.is_file():
        return raw
    tokenizer = read_json(path)
    model, split = (part if isinstance(part := tokenizer.get(key), dict) else {} for key in ("model", "pre_tokenizer"))
    chars = model.get("vocab")
    if not (isinstance(chars, dict) and set(map(repr, chars.values())) == set(map(repr, range(len(chars))))):
        raise CheckpointError(f"{path} holds no vocabulary with the ids 0, 1, 2 …; this is not a character model")
    if long := [token for token in chars if len(token) != 1]:
        raise CheckpointError(f"{path} knows the token {reprlib.repr(long[0])}; this is not a character model")
    splits = (split.get("type"), split.get("behavior"), split.get("pattern") in SPLITS) == ("Split", "Isolated", True)
    if not splits or tokenizer.get("normalizer") or tokenizer.get("added_tokens"):
        raise CheckpointError(f"{path} does more than split a text into its characters; this is not a character model")
    return raw | {"chars": "".join(sorted(chars, key=chars.get))}


def load(folder: str | Path) -> tuple[GPTConfig, dict[str, torch.Tensor]]:
    """The configuration and the weights, in our names, on the CPU, in float32 (float64 stays float64).

    Raises CheckpointError: files missing or damaged; tensors missing, extra, misshapen or of another type; an
    attention bias that is not zero; a weight that is not finite.
    """
    folder = Path(folder)
    config = read_config(folder)
    path = folder / WEIGHTS
    if not path.is_file():
        pickles = [p.name for p in sorted(folder.glob("*")) if p.suffix in (".bin", ".pt", ".pth", ".ckpt")]
        hint = f"; {pickles[0]} is a pickle, which could run code and is never read here" if pickles else ""
        raise CheckpointError(f"{folder} holds no {WEIGHTS}{hint}")
    expected = _gpt2_tensors(config)
    try:
        with safe_open(path, framework="pt") as file:
            parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
            found = {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in parts.items()}
            dtypes, state = check_tensors(path, found, config), {}
            for name, (_, ours, transposed) in expected.items():
                tensor = file.get_tensor(name)
                if not torch.isfinite(tensor).all():
                    raise CheckpointError(f"{path}: {name} holds NaN or infinite numbers; the model is damaged")
                if ours is None:
                    if tensor.any():
                        raise CheckpointError(f"{path}: {name} is not zero, but this architecture has no such bias")
                    continue
                wide = torch.float64 if dtypes[name] == torch.float64 else torch.float32
                state[ours] = (
                    (tensor.t() if transposed else tensor).to(wide).clone(memory_format=torch.contiguous_format)
                )
    except (SafetensorError, OSError) as error:
        if path.stat().st_size < 200 and b"git-lfs" in path.read_bytes():
            raise CheckpointError(f"{path} is only a pointer of git-lfs; install git-lfs and fetch it again") from error
        raise CheckpointError(f"{path} is no readable safetensors file, or is cut short: {error}") from error
    state["head.weight"] = state["tok.weight"]
    return config, state


def check_tensors(
    where: object, tensors: dict[str, tuple[tuple[int, ...], str]], config: GPTConfig
) -> dict[str, torch.dtype]:
    """Compares the shapes and types that a safetensors header names with what a config promises: each tensor's type.

    Raises CheckpointError that begins with `where`.
    """
    expected = _gpt2_tensors(config)
    for wrong, what in (
        (expected.keys() - tensors.keys(), "lacks"),
        (tensors.keys() - expected.keys(), "holds, beyond this architecture,"),
    ):
        if wrong:
            some = ", ".join(name[:80] for name in sorted(wrong)[:4])
            more = f" and {len(wrong) - 4} more" if len(wrong) > 4 else ""
            raise CheckpointError(f"{where} {what} {some}{more}")
    for name, (shape, _, _) in expected.items():
        found, dtype = tensors[name]
        if found != shape:
            raise CheckpointError(f"{where}: {name} has shape {reprlib.repr(found)}; config.json says {shape}")
        if dtype not in DTYPES:
            raise CheckpointError(f"{where}: {name} is {dtype[:80]}; expected one of {', '.join(DTYPES)}")
    return {name: DTYPES[dtype] for name, (_, dtype) in tensors.items()}


# -- the seed project -------------------------------------------------------------------------------------------------


def load_seed_checkpoint(path: str | Path) -> tuple[GPTConfig, dict[str, torch.Tensor]]:
    """The configuration and weights of a seed project's .pt file, as `load` gives them. No code in it is run.

    The file holds {"model": state_dict, "meta": {"vocab", "block_size", "n_layer", "n_head", "n_embd"}}.

    Raises CheckpointError: no such file, something else in it, or weights that are not this architecture.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {path}") from None
    except Exception as error:  # a damaged zip, a foreign pickle, a folder: torch raises many kinds
        raise CheckpointError(  # torch's own words would advise to run whatever code the file holds
            f"{path} is damaged, or no checkpoint of tensors and plain values alone, so it is not read"
        ) from error
    try:
        if not isinstance(content, dict):
            raise TypeError(f"it holds a {type(content).__name__}")
        meta, raw = dict(content["meta"]), dict(content["model"])
        chars = "".join(meta["vocab"])
        sizes = {name: meta[name] for name in ("block_size", "n_layer", "n_head", "n_embd")}
        config = GPTConfig(vocab_size=len(chars), chars=chars, **sizes)
        CharTokenizer(chars)
    except (LookupError, TypeError) as error:
        raise CheckpointError(
            f"{path} is not a seed project's checkpoint ({error}); expected "
            "{'model': state_dict, 'meta': {'vocab', 'block_size', 'n_layer', 'n_head', 'n_embd'}}"
        ) from None
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    shapes = {
        ours: shape[::-1] if transposed else shape
        for shape, ours, transposed in _gpt2_tensors(config).values()
        if ours is not None
    }
    head = raw.pop("head.weight", raw.get("tok.weight"))
    masks = {name for name in raw.keys() - shapes.keys() if name.endswith(("mask", "tril"))}  # buffers, not weights
    if wrong := shapes.keys() ^ (raw.keys() - masks):
        raise CheckpointError(
            f"{path} is another architecture: it lacks, or has beyond ours, {', '.join(sorted(wrong)[:4])}"
        )
    state = {}
    for name, shape in shapes.items():
        tensor = raw[name]
        if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != shape or not tensor.is_floating_point():
            found = f"shape {tuple(tensor.shape)}" if isinstance(tensor, torch.Tensor) else type(tensor).__name__
            raise CheckpointError(f"{path}: {name} has {found}; its sizes say {shape}")
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: {name} holds NaN or infinite numbers; the model is damaged")
        state[name] = tensor.float()
    if not torch.equal(head.float(), state["tok.weight"]):
        raise CheckpointError(f"{path}: head.weight differs from tok.weight, but this architecture ties them")
    state["head.weight"] = state["tok.weight"]
    return config, state
