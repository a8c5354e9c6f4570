"""Reading from the Hub: the time and the size of every response are limited, every error is one sentence.

Requests go through huggingface_hub's own session (`get_session`: proxies, offline mode, a client that the user set)
but not through `hf_hub_download`, which accepts wrong bytes of the right length, waits as long as a server asks it to,
and can't be stopped.
"""

import json
import math
import os
import re
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import quote, urlsplit
from urllib.request import getproxies

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import build_hf_headers, get_session, parse_ratelimit_headers, validate_repo_id

from strivelm.checkpoint import MAX_JSON_BYTES, CheckpointError
from strivelm.config import MAX_PARAMETERS
from strivelm.hub.cache import COMMIT, ID, hasher

# Git's own rules, narrowed to what needs no quoting; each part begins with a letter, a digit or an underscore.
REVISION = re.compile(r"(?!.*(\.\.|\.lock(/|$)))\w[\w.#+=-]*(/\w[\w.#+=-]*)*", re.ASCII)
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
"""The variables, in lower case or upper, that name a proxy."""
TRANSIENT = (408, 429, 500, 502, 503, 504)
"""HTTP statuses after which a request is repeated."""
T = TypeVar("T")
NO_HUB = "it does not answer as the Hub does; is HF_ENDPOINT right?"


class HubError(CheckpointError):
    """The Hub does not have it, or refuses it. The message says what and, if there is a remedy, what to do."""


class NotFoundError(HubError):
    """The Hub shows no such repo to this user. `explicit` is whether the response says so, beside the status 404."""

    def __init__(self, message: str, explicit: bool = True):
        super().__init__(message)
        self.explicit = explicit


class UnreachableError(HubError):
    """The Hub can't be reached now.

    `retry_after` is the number of seconds after which it allows a retry, if it says so; inf where a retry can't help.
    """

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message)
        self.retry_after = retry_after


class DamagedError(Exception):
    """The received bytes do not have the size or the checksum that the Hub states."""


@dataclass(frozen=True)
class Limits:
    """What may be opened, and how long it may take."""

    parameters: int = MAX_PARAMETERS
    """How many parameters a model may have."""
    weights: int = 64 << 30
    """How many bytes model.safetensors may have."""
    small: int = MAX_JSON_BYTES
    """How many bytes each other file, the weights' header and each response of the Hub may have."""
    wait: float = 30.0
    """Seconds of silence after which the Hub counts as unreachable."""
    seconds: float = 3600.0
    """Seconds for everything together; a request that is waiting then may still take `wait` seconds."""
    max_attempts: int = 3
    """How often a request is made at most, where a retry may help."""
    retry_delay: float = 1.0
    """Seconds before the second attempt; doubled before each further one."""
    disk: int | None = None
    """How many bytes the cache may hold; the least recently used files are removed. With a limit the cache is one of
    StriveLM's own, so that no other library's files are removed. None removes nothing."""
    public: bool = False
    """Whether strangers choose: then only "bundled" and "owner/name" on the Hub are opened, never a folder, and no
    token is sent, as it could open its owner's private repos to them."""


OWN = Limits()
"""For the user's own machine."""
PUBLIC = Limits(
    parameters=50_000_000, weights=256 << 20, small=1 << 20, wait=10.0, seconds=60.0, disk=2 << 30, public=True
)
"""For a page that everybody can reach."""


@dataclass(frozen=True)
class RemoteFile:
    """A file in a repo, as the Hub lists it."""

    size: int
    """In bytes."""
    id: str
    """The sha256 of a large file, the git blob id of a small one."""


def named_proxies() -> dict[str, str]:
    """The addresses of the proxies that environment variables name, by variable."""
    return {name: address for name, address in os.environ.items() if name.lower() in PROXIES and address}


def unusable_proxy(error: Exception) -> str:
    """A sentence: which environment variable names a proxy that can't be used, and why."""
    names = named_proxies()
    socks = any(address.lower().startswith("socks") for address in names.values())
    how = "a SOCKS proxy needs one more package: pip install socksio" if socks else "expected http://host:port"
    why = str(error).split(". ")[0]
    return f"{' and '.join(sorted(names)) or 'the proxy'} can't be used ({why}); {how}"


