"""A model folder to the Hub: one commit, which can be repeated; the snapshots of its youth as revisions beside it.

What is on the Hub already is not sent again, so that a push that broke off goes on where it was. Only files that an
allow list names are sent. A snapshot is a branch, step-N, that begins at the repo's first commit: it holds that model
and nothing else, and can be pushed again. (A tag would need a commit of its own on some branch, and could not be moved
to a mended one; `revision="step-500"` opens both.)
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard

from strivelm import checkpoint
from strivelm.hub import model_card
from strivelm.hub.cache import has_id
from strivelm.hub.client import HubError, Limits, Line, checked_name
from strivelm.hub.upload import Errand, check_card, check_rights, info_of, said, twice

CARD = "README.md"

Report = Callable[[int, int, str], None]
"""Hears how many revisions are done, of how many, and which one comes next."""


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
        private: whether strangers are to be kept out.
        license: what a card will say, which the Hub is asked about; None is not asked about.
        token: None takes the saved one (`hf auth login`, HF_TOKEN).
        wait: seconds of silence after which the Hub counts as unreachable.

    Raises:
        HubError: no token, or one that may not write there; another model has that name; the Hub can't be reached, or
            does not know the license.
    """
    checked_name(repo, None)
    with said(Errand(repo), wait) as api_of:
        twice(lambda: _examine(api_of(token), _line(repo, token, wait), private))
        if license is not None:
            twice(lambda: check_card(api_of(token), f"---\nlicense: {license}\n---\n", "model"))
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
    places = _places(Path(folder), repo, revision, snapshots)
    address = check(repo, private=private, token=token, wait=wait)
    with said(Errand(repo), wait) as api_of:
        api = api_of(token)
        _check_cards(api, repo, places, license)
        twice(lambda: api.create_repo(repo, private=private, exist_ok=True))
        for done, (branch, place) in enumerate(places.items()):
            if progress is not None:
                progress(done, len(places), branch)
            twice(lambda b=branch, p=place: _Revision(api, _line(repo, token, wait), b).bring(p, license, message))
        if progress is not None:
            progress(len(places), len(places), "")
    return address if revision in (None, "main") else f"{address}/tree/{revision}"


@dataclass(frozen=True)
class Planned:
    """What a push would do to one revision."""

    branch: str
    sent: dict[str, int]
    """The bytes of the files that would be sent, by name."""
    removed: tuple[str, ...]
    """The files of a model that was there before which would go."""
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
    """What `push` with the same arguments would do, and where to, after all the same checks; nothing is written.

    Raises CheckpointError and HubError as `push` does.
    """
    places = _places(Path(folder), repo, revision, snapshots)
    address = check(repo, private=private, token=token, wait=wait)
    with said(Errand(repo), wait) as api_of:
        api = api_of(token)
        _check_cards(api, repo, places, license)
        exists = twice(lambda: info_of(api.model_info, repo, ["private"])) is not None
        found = []
        for branch, place in places.items():
            revision_ = _Revision(api, _line(repo, token, wait), branch)
            there = exists and twice(revision_.exists)
            operations = twice(lambda r=revision_, p=place, t=there: r.operations(p, license, t))
            sent = {op.path_in_repo: op.upload_info.size for op in operations if isinstance(op, CommitOperationAdd)}
            gone = tuple(op.path_in_repo for op in operations if isinstance(op, CommitOperationDelete))
            found.append(Planned(branch, sent, gone, license or _license(place)))
        return address, found


def _places(folder: Path, repo: str, revision: str | None, snapshots: bool) -> dict[str, Path]:
    """The folders that are pushed, by branch. Raises CheckpointError where one of them holds no whole model."""
    places = {checked_name(repo, revision)[1]: folder}
    if snapshots:
        places |= {place.name: place for place in sorted(folder.glob("snapshots/step-*"), key=_step)}
        if len(places) == 1:
            raise HubError(f"{folder} holds no snapshots; train with --snapshots N to keep some")
    for place in places.values():
        checkpoint.load(place)
    return places


def _check_cards(api: HfApi, repo: str, places: dict[str, Path], license: str | None) -> None:
    """Raises what would be wrong with a card, before anything is made. The Hub is asked of the first one."""
    for i, (branch, place) in enumerate(places.items()):
        text = _card(place / CARD, None, repo, branch, license)
        if text is not None and i == 0:
            twice(lambda card=text: check_card(api, card, "model"))


def _license(folder: Path) -> str | None:
    path = folder / CARD
    said = (
        ModelCard(path.read_text("utf-8"), ignore_metadata_errors=True).data.get("license") if path.is_file() else None
    )
    return said if isinstance(said, str) else None


def _card(path: Path, theirs: str | None, repo: str, branch: str, license: str | None) -> str | None:
    """The card as it is pushed; theirs, or None, where the folder has none."""
    if not path.is_file():
        return theirs
    try:
        return model_card.prepared(path.read_text("utf-8"), theirs, repo, branch, license)
    except ValueError as error:
        raise HubError(str(error)) from None


class _Revision:
    """One branch of a repo, and what is missing there."""

    def __init__(self, api: HfApi, line: Line, branch: str):
        self.api, self.line, self.repo, self.branch = api, line, line.repo, branch

    def bring(self, folder: Path, license: str | None, message: str | None) -> None:
        """Makes the branch hold what the folder holds, in one commit, or none where it does already."""
        if self.branch != "main" and not self.exists():
            first = self.api.list_repo_commits(self.repo)[-1].commit_id
            self.api.create_branch(self.repo, branch=self.branch, revision=first, exist_ok=True)
        if operations := self.operations(folder, license):
            self.api.create_commit(
                self.repo, operations, commit_message=message or _message(folder), revision=self.branch
            )

    def operations(
        self, folder: Path, license: str | None, there: bool = True
    ) -> list[CommitOperationAdd | CommitOperationDelete]:
        """What makes the branch, if it is there, hold what the folder does; none where it does already."""
        stated = self.line.files(self.branch, checkpoint.FILES) if there else {}
        operations: list[CommitOperationAdd | CommitOperationDelete] = []
        for name in checkpoint.FILES:
            path = folder / name
            if name == CARD:
                theirs = self.line.read(self.branch, CARD).decode("utf-8", "replace") if CARD in stated else None
                text = _card(path, theirs, self.repo, self.branch, license)
                if text is not None and text != theirs:
                    operations.append(CommitOperationAdd(CARD, text.encode()))
            elif not path.is_file():
                if name in stated:  # of a model that was there before; it would say wrong things of this one
                    operations.append(CommitOperationDelete(name))
            elif name not in stated or not has_id(path, stated[name].id):
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
    return Line(repo, Limits(wait=wait, tries=1), token)  # `twice` tries again


def _is_ours(config: bytes) -> bool:
    try:
        content = json.loads(config)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "block_size" in content


def _examine(api: HfApi, line: Line, private: bool | None) -> None:
    """Raises HubError where a push would be refused, or where it should be."""
    repo = line.repo
    check_rights(Errand(repo), api.whoami())
    info = info_of(api.model_info, repo, ["private"])
    if info is None:
        return
    api.auth_check(repo, write=True)
    if private and not info.private:
        raise HubError(f"{repo} is on the Hub and public; make it private in its settings, or push to another name")
    name = checkpoint.CONFIG
    if name in line.files("main", (name,)) and not _is_ours(line.read("main", name)):
        raise HubError(f"{repo} is taken: it holds another model, which is not StriveLM's; choose another name")
