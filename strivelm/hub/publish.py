"""Pushes a model folder to the Hub in one commit, and the snapshots of its training as further revisions.

What is on the Hub already is not sent again, so a push that was interrupted can be repeated. Only files that an allow
list names are sent. A snapshot is a branch, step-N, that begins at the repo's first commit: it holds that model and
nothing else, and can be pushed again. (A tag would need a commit of its own on some branch, and could not be moved to
a corrected one; `revision="step-500"` opens both.) What the snapshots are stands in snapshots.json beside the model.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard

from strivelm import checkpoint, manifest, steps
from strivelm.checkpoint import CheckpointError
from strivelm.hub import model_card
from strivelm.hub.cache import has_id
from strivelm.hub.client import HubClient, HubError, Limits, checked_name
from strivelm.hub.upload import Operation, check_card, check_rights, hub_session, repo_info, with_retry
from strivelm.manifest import MANIFEST, Manifest

CARD = "README.md"

Report = Callable[[int, int, str], None]
"""Called with the number of revisions done, the number in all, and the name of the next one ("" at the end)."""


def check(
    repo: str,
    *,
    private: bool | None = None,
    license: str | None = None,
    token: str | None = None,
    wait: float = 60.0,
) -> str:
    """The address at which `push` would put a model; nothing is written.

    Args:
        repo: "owner/name".
        private: whether the repo must not be public.
        license: the card's license, which the Hub checks; None checks nothing.
        token: None takes the saved one (`hf auth login`, HF_TOKEN).
        wait: seconds of silence after which the Hub counts as unreachable.

    Raises:
        HubError: no token, or one that may not write there; another model has that name; the Hub can't be reached, or
            does not know the license.
    """
    checked_name(repo, None)
    with hub_session(Operation(repo), wait) as make_api:
        with_retry(lambda: _check_remote(make_api(token), client_of(repo, token, wait), private))
        if license is not None:
            with_retry(lambda: check_card(make_api(token), f"---\nlicense: {license}\n---\n", "model"))
        return f"{make_api(token).endpoint}/{repo}"


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
        private: whether the repo is private; None leaves it to the Hub's own default.
        revision: a branch, made if missing; "main" if None.
        snapshots: whether each of the folder's snapshots/step-N becomes the revision step-N, and snapshots.json says
            what they are.
        license: what the card says, such as "mit"; None leaves it as the card has it.
        message: the commit's; None names the step and the validation loss.
        token, wait: as for `check`.
        progress: called before each revision and at the end.

    Raises:
        CheckpointError: the folder holds no whole model, or a snapshot that is not what training wrote.
        HubError: as `check`; or the connection broke, and the push has to be repeated.
    """
    folders = _folders_by_branch(Path(folder), repo, revision, snapshots)
    listed = _manifests(Path(folder), folders, snapshots)
    address = check(repo, private=private, token=token, wait=wait)
    with hub_session(Operation(repo), wait) as make_api:
        api = make_api(token)
        _check_cards(api, repo, folders, license)
        with_retry(lambda: api.create_repo(repo, private=private, exist_ok=True))
        for done, (branch, source) in enumerate(folders.items()):
            if progress is not None:
                progress(done, len(folders), branch)
            there = Revision(api, client_of(repo, token, wait), branch)
            with_retry(lambda r=there, s=source, b=branch: r.update(s, license, message, listed.get(b)))
        if progress is not None:
            progress(len(folders), len(folders), "")
    return address if revision in (None, "main") else f"{address}/tree/{revision}"


@dataclass(frozen=True)
class Planned:
    """What a push would do to one revision."""

    branch: str
    sent: dict[str, int]
    """The bytes of the files that would be sent, by name."""
    removed: tuple[str, ...]
    """The files of an earlier model there that would be removed."""
    license: str | None
    """What the card would say."""


