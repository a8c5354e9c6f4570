"""Downloads models from the Hub into the cache: sizes are checked before bytes are fetched, bytes before they are kept.

Nothing in a repo is trusted. The revision is resolved to a commit first. Then the Hub is asked for the few files by
name, however many others there are. config.json comes first and must fit the limits; then the header of the weights,
which must fit config.json. A file without the checksum that the Hub states is fetched once more, then refused.
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
    HubClient,
    HubError,
    Limits,
    NotFoundError,
    RemoteFile,
    UnreachableError,
    checked_name,
    repo_in_address,
)

PICKLES = ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt")

Progress = Callable[[int, int], None]
"""Called with the number of bytes received, and the number in all."""


def folder_of(ref: str | Path, *, revision: str | None = None, **how) -> Path:
    """The folder of a model: `ref` itself if it is a folder, else the folder that `fetch` gives for "owner/name"."""
    if os.path.isdir(ref):  # unlike Path.is_dir, False for '' and for names that no file can have
        if revision is not None:
            raise CheckpointError(f"{ref} is a folder, and a folder has no revision {revision!r}; leave it out")
        return Path(ref)
    try:
        checked_name(str(ref), None)
    except CheckpointError:
        if name := repo_in_address(str(ref)):
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
    except (NotFoundError, UnreachableError) as error:  # perhaps the caller meant a folder
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
    """The folder in the cache that holds a Hub model's files: config.json, weights, and the record of its training.

    If the Hub can't be reached, it is the copy that was fetched before, and a warning says so.

    Args:
        repo: "owner/name".
        revision: a branch, tag or commit; "main" if None.
        limits: what is too large, and what takes too long.
        token: as in huggingface_hub: None for the saved one, False for none.
        cache_dir: where files are kept; None for huggingface_hub's cache, or for one of StriveLM's own if `limits`
            has a size of the disk.
        force_download: fetch again what is in the cache.
        local_files_only: make no request.
        progress: called as bytes are received.

    Raises:
        HubError: no such repo or revision, private, gated, unreachable.
        CheckpointError: not a model of this architecture, too large, damaged; the cache can't be written.
    """
    repo, revision = checked_name(repo, revision)
    cache, reason = Cache(_cache_root(cache_dir, limits), repo), "local_files_only makes no request"
    if not local_files_only:
        try:
            client = HubClient(repo, limits, token)
            on_progress = progress or (lambda done, total: None)
            return _Fetch(client, cache, client.commit(revision), force_download, on_progress).run(revision)
        except UnreachableError as error:
            reason = str(error)
        except OSError as error:
            words = f"can't be kept in the cache {cache.root}: {error.strerror or error}"
            if limits.public:  # visitors need not know where it is; the owner reads it on the terminal
                warnings.warn(f"{repo} {words}", stacklevel=2)
                words = "can't be kept here now, as this page's disk is full or read-only"
            raise CheckpointError(f"{repo} {words}") from error
    commit = cache.commit_of(revision)
    if commit is None or not _is_complete(cache, commit):
        raise UnreachableError(f"the Hub can't be reached ({reason}), and no complete copy of {repo} is in the cache")
    if not (local_files_only or constants.is_offline_mode()):
        warnings.warn(f"the Hub can't be reached ({reason}); {repo} is the copy that was fetched before", stacklevel=2)
    _checked_config(cache.snapshot(commit), repo, limits)
    return cache.snapshot(commit)


def _cache_root(cache_dir: str | Path | None, limits: Limits) -> Path:
    """The cache's folder. Raises CheckpointError if it would be in the home folder and HOME is not set."""
    own = cache_folder(None) / "models" if limits.disk is not None else Path(constants.HF_HUB_CACHE)
    try:
        return Path(cache_dir or own).expanduser()
    except RuntimeError:
        raise CheckpointError(f"the cache would be {own}, but HOME is not set; set HOME or HF_HOME") from None


def _is_complete(cache: Cache, commit: str) -> bool:
    """Whether the cache has all of a model."""
    if not cache.find(commit, CONFIG):
        return False
    if cache.find(commit, WEIGHTS):
        return True
    index = cache.find(commit, SHARDS)
    return bool(index) and all(cache.find(commit, name) for name in checkpoint.shards(index))


