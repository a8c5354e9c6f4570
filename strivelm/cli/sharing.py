"""Pushing while a training goes on, and at its end."""

import itertools
import os
import shutil
import tempfile
import time
from pathlib import Path

from strivelm import steps
from strivelm.cli.commands import command
from strivelm.cli.training_flags import Flags
from strivelm.cli.training_output import say
from strivelm.hub import publish, run_state
from strivelm.hub.background import Background
from strivelm.hub.client import UnreachableError
from strivelm.training.events import Finished, Resumable, Snapshot
from strivelm.training.loop import Event

STATE_EVERY = 600.0
"""Seconds between two states that are pushed, but for those that go with a snapshot."""
SILENCE = 20.0
"""Seconds without an answer after which the Hub counts as unreachable, while the training goes on."""
STAGED = ".pushing-"
STATE_NAME = "the state to resume from"


class LivePush:
    """Pushes each snapshot as the revision step-N when it is made, and with it the state to resume from.

    It happens in a thread. What fails for want of a network is made up for later, at the latest at the end; no error
    here ends a training. Snapshots that a resumed run took before are pushed where the Hub lacks them.

    Args:
        flags: with --push.
        folder: the run's, which others go on writing: what changes there is pushed from links to its files.
    """

    def __init__(self, flags: Flags, folder: Path):
        self.folder, self._flags, self._numbers = folder, flags, itertools.count()
        self.repo, self._private = flags.sharing.push or "", flags.sharing.private or None
        for left in folder.glob(f"{STAGED}*"):  # a killed process's
            shutil.rmtree(left, ignore_errors=True)
        self._staging = Path(tempfile.mkdtemp(prefix=STAGED, dir=folder))
        self._state_at, self._state_step, self._snapshot = time.monotonic(), -1, False
        self._background = Background(self._report)
        for source in steps.folders(folder).values():
            self._put(source)

    def keep(self, event: Event) -> None:
        """Hears of an event, after the folder holds what it brought."""
        match event:
            case Snapshot(evaluation=evaluation):
                self._snapshot = True
                self._put(steps.folder_of(self.folder, evaluation.step))
            case Resumable(step=step):
                if self._snapshot or time.monotonic() - self._state_at > STATE_EVERY:
                    try:
                        self._put_state(step)
                    except OSError as error:  # the disk is full, say: the training may have room
                        self._report(error)

    def close(self, event: Event | None) -> None:
        """Ends the thread, and says what is not on the Hub.

        Args:
            event: the last one; None after an error. After Finished nothing is said: `push_all` is next.
        """
        try:
            match event:
                case Finished():
                    self._background.close(finish=False)
                case Resumable(step=step):
                    self._finish(step)
                case _:
                    self._say_left(self._background.abandon())
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)

    def _finish(self, step: int) -> None:
        """Pushes what is new after a stop."""
        if step != self._state_step:
            self._put_state(step)
        say(f"pushing what is new to {self.repo}; Ctrl-C leaves that out")
        try:
            self._say_left(self._background.close())
        except KeyboardInterrupt:
            self._say_left(["the last things"])
            raise

    def _put(self, source: Path) -> None:
        license, name, private = self._flags.folder.license, source.name, self._private

        def job() -> None:
            publish.push(source, self.repo, private=private, revision=name, license=license, wait=SILENCE)

        if not self._background.refused:
            self._background.put(name, job)

    def _put_state(self, step: int) -> None:
        """Pushes the state as it is now; what the training writes next takes the place of other files."""
        self._state_at, self._state_step, self._snapshot = time.monotonic(), step, False
        if self._background.refused:
            return
        staged = self._staging / str(next(self._numbers))
        for place in run_state.PLACES.values():
            if (self.folder / place).is_file():
                (staged / place).parent.mkdir(parents=True, exist_ok=True)
                _link(self.folder / place, staged / place)

        def job() -> None:
            run_state.push_state(staged, self.repo, private=self._private, wait=SILENCE)
            shutil.rmtree(staged, ignore_errors=True)

        self._background.put(STATE_NAME, job)

    def _report(self, error: Exception) -> None:
        then = "it is made up for later" if isinstance(error, UnreachableError) else "the rest waits for the end"
        say(f"note     not pushed now: {error}; the training goes on, {then}")

    def _say_left(self, left: list[str]) -> None:
        if left:
            snapshots = ["--snapshots"] if steps.folders(self.folder) else []
            again = command("push", self.folder, self.repo, *snapshots, "--state")
            say(f"Not on the Hub: {', '.join(left)}. To push it: {again}")


def _link(source: Path, to: Path) -> None:
    """A second name for a file, which stays when the first is given to another one; a copy where there are none."""
    try:
        os.link(source, to)
    except OSError:
        shutil.copyfile(source, to)


def push_all(flags: Flags, repo: str) -> None:
    """Pushes the finished run. If that fails, the error says how to repeat it; the folder is kept."""
    out, snapshots = flags.out, flags.training.snapshots > 0
    try:
        address = publish.push(
            out, repo, private=flags.sharing.private or None, snapshots=snapshots, license=flags.folder.license
        )
        say(f"It is on the Hub: {address}")
    except ValueError as error:
        again = command("push", out, repo, *(["--snapshots"] if snapshots else []))
        raise ValueError(f"{error}. The model is safe in {out}: {again}") from error
    try:
        run_state.remove_state(repo)
    except ValueError as error:
        say(f"note     its branch {run_state.BRANCH}, which nobody needs any more, could not be removed: {error}")
