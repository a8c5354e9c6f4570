"""Where text comes from, and how it is dealt out: to training, to validation, into batches.

The first 90 % of a text train the model, the last 10 % judge it.
"""

import hashlib
import http.client
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import torch

from strivelm.checkpoint import write_atomically
from strivelm.tokenizer import CharTokenizer

FABLES = Path(__file__).parent / "assets" / "fables.txt"
SHAKESPEARE_URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
MAX_BYTES = 4 << 30
TIMEOUT = 30  # seconds without an answer
TRAIN_FRACTION = 0.9


class CorpusError(ValueError):
    """A text can't be had, or can't be trained on. The message says why and what to do."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text as ids, split for training and validation."""

    name: str
    """What a person calls it: "fables", "tiny Shakespeare", a file's name, an address."""
    sha256: str
    """The hash of its bytes, which says exactly which text it was."""
    tokenizer: CharTokenizer
    """Its vocabulary: the text's characters, sorted."""
    train: torch.Tensor
    """The first 90 % as ids, (N,), in the smallest integer type that holds them."""
    validation: torch.Tensor
    """The last 10 % likewise; empty where the text is too short to spare two characters."""
    notes: tuple[str, ...] = ()
    """What was noticed while reading, in sentences."""

    @property
    def characters(self) -> int:
        """How long the text is."""
        return len(self.train) + len(self.validation)

    @property
    def text(self) -> str:
        """The text itself."""
        return self.tokenizer.decode(torch.cat([self.train, self.validation]))

    def window(self, block_size: int) -> int:
        """How many characters in a row a training window holds: the context, or less where the text is shorter."""
        return min(block_size, len(self.train) - 1)

    def warnings(self, block_size: int) -> list[str]:
        """What a person should know before a model with this context is trained on this text, in sentences."""
        found = list(self.notes)
        if len(self.train) <= block_size:
            found.append(
                f"The training text has {len(self.train)} characters, less than one context of {block_size} and the "
                f"character after it: windows are {self.window(block_size)} long, and the model's later "
                "positions stay untrained. A longer text or a smaller --block-size would help."
            )
        if not len(self.validation):
            found.append(
                f"The text has only {self.characters} characters: none can be spared for validation, so nothing will "
                "tell learning from learning by heart. The weights of the last step are kept."
            )
        elif len(self.validation) <= block_size:
            found.append(
                f"The validation text has {len(self.validation)} characters, less than one context of {block_size} and "
                f"the character after it: its loss is that of {len(self.validation) - 1} predictions, a rough guide. "
                "A longer text or a smaller --block-size would help."
            )
        return found


def corpus_from_text(text: str, name: str, sha256: str | None = None, notes: tuple[str, ...] = ()) -> Corpus:
    """A corpus of a text, its last 10 % (never fewer than 2 characters, or none) kept for validation.

    Raises CorpusError for a text of fewer than two characters: there is nothing to predict.
    """
    if len(text) < 2:
        raise CorpusError(
            f"{name} holds {'no' if not text else 'only one'} character; at least 2 are needed to have one to predict"
        )
    try:
        tokenizer = CharTokenizer.of(text)
    except ValueError as error:
        raise CorpusError(f"{name}: {error}") from None
    ids = torch.from_numpy(tokenizer.encode_array(text))
    if ids.dtype == torch.uint16:  # torch indexes with it, but can't gather it
        ids = ids.to(torch.int32)
    at = int(len(ids) * TRAIN_FRACTION)
    if at < 2 or len(ids) - at < 2:
        at = len(ids)
    sha256 = sha256 or hashlib.sha256(text.encode()).hexdigest()
    return Corpus(name, sha256, tokenizer, ids[:at], ids[at:], notes)