@contextmanager
def errors_naming(folder: Path, name: str) -> Iterator[None]:
    """Makes the CheckpointErrors inside name the repo in place of the folder, and cuts them to 400 characters."""
    try:
        yield
    except CheckpointError as error:
        if folder == Path(name):
            raise
        words = str(error).replace(str(folder), name)
        raise CheckpointError(words if len(words) <= 400 else f"{words[:400]}…") from error


def _checked_config(folder: Path, repo: str, limits: Limits) -> GPTConfig:
    """The configuration, within the limits."""
    with errors_naming(folder, repo):
        config = checkpoint.read_config(folder)
    if config.num_parameters > limits.parameters:
        raise CheckpointError(
            f"{repo} is too large: {config.num_parameters:,} parameters; at most {limits.parameters:,} are opened here"
        )
    return config


class _Fetch:
    """The download of one model."""

    def __init__(self, client: HubClient, cache: Cache, commit: str, force: bool, progress: Progress):
        self.client, self.cache, self.commit, self.force, self.progress = client, cache, commit, force, progress
        self.repo, self.limits, self.done = client.repo, client.limits, 0
        self.weights, self.remote = [WEIGHTS], self._list_files()
        self.cached = {name: self._is_cached(name, remote) for name, remote in self.remote.items()}

    def _is_cached(self, name: str, remote: RemoteFile) -> bool:
        cache, at = self.cache, (self.commit, name, remote.id)
        return not self.force and bool(cache.find(*at) or cache.link(*at))

    def run(self, revision: str) -> Path:
        """The folder, after everything that is needed was fetched."""
        folder = self.cache.snapshot(self.commit)
        if self.limits.disk is not None and not all(self.cached.values()):
            make_room(self.cache.root, self.limits.disk - self._total())
        self._obtain(CONFIG)
        with errors_naming(folder, self.repo):
            if checkpoint.read_json(folder / CONFIG).get("chars") is not None:
                self.cached[TOKENIZER] = True  # not needed: config.json has the vocabulary
        self._obtain(TOKENIZER)
        self._obtain(TRAINING)
        self._obtain(NGRAMS)
        config = _checked_config(folder, self.repo, self.limits)
        if SHARDS in self.remote:
            self._obtain(SHARDS)
            with errors_naming(folder, self.repo):
                self._list_shards(checkpoint.shards(folder / SHARDS))
        for name in self.weights:
            size, whole = self.remote[name].size, SHARDS not in self.remote
            at = (f"{self.repo}/{name}", config, size, self.limits.small, whole, checkpoint.with_end_token(folder))
            self._obtain(name, lambda at=at: HeaderCheck(*at).feed)
        self.cache.remember(revision, self.commit)
        return folder

    def _list_files(self) -> dict[str, RemoteFile]:
        """The files that a model needs, by name. Raises CheckpointError if one is missing."""
        names = (CONFIG, NGRAMS, TOKENIZER, TRAINING, WEIGHTS, SHARDS, ADAPTER, *PICKLES)
        remote = self.client.files(self.commit, names)
        adapter, pickles = remote.pop(ADAPTER, None), [name for name in PICKLES if remote.pop(name, None)]
        if adapter and not (CONFIG in remote and (WEIGHTS in remote or SHARDS in remote)):
            raise CheckpointError(checkpoint.adapter(self.repo, self._settings(ADAPTER)))
        if CONFIG not in remote:
            raise CheckpointError(f"{self.repo} holds no {CONFIG}; this is not a StriveLM model")
        if WEIGHTS in remote:
            remote.pop(SHARDS, None)
            self._check_size(WEIGHTS, remote[WEIGHTS])
        elif SHARDS not in remote:
            hint = f"; {checkpoint.only_a_pickle(pickles[0])}" if pickles else ""
            raise CheckpointError(f"{self.repo} holds no {WEIGHTS}{hint}")
        if NGRAMS in remote and remote[NGRAMS].size > MAX_FILE_BYTES:
            del remote[NGRAMS]  # a model works without them
        return remote

    def _settings(self, name: str) -> dict:
        """A small file's JSON object; empty if it holds something else."""
        with suppress(ValueError, RecursionError):
            content = json.loads(self.client.read(self.commit, name))
            return content if isinstance(content, dict) else {}
        return {}

    def _list_shards(self, names: list[str]) -> None:
        """Adds the files that together hold the weights to those that are fetched."""
        remote = self.client.files(self.commit, tuple(names))
        if missing := [name for name in names if name not in remote]:
            raise CheckpointError(f"{self.repo} lacks {missing[0]}, which {SHARDS} says holds weights")
        self._check_size(WEIGHTS, RemoteFile(sum(file.size for file in remote.values()), ""))
        self.cached |= {name: self._is_cached(name, file) for name, file in remote.items()}
        self.remote |= remote
        self.weights = names

    def _check_size(self, name: str, remote: RemoteFile) -> None:
        most = MAX_FILE_BYTES if name == NGRAMS else self.limits.small
        if name == WEIGHTS or name in self.weights:
            most = min(self.limits.weights, self.limits.disk or self.limits.weights)
        if remote.size > most:
            raise CheckpointError(
                f"{self.repo} is too large: {name} has {remote.size:,} bytes; at most {most:,} are read here"
            )

    def _total(self) -> int:
        """How many bytes are to be fetched."""
        return sum(remote.size for name, remote in self.remote.items() if not self.cached[name])

    def _obtain(self, name: str, reader: Callable[[], Callable[[bytes], None]] = lambda: lambda part: None) -> None:
        """Fetches a file into the cache, if the repo has it and the cache does not.

        Args:
            reader: makes, for each attempt, a function that is given each part before it is kept, and may raise.
        """
        if self.cached.get(name, True):
            return
        remote, before, total = self.remote[name], self.done, self._total()
        self._check_size(name, remote)

        def once() -> None:
            read, self.done = reader(), before

            def on_part(part: bytes) -> None:
                read(part)
                self.done += len(part)
                self.progress(self.done, total)

            with self.cache.incoming(remote.id) as file:
                self.client.fetch(self.commit, name, remote, file, on_part)

        for last in (False, True):
            try:
                self.client.retry(once)
                break
            except HubError:
                raise
            except CheckpointError:  # perhaps the bytes were damaged on the way
                if last:
                    raise
            except DamagedError:
                if last:
                    words = f"{self.repo} is damaged: {name} was received twice with other bytes than the Hub states"
                    raise HubError(f"{words}; try again later") from None
        if self.cache.link(self.commit, name, remote.id) is None:
            raise OSError("the bytes read back differ from those written")


