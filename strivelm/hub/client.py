"""Asking the Hub: every wait bounded, every answer's size bounded, every refusal one sentence.

The requests go through huggingface_hub's own session (`get_session`: proxies, offline mode, a client of the user's own)
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

# Git's own rules, narrowed to what needs no quoting; a part can't begin with what is not a letter, digit or underscore.
REVISION = re.compile(r"(?!.*(\.\.|\.lock(/|$)))\w[\w.#+=-]*(/\w[\w.#+=-]*)*", re.ASCII)
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
"""The variables, in lower case or upper, that name a proxy."""
PASSING = (408, 429, 500, 502, 503, 504)
T = TypeVar("T")
NO_HUB = "it does not answer as the Hub does; is HF_ENDPOINT right?"


class HubError(CheckpointError):
    """The Hub has no such thing, or refuses it. The message says what and, where it can be helped, what to do."""


class NotFoundError(HubError):
    """The Hub shows no such repo to the one who asks. `named` is whether it gave that as its reason."""

    def __init__(self, message: str, named: bool = True):
        super().__init__(message)
        self.named = named


class UnreachableError(HubError):
    """The Hub can't be asked now.

    `rest` is the number of seconds that it wants to be left alone for, where it says; inf where asking again is vain.
    """

    def __init__(self, message: str, rest: float | None = None):
        super().__init__(message)
        self.rest = rest


class DamagedError(Exception):
    """What came is not what the Hub had stated."""


@dataclass(frozen=True)
class Limits:
    """What may be opened, and how long it may take."""

    parameters: int = MAX_PARAMETERS
    """How many parameters a model may have."""
    weights: int = 64 << 30
    """How many bytes model.safetensors may have."""
    small: int = MAX_JSON_BYTES
    """How many bytes each other file, the weights' header and each answer of the Hub may have."""
    wait: float = 30.0
    """Seconds of silence after which the Hub counts as unreachable."""
    seconds: float = 3600.0
    """Seconds for everything together; a wait that has begun ends by itself."""
    tries: int = 3
    """How often the Hub is asked for what it may have the next time."""
    pause: float = 1.0
    """Seconds before the second try, doubled before each other one."""
    disk: int | None = None
    """How many bytes the cache may hold; what was not used for the longest time goes. With a limit the cache is one of
    StriveLM's own, so that no other library's files go. None removes nothing."""
    public: bool = False
    """Whether strangers choose: then only "bundled" and "owner/name" on the Hub are opened, never a folder, and no
    token is sent, which could open its owner's private repos to them."""


OWN = Limits()
"""For a person's own machine."""
PUBLIC = Limits(
    parameters=50_000_000, weights=256 << 20, small=1 << 20, wait=10.0, seconds=60.0, disk=2 << 30, public=True
)
"""For a page that everybody can reach."""


@dataclass(frozen=True)
class Stated:
    """What the Hub says of a file."""

    size: int
    """In bytes."""
    id: str
    """The sha256 of a large file, the git blob id of a small one."""


def named_proxies() -> dict[str, str]:
    """The addresses of proxies that the environment names, by variable."""
    return {name: address for name, address in os.environ.items() if name.lower() in PROXIES and address}


def unusable_proxy(error: Exception) -> str:
    """What is wrong with the proxy that the environment names, and which variable that is."""
    names = named_proxies()
    socks = any(address.lower().startswith("socks") for address in names.values())
    how = "a SOCKS proxy needs one more package: pip install socksio" if socks else "expected http://host:port"
    why = str(error).split(". ")[0]
    return f"{' and '.join(sorted(names)) or 'the proxy'} can't be used ({why}); {how}"


def name_in(address: str) -> str | None:
    """The "owner/name" or "owner/name@revision" that an address of a model on the Hub means; None for other texts."""
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
    """A repo's name and revision ("main" for None). Raises CheckpointError where the Hub can't have such."""
    try:
        validate_repo_id(repo)
        if "/" not in repo:
            raise HFValidationError
    except HFValidationError:
        raise CheckpointError(f"{repo!r} is no name of a Hub repo; expected owner/name") from None
    if revision is not None and not (len(revision) <= 200 and REVISION.fullmatch(revision)):
        raise CheckpointError(f"{revision!r} is no revision; expected a branch, a tag or a commit, such as step-500")
    return repo, revision or constants.DEFAULT_REVISION


