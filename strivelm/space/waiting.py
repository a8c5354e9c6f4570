"""Waiting until a Space runs, and saying why it does not."""

import re
import threading
import time
from collections import deque
from collections.abc import Callable

from huggingface_hub import HfApi, SpaceRuntime

from strivelm.hub.client import NO_HUB, HubError, UnreachableError
from strivelm.hub.upload import is_transient, with_retry
from strivelm.space import bundle

UNDER_WAY = ("BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING")
ASLEEP = ("SLEEPING", "STOPPED")
FAILED = {
    "BUILD_ERROR": "can't be built",
    "RUNTIME_ERROR": "was built, but its app ended",
    "CONFIG_ERROR": "is refused for its README's metadata",
    "NO_APP_FILE": f"has no {bundle.APP}",
    "DELETING": "is being deleted",
}
TAIL = 40  # lines of a log
LOG_SECONDS = 20.0  # the Hub keeps the connection of a log open, so reading it may never end
TOLERATED = 5  # polls in a row that may fail
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")

Report = Callable[[str], None]
"""Called with a few words on what is done next."""


class FailedError(HubError):
    """The Space does not run. `log` holds the last lines of its log on the Hub."""

    def __init__(self, message: str, log: list[str]):
        super().__init__(message, log)
        self.message, self.log = message, log

    def __str__(self) -> str:
        return self.message


def runtime_of(api: HfApi, repo: str) -> SpaceRuntime:
    """A Space's state on the Hub. Raises UnreachableError if a server that is not the Hub answers."""
    try:
        runtime = api.get_space_runtime(repo)
    except (AttributeError, LookupError, TypeError):
        raise UnreachableError(NO_HUB) from None
    if not isinstance(runtime.stage, str):
        raise UnreachableError(NO_HUB)
    return runtime


class Waiting:
    """Waits for a Space that was updated."""

    def __init__(self, api: HfApi, repo: str, address: str, report: Report):
        self.api, self.repo, self.address, self.report = api, repo, address, report

    def until_it_runs(self, changed: bool, restarts: bool, timeout: float, poll: float, settle: float) -> None:
        """Returns when it runs. Raises HubError if it needs its owner for that, or does not run in time.

        Args:
            changed: whether something was just sent or set; then a failure is final, and a restart would not help.
            restarts: whether what was set makes a running Space restart.
            timeout, poll, settle: seconds, as in `deploy`.
        """
        commit = with_retry(lambda: self.api.space_info(self.repo, expand=["sha"])).sha
        restarted = changed
        end, built, stage, since = time.monotonic() + timeout, False, "", 0.0
        while True:
            runtime = self._poll(poll)
            if runtime.stage != stage:
                stage, since = runtime.stage, time.monotonic()
                self.report(stage.lower().replace("_", " "))
            built = built or stage in UNDER_WAY
            # Just after a commit the Hub may still give the state, or the failure, of the commit before.
            is_current = runtime.raw.get("sha") in (None, commit)
            reliable = is_current and (built or (not restarts and "sha" in runtime.raw))
            if stage not in UNDER_WAY and (reliable or not changed or time.monotonic() - since >= settle):
                if stage == "RUNNING":
                    return
                if stage == "PAUSED":
                    words = "it has the new files, and only its owner can start it again"
                    raise HubError(f"{self.repo} is paused: {words}, at {self.address}/settings")
                if stage not in ASLEEP and restarted:
                    raise self._failure(runtime)
                if not restarted or stage in ASLEEP:
                    self.report("restarting it")
                    with_retry(
                        lambda rebuild=stage == "BUILD_ERROR": self.api.restart_space(self.repo, factory_reboot=rebuild)
                    )
                    restarted = changed = restarts = True
                    since, built = time.monotonic(), False
            if time.monotonic() > end:
                words = f"after {timeout:,.0f} seconds {self.repo} is still {stage.lower().replace('_', ' ')}"
                raise HubError(f"{words}; look at {self.address}, or deploy again to go on waiting")
            time.sleep(min(poll, max(0.0, end - time.monotonic()) + 0.01))

    def _failure(self, runtime: SpaceRuntime) -> FailedError:
        """The error that says why it does not run, with the end of its log."""
        means = FAILED.get(runtime.stage, f"is in the state {runtime.stage}")
        words = " ".join(CONTROLS.sub("", str(runtime.raw.get("errorMessage") or "")).split())[:300]
        log, build = deque(maxlen=TAIL), runtime.stage != "RUNTIME_ERROR"

        def read() -> None:
            try:
                for entry in self.api.fetch_space_logs(self.repo, build=build):
                    log.extend(CONTROLS.sub("", entry).splitlines())
            except Exception as error:  # a log that can't be read must not hide the failure itself
                log.append(f"(the rest of the log can't be read: {type(error).__name__})")

        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        reading.join(LOG_SECONDS)
        why = f" ({words})" if words else ""
        return FailedError(f"{self.repo} {means}{why}; correct it and deploy again, or see {self.address}", list(log))

    def _poll(self, poll: float) -> SpaceRuntime:
        """The Space's state on the Hub; tolerates a few transient errors in a row."""
        for attempt in range(TOLERATED):
            try:
                return runtime_of(self.api, self.repo)
            except Exception as error:
                if attempt + 1 == TOLERATED or not is_transient(error):
                    raise
            time.sleep(poll * 2**attempt)
        raise AssertionError
