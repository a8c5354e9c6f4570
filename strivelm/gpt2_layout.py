"""GPT-2's layout, which our folders share with transformers: its tensors, its config.json, its tokenizer.json.

Tensors are named as in OpenAI's own GPT-2 files, without the prefix `transformer.`: transformers reads both spellings,
mlx-lm only this one. What transformers and the tools around it leave in such a folder is known here as well: the
prefix, attention masks that old versions stored, a head that is stored beside the embedding it equals. None of that
changes a number. What does is refused with the reason.
"""

import re
import reprlib
from pathlib import Path

import torch

from strivelm.config import GPTConfig
from strivelm.files import (
    CONFIG,
    GENERATION_CONFIG,
    TOKENIZER,
    TOKENIZER_CONFIG,
    CheckpointError,
    read_json,
    to_json,
)

PREFIX = "transformer."
"""What transformers and nanoGPT put before every name but the head's; read, and not written."""
HEAD = "lm_head.weight"
EMBEDDING = "wte.weight"
END_TOKEN = "<|end|>"
"""The token beyond the characters that `strivelm export --end-token` adds for tools that insist on special tokens."""
MASK = re.compile(r"h\.\d+\.attn\.(masked_)?bias")  # a causal mask, stored as a buffer; c_attn.bias is another
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "I32": 4, "I64": 8}
"""How many bytes a number has, by the type that a safetensors header names."""
SPLITS = [{"Regex": r"[\s\S]"}, {"Regex": "(?s)."}, {"Regex": ""}, {"String": ""}]  # patterns for each character alone
FREEZE = (
    "fine-tuning moved it away from 0: freeze the attention's biases (c_attn.bias and c_proj.bias), "
    "or train LoRA on c_attn and merge it, which this architecture can hold"
)


def tensors_of(config: GPTConfig, end_token: bool = False) -> dict[str, tuple[tuple[int, ...], str | None, bool]]:
    """GPT-2's tensor names: shape there, our name (None: a bias that we don't have and that must be 0), transposed.

    With an end token the embedding has one row more than there are characters.
    """
    V, T, C = config.vocab_size + end_token, config.block_size, config.n_embd
    names: dict[str, tuple[tuple[int, ...], str | None, bool]] = {
        EMBEDDING: ((V, C), "tok.weight", False),
        "wpe.weight": ((T, C), "pos.weight", False),
        "ln_f.weight": ((C,), "lnf.weight", False),
        "ln_f.bias": ((C,), "lnf.bias", False),
    }
    for i in range(config.n_layer):
        theirs, ours = f"h.{i}.", f"blocks.{i}."
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


def weights(
    config: GPTConfig, state: dict[str, torch.Tensor], dtype: torch.dtype | None = None
) -> dict[str, torch.Tensor]:
    """A state_dict of ours in GPT-2's layout, on the CPU, with zeros for the biases that this architecture lacks.

    Args:
        dtype: the type of all of them; None keeps theirs.
    """
    tensors = {}
    for name, (shape, ours, transposed) in tensors_of(config).items():
        if ours is None:
            tensors[name] = torch.zeros(shape, dtype=dtype or state["tok.weight"].dtype)
        else:
            tensor = state[ours].detach().cpu()
            tensors[name] = (tensor.t() if transposed else tensor).to(dtype or tensor.dtype).contiguous()
    return tensors


def shapes_of(config: GPTConfig) -> dict[str, tuple[int, ...]]:
    """Our own tensor names, without the tied head's, and their shapes."""
    return {
        ours: shape[::-1] if transposed else shape
        for shape, ours, transposed in tensors_of(config).values()
        if ours is not None
    }


def listed(names: set[str]) -> str:
    """The first four of many names, for a sentence."""
    some = ", ".join(name[:80] for name in sorted(names)[:4])
    return some + (f" and {len(names) - 4} more" if len(names) > 4 else "")


# -- a file's tensors ------------------------------------------------------------------------------------------------


def check_tensors(
    where: object,
    tensors: dict[str, tuple[tuple[int, ...], str]],
    config: GPTConfig,
    whole: bool = True,
    end_token: bool = False,
) -> dict[str, str]:
    """What a file calls the tensors of a config, and, under "lm_head.weight", the head if it stores that as well.

    Args:
        where: what the message of an error begins with.
        tensors: the shapes and types that safetensors headers name.
        whole: whether all of the model must be there; False for one of several files.
        end_token: whether the embedding has one row more than there are characters.

    Raises CheckpointError: a tensor is missing, unknown, stored twice, misshapen or of another type.
    """
    expected, found, beyond = tensors_of(config, end_token), {}, set()
    for name in tensors:
        known = name.removeprefix(PREFIX)
        if known != HEAD and known not in expected:
            if not MASK.fullmatch(known):
                beyond.add(name)
        elif known in found:
            raise CheckpointError(f"{where} holds {known} twice, with and without {PREFIX!r}")
        else:
            found[known] = name
    if HEAD in found and EMBEDDING not in found and whole:
        found[EMBEDDING] = found.pop(HEAD)  # tied, and stored once: under either name
    missing = expected.keys() - found.keys() if whole else set()
    for wrong, what in ((missing, "lacks"), (beyond, "holds, beyond this architecture,")):
        if wrong:
            raise CheckpointError(f"{where} {what} {listed(wrong)}{_adapters(wrong)}")
    for known in [name for name in (*expected, HEAD) if name in found]:
        name = found[known]
        shape = expected[EMBEDDING if known == HEAD else known][0]
        there, dtype = tensors[name]
        if there != shape:
            resized = known in (EMBEDDING, HEAD) and there[1:] == shape[1:] and there[0] > shape[0]
            raise CheckpointError(
                f"{where}: {name} has shape {reprlib.repr(there)}; config.json says {shape}"
                + (f"; {resized_back(shape[0])}" if resized else "")
            )
        if dtype not in DTYPES:
            raise CheckpointError(f"{where}: {name} is {dtype[:80]}; expected one of {', '.join(DTYPES)}")
    for name, (_, dtype) in tensors.items():
        if dtype not in BYTES:
            raise CheckpointError(f"{where}: {name[:80]} is {dtype[:80]}; expected one of {', '.join(DTYPES)}")
    return found