class HeaderCheck:
    """Checks a safetensors file while it is received: its header must fit a config before the rest is read.

    The format: eight bytes with the header's length, the header in JSON (each tensor's type, shape and offsets), then
    the tensors, without gaps (https://huggingface.co/docs/safetensors, "Format").
    """

    def __init__(
        self, where: str, config: GPTConfig, size: int, most: int, whole: bool = True, end_token: bool = False
    ):
        self.where, self.config, self.size, self.most, self.whole = where, config, size, most, whole
        self.end_token = end_token
        self._head: bytearray | None = bytearray()

    def feed(self, part: bytes) -> None:
        """Takes the next part of the file. Raises CheckpointError where the header is wrong."""
        if self._head is None:  # it was checked and is right
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
            offsets = sorted((*map(int, entry["data_offsets"]), name) for name, entry in entries.items())
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError, OverflowError):
            raise CheckpointError(f"{self.where} is no safetensors file") from None
        check_tensors(self.where, tensors, self.config, self.whole, self.end_token)
        end = 0
        for *place, name in offsets:
            begin, end = end, end + math.prod(tensors[name][0]) * BYTES[tensors[name][1]]
            if place != [begin, end]:
                raise CheckpointError(f"{self.where} is damaged: {name} lies at {place}, expected [{begin}, {end}]")
        if 8 + len(header) + end != self.size:
            raise CheckpointError(f"{self.where} is damaged: {self.size:,} bytes, expected {8 + len(header) + end:,}")
