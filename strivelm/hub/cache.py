"""Where files from the Hub are kept: huggingface_hub's own cache, whose files are checked before they are used.

Its layout (huggingface_hub's guide "Understand caching") is shared with transformers and with `hf download`:

    models--owner--name/refs/REVISION      the commit at which a branch or tag was last seen
    models--owner--name/blobs/ID           a file's bytes; ID is their sha256, or of a small file their git blob id
    models--owner--name/snapshots/COMMIT/  links into blobs/, under the names that the files have in the repo

A file counts only if its bytes still have their ID, and if it is a regular file inside the cache.
"""

import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from huggingface_hub import scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from strivelm.files import sweep

COMMIT = re.compile(r"[0-9a-f]{40}")
ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
PIECE = 1 << 20  # bytes read at a time
INCOMPLETE = f"*.{'[0-9a-f]' * 8}.incomplete"  # this module's; huggingface_hub resumes its own


def hasher(id: str, size: int):
    """A hash object whose hexdigest over a file of that size is the file's ID: a sha256, or git's blob id."""
    if len(id) == 64:
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def has_id(path: Path, id: str) -> bool:
    """Whether a file's bytes have that ID. Raises OSError if it can't be read."""
    with path.open("rb") as file:
        digest = hasher(id, os.fstat(file.fileno()).st_size)
        while part := file.read(PIECE):
            digest.update(part)
    return digest.hexdigest() == id


class Cache:
    """One repo's part of a cache.

    Args:
        root: the cache's folder; made when something is kept.
        repo: "owner/name", which the caller has checked.
    """

    def __init__(self, root: Path, repo: str):
        self.root = root.expanduser().resolve()
        self.folder = self.root / f"models--{repo.replace('/', '--')}"

    def commit_of(self, revision: str) -> str | None:
        """The commit at which a branch or tag was last seen; a commit itself; None for what was never seen."""
        if COMMIT.fullmatch(revision):
            return revision
        with suppress(OSError, ValueError):
            commit = (self.folder / "refs" / revision).read_text("ascii").strip()
            return commit if COMMIT.fullmatch(commit) else None
        return None

    def remember(self, revision: str, commit: str) -> None:
        """Notes at which commit a branch or tag is; does nothing where the cache is read-only."""
        if self.commit_of(revision) == commit:
            return
        with suppress(OSError):
            path = self._inside(self.folder / "refs" / revision)
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{secrets.token_hex(4)}")
            temporary.write_text(commit, "ascii")
            os.replace(temporary, path)

    def snapshot(self, commit: str) -> Path:
        """The folder of a commit's files, which need not exist."""
        return self.folder / "snapshots" / commit

    def find(self, commit: str, name: str, id: str | None = None) -> Path | None:
        """A commit's file, if it is there and undamaged; None also if a link leads out of the cache.

        Args:
            id: the ID that the Hub gives; None takes the one that the link in the cache names.
        """
        path = self.snapshot(commit) / name
        with suppress(OSError):
            id = id or (Path(os.readlink(path)).name if path.is_symlink() else None)
        return path if self._is_intact(path, id) else None

    def link(self, commit: str, name: str, id: str) -> Path | None:
        """A commit's file, made as a link to bytes in the cache; None if these are missing or damaged."""
        if not self._is_intact(blob := self.folder / "blobs" / id, id):
            return None
        path = self._inside(self.snapshot(commit) / name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{name}.{secrets.token_hex(4)}")
        try:
            temporary.symlink_to(Path("..", "..", "blobs", id))
        except OSError:  # a file system without links
            shutil.copyfile(blob, temporary)
        os.replace(temporary, path)
        return path

    @contextmanager
    def incoming(self, id: str) -> Iterator[BinaryIO]:
        """A file for bytes that are being received; kept under their ID if the block ends without an error.

        Raises OSError where it can't be written.
        """
        blob = self._inside(self.folder / "blobs" / id)
        blob.parent.mkdir(parents=True, exist_ok=True)
        sweep(blob.parent, INCOMPLETE)
        temporary = blob.with_name(f"{id}.{secrets.token_hex(4)}.incomplete")
        try:
            with temporary.open("xb") as file:
                yield file
            os.replace(temporary, blob)
        finally:
            temporary.unlink(missing_ok=True)

    def _inside(self, path: Path) -> Path:
        """A path to write to. Raises OSError where a link on the way leads out of the cache."""
        if not path.parent.resolve().is_relative_to(self.root):
            raise OSError(f"{path.parent} leads out of the cache; remove it")
        return path

    def _is_intact(self, path: Path, id: str | None) -> bool:
        try:
            real = path.resolve(strict=True)
            status = real.stat()
            if not (real.is_relative_to(self.root) and stat.S_ISREG(status.st_mode)):
                return False
            if id is not None and not (ID.fullmatch(id) and has_id(real, id)):
                return False
        except (OSError, RuntimeError):  # RuntimeError: links that form a cycle
            return False
        with suppress(OSError):
            os.utime(real, (time.time(), status.st_mtime))  # for make_room: many file systems don't record reads
        return True


def sweep_downloads(root: Path) -> None:
    """Removes the incomplete downloads that killed processes left anywhere in a cache."""
    sweep(root, f"models--*/blobs/{INCOMPLETE}")


def make_room(root: Path, most: int) -> None:
    """Removes the least recently used revisions until the cache holds at most `most` bytes."""
    try:
        cache = scan_cache_dir(root)
    except (CacheNotFound, ValueError):
        return
    # A revision counts as used when its least recently used file was: revisions share files.
    uses = [
        (min((file.blob_last_accessed for file in revision.files), default=0.0), revision.commit_hash)
        for repo in cache.repos
        for revision in repo.revisions
    ]
    chosen: list[str] = []
    strategy = cache.delete_revisions()
    for _, commit in sorted(uses):
        if cache.size_on_disk - strategy.expected_freed_size <= most:
            break
        chosen.append(commit)
        strategy = cache.delete_revisions(*chosen)
    if chosen:
        strategy.execute()
