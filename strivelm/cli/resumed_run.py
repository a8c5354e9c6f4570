"""The run that --resume goes on with: from its folder, or from the Hub."""

import tempfile
from contextlib import closing, nullcontext
from pathlib import Path

from strivelm.cli.training_flags import Flags
from strivelm.cli.training_output import ProgressBar, say
from strivelm.hub import run_state
from strivelm.training.resume import ResumeError
from strivelm.training.run_folder import saved_record, saved_state


def saved(flags: Flags) -> tuple[dict, dict | None]:
    """The record and the state of the run, which comes into its folder first if it is on the Hub.

    Raises ResumeError where there is none, FileExistsError where one from the Hub would meet something else.
    """
    out = flags.out
    if (repo := flags.folder.source) is None:
        return _in_folder(out)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise FileExistsError(
            f"{out} is taken; to go on with a run that is there leave {repo} out, or name another --out for the one "
            "on the Hub"
        )
    with tempfile.TemporaryDirectory() if flags.dry_run else nullcontext() as place:
        folder = Path(place, "run") if place else out
        with closing(ProgressBar(silent=False)) as bar:
            missing = run_state.fetch_run(repo, folder, snapshots=not flags.dry_run, progress=bar)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        say(f"fetched  {repo}: {size:,} bytes, the state to resume from among them")
        for note in missing:
            say(f"note     {note}")
        return _in_folder(folder)


def _in_folder(folder: Path) -> tuple[dict, dict | None]:
    record = saved_record(folder)
    state = saved_state(folder) if record is None or not record.get("finished") else None
    if record is None and state is None:
        raise ResumeError(
            f"{folder} holds no run to resume; leave --resume out to start one, or name the run's folder with --out"
        )
    return record or {}, state