def plan(
    folder: str | Path,
    repo: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    snapshots: bool = False,
    license: str | None = None,
    token: str | None = None,
    wait: float = 60.0,
) -> tuple[str, list[Planned]]:
    """The address, and what `push` with the same arguments would do there, after the same checks; nothing is written.

    Raises CheckpointError and HubError as `push` does.
    """
    folders = _folders_by_branch(Path(folder), repo, revision, snapshots)
    listed = _manifests(Path(folder), folders, snapshots)
    address = check(repo, private=private, token=token, wait=wait)
    with hub_session(Operation(repo), wait) as make_api:
        api = make_api(token)
        _check_cards(api, repo, folders, license)
        exists = with_retry(lambda: repo_info(api.model_info, repo, ["private"])) is not None
        found = []
        for branch, source in folders.items():
            revision_ = Revision(api, client_of(repo, token, wait), branch)
            there = exists and with_retry(revision_.exists)
            operations = with_retry(
                lambda r=revision_, s=source, t=there, b=branch: r.operations(s, license, listed.get(b), t)
            )
            sent = {op.path_in_repo: op.upload_info.size for op in operations if isinstance(op, CommitOperationAdd)}
            gone = tuple(op.path_in_repo for op in operations if isinstance(op, CommitOperationDelete))
            found.append(Planned(branch, sent, gone, license or _license(source)))
        return address, found


def _folders_by_branch(folder: Path, repo: str, revision: str | None, snapshots: bool) -> dict[str, Path]:
    """The folders that are pushed, by branch. Raises CheckpointError where one of them holds no whole model."""
    folders = {checked_name(repo, revision)[1]: folder}
    if snapshots:
        folders |= steps.folders(folder)
        if len(folders) == 1:
            raise HubError(f"{folder} holds no snapshots; train with --snapshots N to keep some")
    for source in folders.values():
        checkpoint.load(source)
    return folders


def _manifests(folder: Path, folders: dict[str, Path], snapshots: bool) -> dict[str, Manifest]:
    """The manifest for the branch that gets the run's model, where its snapshots are pushed as well."""
    return {branch: manifest.checked(folder) for branch, source in folders.items() if snapshots and source == folder}


def _check_cards(api: HfApi, repo: str, folders: dict[str, Path], license: str | None) -> None:
    """Raises the errors of the cards, before anything is created. The Hub checks the first one."""
    for i, (branch, source) in enumerate(folders.items()):
        text = _card(source / CARD, None, repo, branch, license)
        if text is not None and i == 0:
            with_retry(lambda card=text: check_card(api, card, "model"))


def _license(folder: Path) -> str | None:
    path = folder / CARD
    license = (
        ModelCard(path.read_text("utf-8"), ignore_metadata_errors=True).data.get("license") if path.is_file() else None
    )
    return license if isinstance(license, str) else None


def _card(
    path: Path, theirs: str | None, repo: str, branch: str, license: str | None, listed: Manifest | None = None
) -> str | None:
    """The card to push; if the folder has none, `theirs`, which may be None."""
    if not path.is_file():
        return theirs
    try:
        return model_card.prepared(path.read_text("utf-8"), theirs, repo, branch, license, listed)
    except ValueError as error:
        raise HubError(str(error)) from None


