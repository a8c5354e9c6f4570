"""A model from the Hub into the cache: sizes are checked before bytes are fetched, bytes before they are kept.

Everything in a repo is somebody else's. The revision is pinned to a commit first; then the Hub is asked for the few
files by name, however many there are; config.json comes first and must fit the limits; of the weights the header comes
first and must fit config.json; what does not have the hash that the Hub states is fetched once more, then refused.
"""

import json
import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from huggingface_hub import constants

from strivelm import checkpoint
from strivelm.checkpoint import NGRAMS, TRAINING, CheckpointError
from strivelm.config import GPTConfig
from strivelm.data.ngrams import MAX_FILE_BYTES
from strivelm.data.sources import cache_folder
from strivelm.files import ADAPTER, CONFIG, SHARDS, TOKENIZER, WEIGHTS
from strivelm.gpt2_layout import BYTES, check_tensors
from strivelm.hub.cache import Cache, make_room
from strivelm.hub.client import (
    OWN,
    DamagedError,
    HubError,
    Limits,
    Line,
    NotFoundError,
    Stated,
    UnreachableError,
    checked_name,
    name_in,
)

PICKLES = ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt")

Progress = Callable[[int, int], None]
"""Hears how many bytes are here, and how many there will be."""


def folder_of(ref: str | Path, *, revision: str | None = None, **how) -> Path:
    """The folder of a model: `ref` itself where it is one, else what `fetch` has of the Hub repo "owner/name"."""
    if os.path.isdir(ref):  # unlike Path.is_dir, False for '' and for names that no file can have
        if revision is not None:
            raise CheckpointError(f"{ref} is a folder, and a folder has no revision {revision!r}; leave it out")
        return Path(ref)
    try:
        checked_name(str(ref), None)
    except CheckpointError:
        if name := name_in(str(ref)):
            name, _, at = name.partition("@")
            raise CheckpointError(
                f"{str(ref)[:200]!r} is an address; the model's name is {name!r}" + (f", revision={at!r}" if at else "")
            ) from None
        raise CheckpointError(
            f"there is no folder {str(ref)!r}, and it is no Hub repo of the form owner/name "
            "(strivelm.load_model also takes 'bundled' and 'owner/name@revision')"
        ) from None
    try:
        return fetch(str(ref), revision, **how)
    except (NotFoundError, UnreachableError) as error:  # perhaps a folder was meant
        raise type(error)(f"there is no folder {str(ref)!r}, and {error}") from error


def fetch(
    repo: str,
    revision: str | None = None,
    *,
    limits: Limits = OWN,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
    progress: Progress | None = None,
) -> Path:
    """The folder in the cache that holds a Hub model's files; config.json, weights, and the record of its training.

    Where the Hub can't be reached it is the copy that was fetched before, and a warning says so.

    Args:
        repo: "owner/name".
        revision: a branch, tag or commit; "main" if None.
        limits: what is too large, and what takes too long.
        token: as huggingface_hub knows it: None the saved one, False none.
        cache_dir: where files are kept; huggingface_hub's cache if None, or one of our own where the limits name a
            size of the disk.
        force_download: fetch anew what is in the cache.
        local_files_only: ask nobody.
        progress: hears of the bytes.

    Raises:
        HubError: no such repo or revision, private, gated, unreachable.
        CheckpointError: not a model of this architecture, too large, damaged; the cache can't be written.
    """
    repo, revision = checked_name(repo, revision)
    cache, reason = Cache(_cache_root(cache_dir, limits), repo), "local_files_only asks nobody"
    if not local_files_only:
        try:
            line = Line(repo, limits, token)
            heard = progress or (lambda done, total: None)
            return _Fetch(line, cache, line.commit(revision), force_download, heard).run(revision)
        except UnreachableError as error:
            reason = str(error)
        except OSError as error:
            words = f"can't be kept in the cache {cache.root}: {error.strerror or error}"
            if limits.public:  # its place is nobody's business but the owner's, who reads the terminal
                warnings.warn(f"{repo} {words}", stacklevel=2)
                words = "can't be kept here now, as this page's disk is full or can't be written"
            raise CheckpointError(f"{repo} {words}") from error
    commit = cache.commit_of(revision)
    if commit is None or not _is_whole(cache, commit):
        raise UnreachableError(f"the Hub can't be reached ({reason}), and no whole copy of {repo} is in the cache")
    if not (local_files_only or constants.is_offline_mode()):
        warnings.warn(f"the Hub can't be reached ({reason}); {repo} is what was fetched before", stacklevel=2)
    _checked_config(cache.snapshot(commit), repo, limits)
    return cache.snapshot(commit)