def repo_in_address(address: str) -> str | None:
    """The "owner/name" or "owner/name@revision" of a model's address on the Hub; None for other texts."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https", "hf") or not parts.netloc:
        return None
    path = f"{parts.netloc}{parts.path}" if parts.scheme == "hf" else parts.path
    owner, name, verb, revision, *_ = [*filter(None, path.split("/")), "", "", "", ""]
    if owner in ("spaces", "datasets", "api"):
        return None
    name = f"{owner}/{name}" + (f"@{revision}" if verb in ("tree", "blob", "resolve", "commit") and revision else "")
    with suppress(CheckpointError):
        repo, at, revision = name.partition("@")
        checked_name(repo, revision if at else None)
        return name
    return None


def checked_name(repo: str, revision: str | None) -> tuple[str, str]:
    """A repo's name and revision ("main" for None). Raises CheckpointError for what can be neither on the Hub."""
    try:
        validate_repo_id(repo)
        if "/" not in repo:
            raise HFValidationError
    except HFValidationError:
        raise CheckpointError(f"{repo!r} is no name of a Hub repo; expected owner/name") from None
    if revision is not None and not (len(revision) <= 200 and REVISION.fullmatch(revision)):
        raise CheckpointError(f"{revision!r} is no revision; expected a branch, a tag or a commit, such as step-500")
    return repo, revision or constants.DEFAULT_REVISION


