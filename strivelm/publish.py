"""A model folder to the Hub: one commit, which can be repeated; the snapshots of its youth as revisions beside it.

What is on the Hub already is not sent again, so that a push that broke off goes on where it was. Only files that an
allow list names are sent. A snapshot is a branch, step-N, that begins at the repo's first commit: it holds that model
and nothing else, and can be pushed again. (A tag would need a commit of its own on some branch, and could not be moved
to a mended one; `revision="step-500"` opens both.)
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import get_session

from strivelm import card, checkpoint
from strivelm.cache import has_id
from strivelm.wire import PASSING, HubError, Limits, Line, UnreachableError, checked_name

CARD = "README.md"
AGAIN = "what was sent is kept: push again to go on"
TOKENS = "https://huggingface.co/settings/tokens"

BROKEN = (httpx2.TransportError, UnreachableError, RuntimeError, ConnectionError, TimeoutError)
"""What says that the network broke off: RuntimeError is huggingface_hub's around others, the last two are hf_xet's."""

Report = Callable[[int, int, str], None]
"""Hears how many revisions are done, of how many, and which one comes next."""


def check(repo: str, *, private: bool | None = None, token: str | None = None, wait: float = 60.0) -> str:
    """The address at which `push` would put a model; nothing is written.

    Args:
        repo: "owner/name".
        private: whether strangers are to be kept out.
        token: None takes the saved one (`hf auth login`, HF_TOKEN).
        wait: seconds of silence after which the Hub counts as unreachable.

    Raises:
        HubError: no token, or one that may not write there; another model has that name; the Hub can't be reached.
    """
    checked_name(repo, None)
    with _said(repo, wait) as api_of:
        _twice(lambda: _examine(api_of(token), _line(repo, token, wait), private))
        return f"{api_of(token).endpoint}/{repo}"


def push(
    folder: str | Path,
    repo: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    snapshots: bool = False,
    license: str | None = None,
    message: str | None = None,
    token: str | None = None,
    progress: Report | None = None,
    wait: float = 60.0,
) -> str:
    """Puts a model folder on the Hub; returns its address there.

    Args:
        folder: a model's or a run's.
        repo: "owner/name"; made if missing.
        private: whether strangers are kept out; None leaves it to the Hub's own default.
        revision: a branch, made if missing; "main" if None.
        snapshots: whether each of the folder's snapshots/step-N becomes the revision step-N.
        license: what the card says, such as "mit"; None leaves it as the card has it.
        message: the commit's; None names the step and the validation loss.
        token, wait: as for `check`.
        progress: hears of each revision.

    Raises:
        CheckpointError: the folder holds no whole model.
        HubError: as `check` does; or the push broke off, and the next one goes on.
    """
    folder = Path(folder)
    places = {checked_name(repo, revision)[1]: folder}
    if snapshots:
        places |= {place.name: place for place in sorted(folder.glob("snapshots/step-*"), key=_step)}
        if len(places) == 1:
            raise HubError(f"{folder} holds no snapshots; train with --snapshots N to keep some")
    for place in places.values():
        checkpoint.load(place)
    address = check(repo, private=private, token=token, wait=wait)
    with _said(repo, wait) as api_of:
        api = api_of(token)
        _twice(lambda: api.create_repo(repo, private=private, exist_ok=True))
        for done, (branch, place) in enumerate(places.items()):
            if progress is not None:
                progress(done, len(places), branch)
            _twice(lambda b=branch, p=place: _Revision(api, _line(repo, token, wait), b).bring(p, license, message))
        if progress is not None:
            progress(len(places), len(places), "")
    return address if revision in (None, "main") else f"{address}/tree/{revision}"


class _Revision:
    """One branch of a repo, and what is missing there."""

    def __init__(self, api: HfApi, line: Line, branch: str):
        self.api, self.line, self.repo, self.branch = api, line, line.repo, branch

    def bring(self, folder: Path, license: str | None, message: str | None) -> None:
        """Makes the branch hold what the folder holds, in one commit, or none where it does already."""
        if self.branch != "main":
            self._make()
        stated = self.line.files(self.branch, checkpoint.FILES)
        operations: list[CommitOperationAdd | CommitOperationDelete] = []
        for name in checkpoint.FILES:
            path = folder / name
            if name == CARD:
                theirs = self.line.read(self.branch, CARD).decode("utf-8", "replace") if CARD in stated else None
                text = self._card(path, theirs, license)
                if text is not None and text != theirs:
                    operations.append(CommitOperationAdd(CARD, text.encode()))
            elif not path.is_file():
                if name in stated:  # of a model that was there before; it would say wrong things of this one
                    operations.append(CommitOperationDelete(name))
            elif name not in stated or not has_id(path, stated[name].id):
                operations.append(CommitOperationAdd(name, path))
        if operations:
            self.api.create_commit(
                self.repo, operations, commit_message=message or _message(folder), revision=self.branch
            )

    def _make(self) -> None:
        """Makes the branch, if it is missing. Raises HubError where a tag has its name."""
        refs = self.api.list_repo_refs(self.repo)
        if any(tag.name == self.branch for tag in refs.tags):
            raise HubError(f"{self.repo} has a tag {self.branch}, which can't be pushed to; delete it, or name another")
        if all(branch.name != self.branch for branch in refs.branches):
            first = self.api.list_repo_commits(self.repo)[-1].commit_id
            self.api.create_branch(self.repo, branch=self.branch, revision=first, exist_ok=True)

    def _card(self, path: Path, theirs: str | None, license: str | None) -> str | None:
        if not path.is_file():
            return theirs
        try:
            return card.prepared(path.read_text("utf-8"), theirs, self.repo, self.branch, license)
        except ValueError as error:
            raise HubError(str(error)) from None


def _step(folder: Path) -> int:
    number = folder.name.removeprefix("step-")
    return int(number) if number.isdecimal() else -1


def _message(folder: Path) -> str:
    """What the commit says: which step, and how good."""
    path = folder / checkpoint.TRAINING
    best = checkpoint.read_json(path).get("best") if path.is_file() else None
    if not isinstance(best, dict) or not isinstance(best.get("step"), int):
        return "A StriveLM model"
    loss = best.get("validation")
    return f"Step {best['step']}" + (f", validation loss {loss:.4f}" if isinstance(loss, float) else "")


def _line(repo: str, token: str | None, wait: float) -> Line:
    return Line(repo, Limits(wait=wait, tries=1), token)  # `_twice` tries again


def _is_ours(config: bytes) -> bool:
    try:
        content = json.loads(config)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "block_size" in content


def _examine(api: HfApi, line: Line, private: bool | None) -> None:
    """Raises HubError where a push would be refused, or where it should be."""
    repo = line.repo
    _check_rights(repo, api.whoami())
    try:
        info = api.model_info(repo, expand=["private"])
    except RepositoryNotFoundError:
        return
    api.auth_check(repo, write=True)
    if private and not info.private:
        raise HubError(f"{repo} is on the Hub and public; make it private in its settings, or push to another name")
    name = checkpoint.CONFIG
    if name in line.files("main", (name,)) and not _is_ours(line.read("main", name)):
        raise HubError(f"{repo} is taken: it holds another model, which is not StriveLM's; choose another name")


def _check_rights(repo: str, person: dict) -> None:
    """Raises HubError where a token, as whoami describes it, can't write to a repo of that owner."""
    owner, name = repo.split("/")[0], person.get("name")
    orgs = {org.get("name"): org.get("roleInOrg") for org in person.get("orgs") or []}
    token = (person.get("auth") or {}).get("accessToken") or {}
    if owner != name and orgs.get(owner, "read") == "read":
        raise HubError(f"{name}, whose token this is, may not write to {owner}'s repos; push to {name}/… instead")
    if token.get("role") == "read":
        raise HubError(f"this token of {name} may only read; make one that may write at {TOKENS}")
    scopes = (token.get("fineGrained") or {}).get("scoped")
    if token.get("role") == "fineGrained" and isinstance(scopes, list):
        granted = {scope["entity"].get("name") for scope in scopes if "repo.write" in scope.get("permissions", ())}
        if not granted & {owner, repo}:
            raise HubError(f"this token of {name} may not write to {repo}; give it 'repo.write' there, at {TOKENS}")


