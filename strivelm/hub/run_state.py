"""A run that is not finished, on the Hub: pushed to a branch of its own, so that it goes on on another machine.

The branch `resume` holds state.safetensors (weights, the best ones, what the optimisers remember: three to four times
the weights in float32), training.json and snapshots.json, as they were together; the snapshots are revisions anyway.
The branch goes when the run has finished.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete

from strivelm import manifest
from strivelm.checkpoint import FILES, TRAINING, CheckpointError
from strivelm.files import WEIGHTS
from strivelm.hub.cache import has_id
from strivelm.hub.client import OWN, HubClient, HubError, Limits, checked_name
from strivelm.hub.publish import Revision, check, client_of
from strivelm.hub.upload import Operation, hub_session, with_retry
from strivelm.manifest import MANIFEST
from strivelm.steps import SNAPSHOTS

BRANCH = "resume"
STATE = "state.safetensors"
PLACES = {STATE: Path("resume", STATE), TRAINING: Path(TRAINING), MANIFEST: Path(MANIFEST)}
"""Where each of the branch's files lies in a run's folder."""


def state_file(folder: str | Path) -> Path:
    """Where the state of a folder's unfinished run is. Raises CheckpointError where there is none."""
    path = Path(folder) / PLACES[STATE]
    if not path.is_file():
        raise CheckpointError(f"{folder} holds no state of an unfinished run ({PLACES[STATE]}); leave --state out")
    return path


def push_state(
    folder: str | Path, repo: str, *, private: bool | None = None, token: str | None = None, wait: float = 60.0
) -> None:
    """Puts the state of a folder's unfinished run on the Hub, in one commit; in none where it is there already.

    Args: as for `strivelm.hub.publish.push`.

    Raises:
        CheckpointError: the folder holds no state.
        HubError: as `push`.
    """
    files = {name: Path(folder) / place for name, place in PLACES.items()}
    state_file(folder)
    check(repo, private=private, token=token, wait=wait)
    with hub_session(Operation(repo), wait) as make_api:
        api = make_api(token)
        with_retry(lambda: api.create_repo(repo, private=private, exist_ok=True))

        def once() -> None:
            there = Revision(api, client_of(repo, token, wait), BRANCH)
            there.make()
            remote = there.client.files(BRANCH, tuple(files))
            changed: list[CommitOperationAdd | CommitOperationDelete] = [
                CommitOperationAdd(name, path)
                for name, path in files.items()
                if path.is_file() and not (name in remote and has_id(path, remote[name].id))
            ]
            changed += [CommitOperationDelete(name) for name in remote if not files[name].is_file()]
            there.commit(changed, "The state of a run, to go on from")

        with_retry(once)


def remove_state(repo: str, *, token: str | None = None, wait: float = 60.0) -> None:
    """Removes the state of a run that has finished; nothing where there is none. Raises HubError."""
    with hub_session(Operation(repo), wait) as make_api:
        api = make_api(token)

        def once() -> None:
            if Revision(api, client_of(repo, token, wait), BRANCH).exists():
                api.delete_branch(repo, branch=BRANCH)

        with_retry(once)


Progress = Callable[[int, int | None, str], None]
"""Called with the bytes received, the bytes in all, and "fetching"."""


def fetch_run(
    repo: str,
    into: Path,
    *,
    snapshots: bool = True,
    limits: Limits = OWN,
    token: str | bool | None = None,
    progress: Progress = lambda done, total, what: None,
) -> list[str]:
    """Makes a folder of the unfinished run that a repo holds, from which training can be resumed.

    Args:
        repo: "owner/name".
        into: made here; nothing may be there, or an empty folder.
        snapshots: whether those that the run has taken come along.

    Returns what is missing or wrong without keeping the run from going on, in sentences.

    Raises:
        HubError: the repo holds no such run, or what it holds is damaged; the Hub can't be reached.
        OSError: the folder can't be written.
    """
    checked_name(repo, None)
    client = HubClient(repo, limits, token)
    revisions = client.revisions()
    if BRANCH not in revisions:
        raise HubError(_no_state(client, repo))
    into.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".strivelm-", dir=into.absolute().parent) as place:
        folder, notes = Path(place, "run"), []
        _copied(client, revisions[BRANCH], {name: folder / place for name, place in PLACES.items()}, progress)
        for needed in (STATE, TRAINING):
            if not (folder / PLACES[needed]).is_file():
                raise HubError(f"{repo} holds no run to resume: its branch {BRANCH} lacks {needed}")
        listed = manifest.read(folder) if snapshots else None
        if listed is not None:
            kept = {}
            for name, entry in listed.snapshots.items():
                there = folder / SNAPSHOTS / name
                if name in revisions:
                    _copied(client, revisions[name], {file: there / file for file in FILES}, progress)
                if (there / WEIGHTS).is_file() and manifest.described(there, None).sha256 == entry.sha256:
                    kept[name] = entry
                else:
                    notes.append(f"{name} is not on the Hub as training wrote it, and is missing here")
                    shutil.rmtree(there, ignore_errors=True)
            manifest.Manifest(listed.corpus, kept).write(folder)
        os.replace(folder, into)
    return notes


def _copied(client: HubClient, commit: str, places: dict[str, Path], progress: Progress) -> None:
    """Puts those of the named files that a commit has where they belong."""
    remote = client.files(commit, tuple(places))
    done, total = 0, sum(file.size for file in remote.values())

    def on_part(part: bytes) -> None:
        nonlocal done
        done += len(part)
        progress(min(done, total), total, "fetching")

    for name, file in remote.items():
        if file.size > (client.limits.weights if name.endswith(".safetensors") else client.limits.small):
            raise HubError(f"{client.repo} is too large: {name} has {file.size:,} bytes")
        places[name].parent.mkdir(parents=True, exist_ok=True)
        client.copy(commit, name, file, places[name], on_part)


def _no_state(client: HubClient, repo: str) -> str:
    """Why a repo's run can't be resumed."""
    if TRAINING in client.files("main", (TRAINING,)) and b'"finished": true' in client.read("main", TRAINING):
        return f"the run in {repo} is finished: there is nothing to resume"
    return (
        f"{repo} holds no run to resume: it has no branch {BRANCH}, which training with --push keeps until it has "
        "finished, and `strivelm push FOLDER NAME --state` makes"
    )
