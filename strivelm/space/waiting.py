"""Waiting until a Space runs, and saying why it does not."""

import re
import threading
import time
from collections import deque
from collections.abc import Callable

from huggingface_hub import HfApi, SpaceRuntime

from strivelm.hub.client import NO_HUB, HubError, UnreachableError
from strivelm.hub.upload import passes, twice
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
LOG_SECONDS = 20.0  # the Hub keeps a log's line open, and what keeps it so can keep the client reading
TOLERATED = 5  # polls in a row that may fail
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")

Report = Callable[[str], None]
"""Hears in a few words what is done next."""


class FailedError(HubError):
    """The Space does not run. `log` is the end of what the Hub wrote down about it, line by line."""

    def __init__(self, message: str, log: list[str]):
        super().__init__(message, log)
        self.message, self.log = message, log

    def __str__(self) -> str:
        return self.message


def runtime_of(api: HfApi, repo: str) -> SpaceRuntime:
    """What the Hub tells of a Space now. Raises UnreachableError where what answers is not the Hub."""
    try:
        runtime = api.get_space_runtime(repo)
    except (AttributeError, LookupError, TypeError):
        raise UnreachableError(NO_HUB) from None
    if not isinstance(runtime.stage, str):
        raise UnreachableError(NO_HUB)
    return runtime


class Waiting:
    """A Space that was brought up to date and is to run."""

    def __init__(self, api: HfApi, repo: str, address: str, report: Report):
        self.api, self.repo, self.address, self.report = api, repo, address, report

    def until_it_runs(self, changed: bool, restarts: bool, timeout: float, poll: float, settle: float) -> None:
        """Returns when it runs. Raises HubError when it won't without its owner, or does not in time.

        Args:
            changed: whether something was sent or set just now; what fails then would fail again.
            restarts: whether what was set makes it start anew, even if it runs.
            timeout, poll, settle: seconds, as `deploy` knows them.
        """
        commit = twice(lambda: self.api.space_info(self.repo, expand=["sha"])).sha
        healed = changed
        end, built, stage, since = time.monotonic() + timeout, False, "", 0.0
        while True:
            runtime = self._polled(poll)
            if runtime.stage != stage:
                stage, since = runtime.stage, time.monotonic()
                self.report(stage.lower().replace("_", " "))
            built = built or stage in UNDER_WAY
            # Just after a commit the Hub still tells of the state before, and of a failure that was that one's.
            here = runtime.raw.get("sha") in (None, commit)
            sure = here and (built or (not restarts and "sha" in runtime.raw))
            if stage not in UNDER_WAY and (sure or not changed or time.monotonic() - since >= settle):
                if stage == "RUNNING":
                    return
                if stage == "PAUSED":
                    words = "it has what was deployed, and only its owner starts it again"
                    raise HubError(f"{self.repo} is paused: {words}, at {self.address}/settings")
                if stage not in ASLEEP and healed:
                    raise self._failure(runtime)
                if not healed or stage in ASLEEP:
                    self.report("starting it")
                    twice(lambda anew=stage == "BUILD_ERROR": self.api.restart_space(self.repo, factory_reboot=anew))
                    healed = changed = restarts = True
                    since, built = time.monotonic(), False
            if time.monotonic() > end:
                words = f"after {timeout:,.0f} seconds {self.repo} is still {stage.lower().replace('_', ' ')}"
                raise HubError(f"{words}; look at {self.address}, or deploy again to go on waiting")
            time.sleep(min(poll, max(0.0, end - time.monotonic()) + 0.01))

    def _failure(self, runtime: SpaceRuntime) -> FailedError:
        """Why it does not run, with the end of the log that says more."""
        means = FAILED.get(runtime.stage, f"is in the state {runtime.stage}")
        words = " ".join(CONTROLS.sub("", str(runtime.raw.get("errorMessage") or "")).split())[:300]
        log, build = deque(maxlen=TAIL), runtime.stage != "RUNTIME_ERROR"

        def read() -> None:
            try:
                for entry in self.api.fetch_space_logs(self.repo, build=build):
                    log.extend(CONTROLS.sub("", entry).splitlines())
            except Exception as error:  # the log is a favour; that it can't be had must not hide what it is about
                log.append(f"(the rest of the log can't be had: {type(error).__name__})")

        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        reading.join(LOG_SECONDS)
        why = f" ({words})" if words else ""
        return FailedError(f"{self.repo} {means}{why}; mend it and deploy again, or see {self.address}", list(log))

    def _polled(self, poll: float) -> SpaceRuntime:
        """What the Hub tells of the Space now; that it can't be asked now and then is nothing."""
        for attempt in range(TOLERATED):
            try:
                return runtime_of(self.api, self.repo)
            except Exception as error:
                if attempt + 1 == TOLERATED or not passes(error):
                    raise
            time.sleep(poll * 2**attempt)
        raise AssertionError