class Line:
    """A bounded conversation with the Hub about one repo.

    Every method raises HubError where the Hub refuses, and UnreachableError where it can't be asked now.
    """

    def __init__(self, repo: str, limits: Limits, token: str | bool | None = None):
        self.repo, self.limits = repo, limits
        self._end = time.monotonic() + limits.seconds
        try:
            self._headers = build_hf_headers(token=False if limits.public else token, library_name="strivelm")
        except LocalTokenNotFoundError:
            raise HubError("no token is saved here, but one is asked for; log in with `hf auth login`") from None
        self._headers["Accept-Encoding"] = "identity"  # the sizes that count are those of the files

    def commit(self, revision: str) -> str:
        """The commit that a branch, a tag or a commit's name stands for."""
        path = f"/api/models/{self.repo}/revision/{quote(revision, safe='')}"
        try:
            told = self._json("GET", f"{path}?expand=sha")
        except NotFoundError as error:
            if error.named:
                raise
            told = self._json("GET", path)  # a mirror that does not know the question (Artifactory answers it by 404)
        commit = told.get("sha") if isinstance(told, dict) else None
        if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
            raise UnreachableError(NO_HUB)
        return commit

    def files(self, revision: str, names: tuple[str, ...]) -> dict[str, Stated]:
        """What the Hub says of those of the named files that the repo has; others are never listed."""
        form, found = {"paths": list(names), "expand": "false"}, {}
        try:
            for entry in self._json("POST", f"/api/models/{self.repo}/paths-info/{quote(revision, safe='')}", form):
                if entry["type"] == "file" and entry["path"] in names:
                    large = entry.get("lfs")
                    size, id = (large["size"], large["oid"]) if large else (entry["size"], entry["oid"])
                    if type(size) is not int or size < 0 or not ID.fullmatch(id):
                        raise TypeError
                    found[entry["path"]] = Stated(size, id)
        except (AttributeError, LookupError, TypeError):
            raise UnreachableError(NO_HUB) from None
        return found

    def read(self, revision: str, name: str) -> bytes:
        """A small file's bytes."""
        try:
            return self.tried(lambda: b"".join(self._parts("GET", self._place(revision, name), self.limits.small)))
        except DamagedError:
            raise HubError(f"{self.repo}: {name} has more than {self.limits.small:,} bytes") from None

    def fetch(self, revision: str, name: str, stated: Stated, into: BinaryIO, heard: Callable[[bytes], None]) -> None:
        """Writes a file's bytes; each part is first given to `heard`, which may raise.

        Raises DamagedError where they are not those that the Hub states, and OSError where they can't be written.
        """
        digest, size = hasher(stated.id, stated.size), 0
        with closing(self._parts("GET", self._place(revision, name), stated.size)) as parts:
            for part in parts:
                heard(part)
                digest.update(part)
                into.write(part)
                size += len(part)
        if size != stated.size or digest.hexdigest() != stated.id:
            raise DamagedError

    def tried(self, ask: Callable[[], T]) -> T:
        """What `ask` returns; it is called again, after a pause, where the Hub could not be reached."""
        attempt = 0
        while True:
            try:
                return ask()
            except UnreachableError as error:
                pause = self.limits.pause * 2**attempt if error.rest is None else error.rest
                if attempt + 1 >= self.limits.tries or time.monotonic() + pause > self._end:
                    raise
                time.sleep(pause)
                attempt += 1

    def _place(self, revision: str, name: str) -> str:
        return f"/{self.repo}/resolve/{quote(revision, safe='')}/{name}"

    def _json(self, method: str, path: str, form: dict | None = None):
        try:
            return json.loads(self.tried(lambda: b"".join(self._parts(method, path, self.limits.small, form))))
        except (ValueError, RecursionError, DamagedError) as error:
            if isinstance(error, HubError):  # a ValueError, too
                raise
            raise UnreachableError(NO_HUB) from None

    def _parts(self, method: str, path: str, most: int, form: dict | None = None) -> Generator[bytes, None, None]:
        """The parts of an answer's body. Raises DamagedError where it has more bytes than `most`."""
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
                self._refuse(response)
                for part in response.iter_bytes():
                    size += len(part)
                    if size > most:
                        raise DamagedError
                    yield part
                    if time.monotonic() > self._end:
                        raise UnreachableError(f"it took more than {self.limits.seconds:g} seconds")
        except OfflineModeIsEnabled:
            raise UnreachableError("HF_HUB_OFFLINE is set", math.inf) from None
        except (ImportError, ValueError) as error:  # what the client raises over a proxy that it can't use
            if isinstance(error, HubError | httpx2.InvalidURL) or not getproxies():
                raise
            raise UnreachableError(unusable_proxy(error), math.inf) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise UnreachableError(": ".join(filter(None, (type(error).__name__, str(error))))) from error

    def _refuse(self, response: httpx2.Response) -> None:
        """Raises what a status of 400 and above means."""
        status, code = response.status_code, response.headers.get("X-Error-Code", "")
        if status < 400:
            return
        if status in PASSING:
            rest, limit = response.headers.get("Retry-After", ""), parse_ratelimit_headers(response.headers)
            asked = limit.reset_in_seconds if limit and not limit.remaining else int(rest) if rest.isdecimal() else None
            words = f"; it asks for {asked} seconds of rest" if asked else ""
            raise UnreachableError(f"it answers {status} {response.reason_phrase}{words}", asked)
        if not str(response.url).startswith(constants.ENDPOINT):  # an address that was good for a short time only
            raise UnreachableError(f"its storage answers {status} {response.reason_phrase}")
        words = " ".join(response.headers.get("X-Error-Message", "").split())[:200]
        if words.startswith("Invalid credentials"):
            raise HubError("the Hub does not know the token that was sent; log in anew with `hf auth login`")
        if code == "GatedRepo":
            raise HubError(f"{self.repo} is gated: its owner must let you in, at {constants.ENDPOINT}/{self.repo}")
        if code == "RevisionNotFound":
            raise HubError(f"{self.repo} is on the Hub, but has no such revision")
        if code == "RepoNotFound" or (status in (401, 404) and code != "EntryNotFound"):
            mine = "" if self.limits.public or "authorization" in self._headers else "; is it yours? `hf auth login`"
            sentence = f"there is no model {self.repo} on the Hub, or it is private{mine}"
            raise NotFoundError(sentence, named=bool(code or words))
        raise HubError(f"the Hub refuses {self.repo}: {status} {words or code}".rstrip())