def _cache_root(cache_dir: str | Path | None, limits: Limits) -> Path:
    """The cache's folder. Raises CheckpointError where it would lie in a home that nobody knows."""
    own = cache_folder(None) / "models" if limits.disk is not None else Path(constants.HF_HUB_CACHE)
    try:
        return Path(cache_dir or own).expanduser()
    except RuntimeError:
        raise CheckpointError(f"the cache would be {own}, but HOME is not set; set HOME or HF_HOME") from None


def _is_whole(cache: Cache, commit: str) -> bool:
    """Whether the cache has all of a model."""
    if not cache.find(commit, CONFIG):
        return False
    if cache.find(commit, WEIGHTS):
        return True
    index = cache.find(commit, SHARDS)
    return bool(index) and all(cache.find(commit, name) for name in checkpoint.shards(index))


@contextmanager
def calling(folder: Path, name: str) -> Iterator[None]:
    """Lets what CheckpointErrors say of a folder be said, in few words, of the repo that it came from."""
    try:
        yield
    except CheckpointError as error:
        if folder == Path(name):
            raise
        words = str(error).replace(str(folder), name)
        raise CheckpointError(words if len(words) <= 400 else f"{words[:400]}…") from error


def _checked_config(folder: Path, repo: str, limits: Limits) -> GPTConfig:
    """The configuration, within the limits."""
    with calling(folder, repo):
        config = checkpoint.read_config(folder)
    if config.num_parameters > limits.parameters:
        raise CheckpointError(
            f"{repo} is too large: {config.num_parameters:,} parameters; at most {limits.parameters:,} are opened here"
        )
    return config


class _Fetch:
    """One model on its way from the Hub into the cache."""

    def __init__(self, line: Line, cache: Cache, commit: str, anew: bool, progress: Progress):
        self.line, self.cache, self.commit, self.anew, self.progress = line, cache, commit, anew, progress
        self.repo, self.limits, self.done = line.repo, line.limits, 0
        self.weights, self.stated = [WEIGHTS], self._listed()
        self.here = {name: self._in_cache(name, stated) for name, stated in self.stated.items()}

    def _in_cache(self, name: str, stated: Stated) -> bool:
        cache, at = self.cache, (self.commit, name, stated.id)
        return not self.anew and bool(cache.find(*at) or cache.link(*at))

    def run(self, revision: str) -> Path:
        """The folder, once it holds all that is needed."""
        folder = self.cache.snapshot(self.commit)
        if self.limits.disk is not None and not all(self.here.values()):
            make_room(self.cache.root, self.limits.disk - self._total())
        self._obtain(CONFIG)
        with calling(folder, self.repo):
            if checkpoint.read_json(folder / CONFIG).get("chars") is not None:
                self.here[TOKENIZER] = True  # it says nothing more
        self._obtain(TOKENIZER)
        self._obtain(TRAINING)
        self._obtain(NGRAMS)
        config = _checked_config(folder, self.repo, self.limits)
        if SHARDS in self.stated:
            self._obtain(SHARDS)
            with calling(folder, self.repo):
                self._list_shards(checkpoint.shards(folder / SHARDS))
        for name in self.weights:
            where, size, whole = f"{self.repo}/{name}", self.stated[name].size, SHARDS not in self.stated
            self._obtain(name, lambda at=(where, config, size, self.limits.small, whole): Header(*at).hear)
        self.cache.remember(revision, self.commit)
        return folder

    def _listed(self) -> dict[str, Stated]:
        """What the Hub says of the files that a model needs. Raises CheckpointError where one is missing."""
        names = (CONFIG, NGRAMS, TOKENIZER, TRAINING, WEIGHTS, SHARDS, ADAPTER, *PICKLES)
        stated = self.line.files(self.commit, names)
        adapter, pickles = stated.pop(ADAPTER, None), [name for name in PICKLES if stated.pop(name, None)]
        if adapter and not (CONFIG in stated and (WEIGHTS in stated or SHARDS in stated)):
            raise CheckpointError(checkpoint.adapter(self.repo, self._settings(ADAPTER)))
        if CONFIG not in stated:
            raise CheckpointError(f"{self.repo} holds no {CONFIG}; this is not a StriveLM model")
        if WEIGHTS in stated:
            stated.pop(SHARDS, None)
            self._check_size(WEIGHTS, stated[WEIGHTS])
        elif SHARDS not in stated:
            hint = f"; {checkpoint.only_a_pickle(pickles[0])}" if pickles else ""
            raise CheckpointError(f"{self.repo} holds no {WEIGHTS}{hint}")
        if NGRAMS in stated and stated[NGRAMS].size > MAX_FILE_BYTES:
            del stated[NGRAMS]  # which a model can do without
        return stated

    def _settings(self, name: str) -> dict:
        """A small file's JSON object; empty where it holds none."""
        with suppress(ValueError, RecursionError):
            content = json.loads(self.line.read(self.commit, name))
            return content if isinstance(content, dict) else {}
        return {}

    def _list_shards(self, names: list[str]) -> None:
        """Adds the files that hold the weights together to what is to be fetched."""
        stated = self.line.files(self.commit, tuple(names))
        if missing := [name for name in names if name not in stated]:
            raise CheckpointError(f"{self.repo} lacks {missing[0]}, which {SHARDS} says holds weights")
        self._check_size(WEIGHTS, Stated(sum(file.size for file in stated.values()), ""))
        self.here |= {name: self._in_cache(name, file) for name, file in stated.items()}
        self.stated |= stated
        self.weights = names

    def _check_size(self, name: str, stated: Stated) -> None:
        most = MAX_FILE_BYTES if name == NGRAMS else self.limits.small
        if name == WEIGHTS or name in self.weights:
            most = min(self.limits.weights, self.limits.disk or self.limits.weights)
        if stated.size > most:
            raise CheckpointError(
                f"{self.repo} is too large: {name} has {stated.size:,} bytes; at most {most:,} are read here"
            )

    def _total(self) -> int:
        """How many bytes are to be fetched."""
        return sum(stated.size for name, stated in self.stated.items() if not self.here[name])

    def _obtain(self, name: str, reader: Callable[[], Callable[[bytes], None]] = lambda: lambda part: None) -> None:
        """Puts a file into the cache, if the repo has it and the cache has not.

        Args:
            reader: makes, for each try, what looks at each part before it is kept, and may raise.
        """
        if self.here.get(name, True):
            return
        stated, before, total = self.stated[name], self.done, self._total()
        self._check_size(name, stated)

        def once() -> None:
            read, self.done = reader(), before

            def hear(part: bytes) -> None:
                read(part)
                self.done += len(part)
                self.progress(self.done, total)

            with self.cache.incoming(stated.id) as file:
                self.line.fetch(self.commit, name, stated, file, hear)

        for last in (False, True):
            try:
                self.line.tried(once)
                break
            except HubError:
                raise
            except CheckpointError:  # perhaps only what came over the wire is wrong, not what the Hub has
                if last:
                    raise
            except DamagedError:
                if last:
                    words = f"{self.repo} is damaged: twice {name} came with other bytes than the Hub states"
                    raise HubError(f"{words}; try again later") from None
        if self.cache.link(self.commit, name, stated.id) is None:
            raise OSError("what was written there is not what can be read")