def _twice(act: Callable[[], Any]) -> Any:
    """What a repeatable action returns; it is done once more where the network broke off, or lost the answer."""
    try:
        return act()
    except BROKEN:
        return act()
    except HfHubHTTPError as error:
        if error.response.status_code not in PASSING:
            raise
        return act()


@contextmanager
def _said(repo: str, wait: float) -> Iterator[Callable[[str | None], HfApi]]:
    """Lets no request wait for ever, and says in a sentence what went wrong. Gives what makes the client's API."""
    session = get_session()
    before = session.timeout
    if before == httpx2.Timeout(None):  # the client's own way is to wait for ever
        session.timeout = httpx2.Timeout(wait)
    try:
        yield lambda token: HfApi(token=token, library_name="strivelm")
    except (OSError, ValueError, RuntimeError, httpx2.HTTPError) as error:
        sentence = _sentence(repo, error)
        if sentence is None:
            raise
        raise sentence from error
    finally:
        session.timeout = before


def _sentence(repo: str, error: Exception) -> HubError | None:
    """What an error of the client means; None where it says so itself."""
    cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
    match cause:
        case UnreachableError():
            return UnreachableError(f"the Hub can't be reached ({cause}); {AGAIN}")
        case checkpoint.CheckpointError():
            return None
        case LocalTokenNotFoundError():
            return HubError(f"there is no token to push with: run `hf auth login`, or set HF_TOKEN to one of {TOKENS}")
        case OfflineModeIsEnabled():
            return UnreachableError("HF_HUB_OFFLINE is set, so nothing can be pushed")
        case HfHubHTTPError():
            return _refusal(repo, cause)
        case json.JSONDecodeError():
            return UnreachableError(f"what answers is not the Hub, or the Hub is in trouble; {AGAIN}")
        case ValueError():  # metadata that the Hub does not take, a quota
            return HubError(f"the Hub refuses the push to {repo}: {' '.join(str(cause).split())}")
        case OSError() if cause.filename is not None:  # a file of this machine; hf_xet's errors name none
            return None
    reason = ": ".join(filter(None, (type(cause).__name__, str(cause))))
    return UnreachableError(f"the push to {repo} broke off ({reason}); {AGAIN}")


def _refusal(repo: str, error: HfHubHTTPError) -> HubError:
    """What the Hub's no means."""
    status, words = error.response.status_code, " ".join((error.server_message or "").split())[:300]
    if status in PASSING:
        return UnreachableError(f"the Hub answers {status} {error.response.reason_phrase}; {AGAIN}")
    if status == 401:
        return HubError("the Hub does not know this token; log in anew with `hf auth login`, or set HF_TOKEN")
    if status == 403:
        return HubError(f"this token may not write to {repo} ({words}); see {TOKENS}")
    if status in (409, 412):
        return HubError(f"somebody else changed {repo} at the same moment ({words}); {AGAIN}")
    return HubError(f"the Hub refuses the push to {repo}: {status} {words}".rstrip())