class HubClient:
    """Reads one repo of the Hub within limits.

    Every method raises HubError where the Hub refuses, and UnreachableError where it can't be reached.
    """

    def __init__(self, repo: str, limits: Limits, token: str | bool | None = None):
        self.repo, self.limits = repo, limits
        self._end = time.monotonic() + limits.seconds
        try:
            self._headers = build_hf_headers(token=False if limits.public else token, library_name="strivelm")
        except LocalTokenNotFoundError:
            raise HubError(
                "no token is saved on this machine, but one was asked for; log in with `hf auth login`"
            ) from None
        self._headers["Accept-Encoding"] = "identity"  # sizes are those of the files, not of compressed responses

    def commit(self, revision: str) -> str:
        """The commit at which a branch or tag is."""
        path = f"/api/models/{self.repo}/revision/{quote(revision, safe='')}"
        try:
            answer = self._json("GET", f"{path}?expand=sha")
        except NotFoundError as error:
            if error.explicit:
                raise
            answer = self._json("GET", path)  # a mirror without ?expand (Artifactory: 404)
        commit = answer.get("sha") if isinstance(answer, dict) else None
        if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
            raise UnreachableError(NO_HUB)
        return commit

    def revisions(self) -> dict[str, str]:
        """The commits at which the repo's branches and tags are, by name; a branch goes before a tag."""
        answer, found = self._json("GET", f"/api/models/{self.repo}/refs"), {}
        try:
            for kind in ("tags", "branches"):
                found |= {one["name"]: one["targetCommit"] for one in answer.get(kind) or ()}
            if not all(isinstance(name, str) and COMMIT.fullmatch(commit) for name, commit in found.items()):
                raise TypeError
        except (AttributeError, LookupError, TypeError):
            raise UnreachableError(NO_HUB) from None
        return found

    def files(self, revision: str, names: tuple[str, ...]) -> dict[str, RemoteFile]:
        """Those of the named files that the repo has; others are never listed."""
        form, found = {"paths": list(names), "expand": "false"}, {}
        try:
            for entry in self._json("POST", f"/api/models/{self.repo}/paths-info/{quote(revision, safe='')}", form):
                if entry["type"] == "file" and entry["path"] in names:
                    large = entry.get("lfs")
                    size, id = (large["size"], large["oid"]) if large else (entry["size"], entry["oid"])
                    if type(size) is not int or size < 0 or not ID.fullmatch(id):
                        raise TypeError
                    found[entry["path"]] = RemoteFile(size, id)
        except (AttributeError, LookupError, TypeError):
            raise UnreachableError(NO_HUB) from None
        return found

    def read(self, revision: str, name: str) -> bytes:
        """A small file's bytes."""
        try:
            return self.retry(lambda: b"".join(self._stream("GET", self._path_of(revision, name), self.limits.small)))
        except DamagedError:
            raise HubError(f"{self.repo}: {name} has more than {self.limits.small:,} bytes") from None

    def fetch(
        self, revision: str, name: str, remote: RemoteFile, into: BinaryIO, on_part: Callable[[bytes], None]
    ) -> None:
        """Writes a file's bytes; each part is first given to `on_part`, which may raise.

        Raises DamagedError where they are not those that the Hub states, and OSError where they can't be written.
        """
        digest, size = hasher(remote.id, remote.size), 0
        with closing(self._stream("GET", self._path_of(revision, name), remote.size)) as parts:
            for part in parts:
                on_part(part)
                digest.update(part)
                into.write(part)
                size += len(part)
        if size != remote.size or digest.hexdigest() != remote.id:
            raise DamagedError

    def copy(self, revision: str, name: str, remote: RemoteFile, to: Path, on_part: Callable[[bytes], None]) -> None:
        """Puts a file's bytes into a folder of this machine, where nothing of that name may be.

        Raises HubError where they are twice not those that the Hub states, and OSError where they can't be written.
        """
        with to.open("xb") as file:

            def once() -> None:
                file.seek(0)
                file.truncate()
                self.fetch(revision, name, remote, file, on_part)

            for last in (False, True):
                try:
                    return self.retry(once)
                except DamagedError:
                    if last:
                        words = f"{name} was received twice with other bytes than the Hub states"
                        raise HubError(f"{self.repo} is damaged at {revision}: {words}; try again later") from None

    def retry(self, request: Callable[[], T]) -> T:
        """What `request` returns; after an UnreachableError it is called again, `max_attempts` times in all."""
        attempt = 0
        while True:
            try:
                return request()
            except UnreachableError as error:
                delay = self.limits.retry_delay * 2**attempt if error.retry_after is None else error.retry_after
                if attempt + 1 >= self.limits.max_attempts or time.monotonic() + delay > self._end:
                    raise
                time.sleep(delay)
                attempt += 1

    def _path_of(self, revision: str, name: str) -> str:
        return f"/{self.repo}/resolve/{quote(revision, safe='')}/{name}"

    def _json(self, method: str, path: str, form: dict | None = None):
        try:
            return json.loads(self.retry(lambda: b"".join(self._stream(method, path, self.limits.small, form))))
        except (ValueError, RecursionError, DamagedError) as error:
            if isinstance(error, HubError):  # a ValueError, too
                raise
            raise UnreachableError(NO_HUB) from None

    def _stream(self, method: str, path: str, max_bytes: int, form: dict | None = None) -> Generator[bytes, None, None]:
        """The parts of a response's body. Raises DamagedError where it has more bytes than `max_bytes`."""
        size, left = 0, self._end - time.monotonic()
        try:
            with get_session().stream(
                method,
                constants.ENDPOINT + path,
                data=form,
                headers=self._headers,
                timeout=max(0.001, min(self.limits.wait, left)),
                follow_redirects=True,  # to the CDN; the session keeps the token for the Hub's own origin
            ) as response:
                self._check_status(response)
                for part in response.iter_bytes():
                    size += len(part)
                    if size > max_bytes:
                        raise DamagedError
                    yield part
                    if time.monotonic() > self._end:
                        raise UnreachableError(f"it took more than {self.limits.seconds:g} seconds")
        except OfflineModeIsEnabled:
            raise UnreachableError("HF_HUB_OFFLINE is set", math.inf) from None
        except (ImportError, ValueError) as error:  # what the client raises for a proxy that it can't use
            if isinstance(error, HubError | httpx2.InvalidURL) or not getproxies():
                raise
            raise UnreachableError(unusable_proxy(error), math.inf) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise UnreachableError(": ".join(filter(None, (type(error).__name__, str(error))))) from error

    def _check_status(self, response: httpx2.Response) -> None:
        """Raises the error that a status of 400 or above means."""
        status, code = response.status_code, response.headers.get("X-Error-Code", "")
        if status < 400:
            return
        if status in TRANSIENT:
            after, limit = response.headers.get("Retry-After", ""), parse_ratelimit_headers(response.headers)
            seconds = (
                limit.reset_in_seconds if limit and not limit.remaining else int(after) if after.isdecimal() else None
            )
            words = f"; it allows a retry after {seconds} seconds" if seconds else ""
            raise UnreachableError(f"it answers {status} {response.reason_phrase}{words}", seconds)
        if not str(response.url).startswith(constants.ENDPOINT):  # a signed address, which has expired
            raise UnreachableError(f"its storage answers {status} {response.reason_phrase}")
        words = " ".join(response.headers.get("X-Error-Message", "").split())[:200]
        if words.startswith("Invalid credentials"):
            raise HubError("the Hub does not know the token that was sent; log in again with `hf auth login`")
        if code == "GatedRepo":
            raise HubError(f"{self.repo} is gated: ask its owner for access at {constants.ENDPOINT}/{self.repo}")
        if code == "RevisionNotFound":
            raise HubError(f"{self.repo} is on the Hub, but has no such revision")
        if code == "RepoNotFound" or (status in (401, 404) and code != "EntryNotFound"):
            mine = "" if self.limits.public or "authorization" in self._headers else "; is it yours? `hf auth login`"
            sentence = f"there is no model {self.repo} on the Hub, or it is private{mine}"
            raise NotFoundError(sentence, explicit=bool(code or words))
        raise HubError(f"the Hub refuses {self.repo}: {status} {words or code}".rstrip())