class Header:
    """Looks at a safetensors file as it comes in: its header must fit a config before the rest is read.

    The format: eight bytes that say how long the header is, the header in JSON (for each tensor its type, shape and
    place), then the tensors, without gaps (https://huggingface.co/docs/safetensors, "Format").
    """

    def __init__(self, where: str, config: GPTConfig, size: int, most: int, whole: bool = True):
        self.where, self.config, self.size, self.most, self.whole = where, config, size, most, whole
        self._head: bytearray | None = bytearray()

    def hear(self, part: bytes) -> None:
        """Takes the next part of the file. Raises CheckpointError where the header is wrong."""
        if self._head is None:  # it was right
            return
        self._head += part
        if len(self._head) < 8:
            return
        length = int.from_bytes(self._head[:8], "little")
        if length > min(self.most, self.size - 8):
            raise CheckpointError(f"{self.where} is no safetensors file")
        if len(self._head) >= 8 + length:
            self._check(bytes(self._head[8 : 8 + length]))
            self._head = None

    def _check(self, header: bytes) -> None:
        try:
            entries = {name: entry for name, entry in json.loads(header).items() if name != "__metadata__"}
            tensors = {name: (tuple(entry["shape"]), str(entry["dtype"])) for name, entry in entries.items()}
            places = sorted((*map(int, entry["data_offsets"]), name) for name, entry in entries.items())
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError, OverflowError):
            raise CheckpointError(f"{self.where} is no safetensors file") from None
        check_tensors(self.where, tensors, self.config, self.whole)
        end = 0
        for *place, name in places:
            begin, end = end, end + math.prod(tensors[name][0]) * BYTES[tensors[name][1]]
            if place != [begin, end]:
                raise CheckpointError(f"{self.where} is damaged: {name} lies at {place}, expected [{begin}, {end}]")
        if 8 + len(header) + end != self.size:
            raise CheckpointError(f"{self.where} is damaged: {self.size:,} bytes, expected {8 + len(header) + end:,}")