class Revision:
    """One branch of a repo, and what has to be sent there."""

    def __init__(self, api: HfApi, client: HubClient, branch: str):
        self.api, self.client, self.repo, self.branch = api, client, client.repo, branch

    def update(self, folder: Path, license: str | None, message: str | None, listed: Manifest | None) -> None:
        """Makes the branch hold what the folder holds, in one commit; in none if it already does."""
        self.make()
        self.commit(self.operations(folder, license, listed), message or _message(folder))

    def make(self) -> None:
        """Makes the branch, where it is not there yet, at the repo's first commit."""
        if self.branch != "main" and not self.exists():
            first = self.api.list_repo_commits(self.repo)[-1].commit_id
            self.api.create_branch(self.repo, branch=self.branch, revision=first, exist_ok=True)

    def commit(self, operations: Sequence[CommitOperationAdd | CommitOperationDelete], message: str) -> None:
        """Makes one commit; none where there is nothing to do."""
        if operations:
            self.api.create_commit(self.repo, operations, commit_message=message, revision=self.branch)

    def operations(
        self, folder: Path, license: str | None, listed: Manifest | None = None, there: bool = True
    ) -> list[CommitOperationAdd | CommitOperationDelete]:
        """The commit operations that make the branch hold what the folder does; empty if it already does.

        Args:
            listed: what the snapshots are that are pushed as well; None leaves what the Hub's snapshots.json says.
            there: whether the branch exists.
        """
        remote = self.client.files(self.branch, (*checkpoint.FILES, MANIFEST)) if there else {}
        operations: list[CommitOperationAdd | CommitOperationDelete] = []
        if listed is not None:
            content = listed.to_bytes()
            if MANIFEST not in remote or self.client.read(self.branch, MANIFEST) != content:
                operations.append(CommitOperationAdd(MANIFEST, content))
        elif MANIFEST in remote:
            content = self.client.read(self.branch, MANIFEST)
            with suppress(CheckpointError):  # what somebody else left there is no reason not to push
                listed = manifest.parse(content, MANIFEST)
        for name in checkpoint.FILES:
            path = folder / name
            if name == CARD:
                theirs = self.client.read(self.branch, CARD).decode("utf-8", "replace") if CARD in remote else None
                text = _card(path, theirs, self.repo, self.branch, license, listed)
                if text is not None and text != theirs:
                    operations.append(CommitOperationAdd(CARD, text.encode()))
            elif not path.is_file():
                if name in remote:  # an earlier model's file, which would be wrong for this one
                    operations.append(CommitOperationDelete(name))
            elif name not in remote or not has_id(path, remote[name].id):
                operations.append(CommitOperationAdd(name, path))
        return operations

    def exists(self) -> bool:
        """Whether the branch is there. Raises HubError where a tag has its name."""
        if self.branch == "main":
            return True
        refs = self.api.list_repo_refs(self.repo)
        if any(tag.name == self.branch for tag in refs.tags):
            raise HubError(f"{self.repo} has a tag {self.branch}, which can't be pushed to; delete it, or name another")
        return any(branch.name == self.branch for branch in refs.branches)


def _message(folder: Path) -> str:
    """The commit message: the step and the validation loss."""
    path = folder / checkpoint.TRAINING
    best = checkpoint.read_json(path).get("best") if path.is_file() else None
    if not isinstance(best, dict) or not isinstance(best.get("step"), int):
        return "A StriveLM model"
    loss = best.get("validation")
    return f"Step {best['step']}" + (f", validation loss {loss:.4f}" if isinstance(loss, float) else "")


def client_of(repo: str, token: str | None, wait: float) -> HubClient:
    """A client that asks once: `with_retry` asks again."""
    return HubClient(repo, Limits(wait=wait, max_attempts=1), token)


def _is_ours(config: bytes) -> bool:
    try:
        content = json.loads(config)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "block_size" in content


def _check_remote(api: HfApi, client: HubClient, private: bool | None) -> None:
    """Raises HubError if the Hub would refuse a push, or if it would overwrite another model."""
    repo = client.repo
    check_rights(Operation(repo), api.whoami())
    info = repo_info(api.model_info, repo, ["private"])
    if info is None:
        return
    api.auth_check(repo, write=True)
    if private and not info.private:
        raise HubError(f"{repo} is on the Hub and public; make it private in its settings, or push to another name")
    name = checkpoint.CONFIG
    if name in client.files("main", (name,)) and not _is_ours(client.read("main", name)):
        raise HubError(f"{repo} is taken: it holds another model, which is not StriveLM's; choose another name")