def load_corpus(source: str = "bundled", cache_dir: str | Path | None = None) -> Corpus:
    """The corpus behind a name.

    Args:
        source: "bundled" (fables written for this project), "shakespeare" (tiny Shakespeare, downloaded once and
            cached), a file, an http(s) address, or "hf://datasets/owner/name/file.txt" on the Hub.
        cache_dir: where downloads are kept; None means $STRIVELM_CACHE, else ~/.cache/strivelm.

    Raises:
        CorpusError: no such file, no network, another text than expected, no UTF-8, too short.
    """
    if source == "bundled":
        content, name = FABLES.read_bytes(), "fables"
    elif source == "shakespeare":
        content, name = _shakespeare(cache_dir), "tiny Shakespeare"
    elif source.startswith(("http://", "https://")):
        content, name = _download(source), source
    elif source.startswith("hf://"):
        content, name = _from_hub(source), source
    else:
        content, name = _read(Path(source)), Path(source).name
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 == SHAKESPEARE_SHA256:
        name = "tiny Shakespeare"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{source} is not UTF-8 text: byte {content[error.start]:#04x} at place {error.start:,}; "
            "save it as UTF-8 and try again"
        ) from None
    notes = ()
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        notes = ("Line ends of Windows or old Macs were read as plain line breaks.",)
    return corpus_from_text(text, name, sha256, notes)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CorpusError(f"{path} has {path.stat().st_size:,} bytes; at most {MAX_BYTES:,} can be read")
        return path.read_bytes()
    except FileNotFoundError:
        raise CorpusError(
            f"there is no file {path}; --data takes 'bundled', 'shakespeare', a file, an http(s) address "
            "or hf://datasets/owner/name/file.txt"
        ) from None
    except CorpusError:
        raise
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path} can't be read: {error}") from error


def _shakespeare(cache_dir: str | Path | None) -> bytes:
    folder = Path(cache_dir or os.environ.get("STRIVELM_CACHE") or Path.home() / ".cache" / "strivelm")
    path = folder / "tinyshakespeare.txt"
    if path.is_file():
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() == SHAKESPEARE_SHA256:
            return content
    content = _download(SHAKESPEARE_URL)
    if hashlib.sha256(content).hexdigest() != SHAKESPEARE_SHA256:
        raise CorpusError(
            f"{SHAKESPEARE_URL} sent another text than tiny Shakespeare ({len(content):,} bytes); nothing was kept. "
            "Try again later, or pass a file of your own with --data FILE"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError:
        pass  # a cache that can't be written costs the next download, not this run
    return content


def _download(url: str) -> bytes:
    parts = []
    size = 0
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            while part := response.read(1 << 20):
                parts.append(part)
                size += len(part)
                if size > MAX_BYTES:
                    raise CorpusError(f"{url} sends more than {MAX_BYTES:,} bytes; download it and cut it to size")
            promised = response.headers.get("Content-Length")
    except CorpusError:
        raise
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CorpusError(
            f"{url} can't be downloaded: {getattr(error, 'reason', error)}. "
            "Without a network, train on the text that came along: --data bundled"
        ) from error
    if promised is not None and promised.isdigit() and int(promised) != size:
        raise CorpusError(f"{url} broke off after {size:,} of {int(promised):,} bytes; try again")
    return b"".join(parts)


def _from_hub(source: str) -> bytes:
    from huggingface_hub import HfFileSystem  # brings fsspec, which nothing else here needs

    try:
        with HfFileSystem().open(source, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except Exception as error:  # fsspec and the Hub client raise many kinds; each means that the text can't be had
        raise CorpusError(
            f"{source} can't be read from the Hub: {str(error).strip() or type(error).__name__}"
        ) from error
    if len(content) > MAX_BYTES:
        raise CorpusError(f"{source} has more than {MAX_BYTES:,} bytes; download it and cut it to size")
    return content


def batch(ids: torch.Tensor, starts: torch.Tensor, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets, (B, length) each: the windows of ids that begin at starts (B,), in one gather."""
    windows = ids[starts[:, None] + torch.arange(length + 1, device=starts.device)].long()
    return windows[:, :-1], windows[:, 1:]