def _adapters(names: set[str]) -> str:
    adapted = any(part in name for name in names for part in ("lora_", "base_layer", "base_model.model"))
    return f"; these are adapters: {MERGE}" if adapted else ""


MERGE = "merge them into the model with merged = model.merge_and_unload(), then merged.save_pretrained(...)"


def resized_back(characters: int) -> str:
    """What to do with an embedding that a fine-tuning tool has made larger."""
    return (
        "a tool that added tokens has resized the embedding, and a token that is no character has no place here: "
        f"undo it with model.resize_token_embeddings({characters}) and save again"
    )


# -- config.json, tokenizer.json and what stands beside them ----------------------------------------------------------


def config_json(config: GPTConfig, dtype: torch.dtype = torch.float32, end_token: bool = False) -> dict:
    """Our keys and GPT-2's, in one dictionary. pad, bos and eos stay unset: a character model has none.

    Args:
        dtype: what transformers computes in; like here, weights stored in half precision are computed in float32.
        end_token: whether there is one token beyond the characters, which is then pad, bos and eos.
    """
    end = config.vocab_size
    more = {
        "end_token": END_TOKEN,
        "vocab_size": end + 1,
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
    }
    ours = vars(config) | {
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
    return ours | more if end_token else ours


def json_files(config: GPTConfig, dtype: torch.dtype, end_token: bool = False) -> dict[str, bytes]:
    """All that a folder says in JSON, by the files' names; without a vocabulary nothing of a tokenizer.

    Args:
        dtype: what the weights are stored in.
        end_token: whether there is one token beyond the characters, which the files then name as pad, bos, eos and unk.
    """
    # Without a length a pipeline asks for 256 new tokens, and a context up to that ends in an IndexError. It holds no
    # do_sample: who calls generate() decides.
    generation: dict[str, object] = {"max_length": config.block_size}
    files = {CONFIG: to_json(config_json(config, dtype, end_token))}
    if config.chars is not None:
        # Without naming the class, transformers would rebuild GPT-2's byte-level tokenizer around our vocabulary.
        # Without the inputs' names, version 4 would give token_type_ids, whose embeddings GPT-2 adds to the text's.
        settings: dict[str, object] = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            "model_max_length": config.block_size,
            "model_input_names": ["input_ids", "attention_mask"],
        }
        if end_token:
            settings |= dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), END_TOKEN)
            settings |= {"padding_side": "left"}  # a text goes on where it ends
            generation |= dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), config.vocab_size)
        files |= {
            TOKENIZER: tokenizer_json(config.chars, end_token).encode(),
            TOKENIZER_CONFIG: to_json(settings),
        }
    return files | {GENERATION_CONFIG: to_json(generation)}


def has_end_token(raw: dict) -> bool:
    """Whether a config.json is one with the end token, so that its vocab_size counts one more than the characters."""
    chars, size = raw.get("chars"), raw.get("vocab_size")
    return raw.get("end_token") == END_TOKEN and isinstance(chars, str) and size == len(chars) + 1


SILENT = ("architectures", "dtype", "bos_token_id", "eos_token_id", "embd_pdrop", "attn_pdrop", "resid_pdrop")
"""Keys of GPT-2 that don't change what the numbers mean: how to train, where a text begins and stops."""


def check_config(path: Path, raw: dict, config: GPTConfig) -> None:
    """Raises CheckpointError where GPT-2's keys, as far as they are given, say another architecture than ours."""
    for key, value in config_json(config).items():
        written = raw.get(key, value)
        if key == "n_inner" and type(written) is int and written == 4 * config.n_embd:
            continue
        if key not in GPTConfig.__dataclass_fields__ and key not in SILENT and written != value:
            raise CheckpointError(
                f"{path} says {key}={reprlib.repr(written)}, but this architecture has {key}={value!r}"
            )


def tokenizer_json(chars: str, end_token: bool = False) -> str:
    """tokenizer.json: every code point is a token of its own, and decoding joins them without spaces.

    With an end token that one is special, and stands for each character that is unknown.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers  # only writing needs it

    vocabulary = {char: i for i, char in enumerate(chars)}
    if end_token:
        tokenizer = Tokenizer(models.WordLevel(vocabulary | {END_TOKEN: len(chars)}, unk_token=END_TOKEN))
        tokenizer.add_special_tokens([AddedToken(END_TOKEN, special=True)])
    else:
        tokenizer = Tokenizer(models.WordLevel(vocabulary))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer.to_str(pretty=True)


def from_transformers(path: Path, raw: dict) -> dict:
    """transformers' own GPT-2 config.json with our keys beside its; the vocabulary is that of tokenizer.json, if any.

    Raises CheckpointError where that one does anything but to give each character a number.
    """
    raw = raw | {
        "block_size": raw.get("n_positions"),
        "dropout": raw.get("resid_pdrop", 0.1),
        "activation_function": raw.get("activation_function", "gelu_new"),  # what it means to transformers if left out
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
    return raw | {"chars": "".join(sorted(chars, key=chars.__getitem__))}
