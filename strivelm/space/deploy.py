"""A Space that opens our models: made, brought up to date, and waited for until it runs.

Everything here can be repeated. What is on the Hub already is not sent again, a deployment that broke off goes on where
it was, and one of an unchanged checkout changes nothing but starts anew what had failed.
"""

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, SpaceHardware, SpaceRuntime
from huggingface_hub import __version__ as client
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from strivelm.hub.cache import hasher
from strivelm.hub.client import NO_HUB, HubError, Limits, Line, UnreachableError, checked_name
from strivelm.hub.upload import BILLING, Errand, check_rights, passes, said, twice
from strivelm.loading import COME_ALONG, parse_ref
from strivelm.space import bundle

MODEL, MODELS = "STRIVELM_MODEL", "STRIVELM_MODELS"
"""The variables that tell app.py which model the page opens, and which others it offers."""
PRO = "https://huggingface.co/subscribe/pro"
HARDWARE = tuple(hardware.value for hardware in SpaceHardware)
SUBSCRIBED = ("cpu-basic", "zero-a10g")
"""Hardware that costs nothing by the hour, for those who subscribe."""

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


def variables(model: str | None, models: str | None) -> dict[str, str | None]:
    """The Space's variables that a deployment sets; None for one that it removes.

    Args:
        model: what the page opens: "owner/name", "owner/name@revision", "bundled" or "film"; None leaves it as it is.
        models: what the page offers besides, commas between; None leaves it as it is, "" offers none.

    Raises:
        CheckpointError: one of them is no name of a model.
    """
    found: dict[str, str | None] = {}
    if model is not None:
        parse_ref(model, public=True)
        found[MODEL] = model
    if models is not None:
        refs = [ref.strip() for ref in models.split(",") if ref.strip()]
        for ref in refs:
            parse_ref(ref, public=True)
        found[MODELS] = ",".join(dict.fromkeys(refs)) or None
    return found


def check_hardware(hardware: str | None) -> None:
    """Raises HubError for hardware that the Hub's client does not know."""
    if hardware is not None and hardware not in HARDWARE:
        known = ", ".join(HARDWARE)
        raise HubError(f"there is no hardware {hardware!r}; huggingface_hub {client} knows {known}")


def deploy(
    repo: str,
    *,
    model: str | None = None,
    models: str | None = None,
    hardware: str | None = None,
    private: bool | None = None,
    token: str | None = None,
    root: Path = bundle.ROOT,
    report: Report = lambda words: None,
    wait: float = 60.0,
    timeout: float = 1800.0,
    poll: float = 3.0,
    settle: float = 20.0,
) -> str:
    """Makes a Space or brings it up to date, waits until it runs, and returns its address.

    Args:
        repo: "owner/space"; made if missing.
        model, models: as for `variables`; a new Space opens the bundled model if none is named.
        hardware: such as "zero-a10g"; None leaves it as it is, and takes the Hub's default for a new Space.
        private: whether strangers are kept out; None leaves it to the Hub's own default.
        token: None takes the saved one (`hf auth login`, HF_TOKEN).
        root: the checkout that is deployed.
        report: hears what happens.
        wait: seconds of silence after which the Hub counts as unreachable.
        timeout: seconds that the Space may take until it runs.
        poll: seconds between two questions whether it does.
        settle: seconds for which a state must last before it is believed, where it may be that of before.

    Raises:
        CheckpointError: the checkout lacks something, or holds a token.
        HubError: the Hub refuses, or can't be reached; the message says what to do.
        FailedError: the Space was brought up to date, but does not run; with the end of its log.
    """
    checked_name(repo, None)
    check_hardware(hardware)
    if not timeout > 0:
        raise HubError(f"the timeout is {timeout:g} seconds; expected more than 0")
    wanted = variables(model, models)
    bundle.pack(root)  # what is wrong with the checkout is said before anything is made
    errand = Errand(repo, "deploy", "deployment")
    with said(errand, wait) as api_of:
        space = _Space(api_of(token), errand, report)
        twice(lambda: space.examine(private))
        for ref in _on_hub(wanted):
            name, revision = parse_ref(ref, public=True)
            twice(lambda n=name, r=revision: Line(n, Limits(wait=wait, tries=1, public=True)).commit(r or "main"))
        if not space.exists:
            report(f"making {repo}")
            twice(lambda: space.make(hardware, private, wanted))
        twice(lambda: space.set_variables(wanted))
        twice(lambda: space.set_hardware(hardware))
        twice(lambda: space.send(root))
        space.wait(timeout, poll, settle)
        return space.address


def _on_hub(values: dict[str, str | None]) -> list[str]:
    """The models on the Hub that the variables name."""
    refs = dict.fromkeys(f"{values.get(MODEL) or ''},{values.get(MODELS) or ''}".split(","))
    return [ref for ref in refs if ref and ref.partition("@")[0] not in COME_ALONG]


class _Space:
    """A Space on the Hub, and what this deployment changed there."""

    def __init__(self, api: HfApi, errand: Errand, report: Report):
        self.api, self.errand, self.repo, self.report = api, errand, errand.repo, report
        self.address = f"{api.endpoint}/spaces/{self.repo}"
        self.exists = False
        self.sent = self.restarts = False
        self.hardware: str | None = None
        self.values: dict[str, str | None] = {}

    def examine(self, private: bool | None) -> None:
        """Finds out whether it exists. Raises HubError where a deployment would be refused, or should be."""
        check_rights(self.errand, self.api.whoami())
        try:
            info = self.api.space_info(self.repo, expand=["private", "sdk"])
        except RepositoryNotFoundError:
            return
        self.api.auth_check(self.repo, repo_type="space", write=True)
        if private and not info.private:
            raise HubError(f"{self.repo} is on the Hub and public; make it private in its settings, or name another")
        there = self._files()
        if info.sdk not in (None, "gradio") or (bundle.APP in there and "strivelm/model.py" not in there):
            raise HubError(
                f"{self.repo} is taken: it holds another Space, which is not StriveLM's; choose another name"
            )
        self.exists = True

    def make(self, hardware: str | None, private: bool | None, values: dict[str, str | None]) -> None:
        """Makes it, with its hardware and its variables at once."""
        items = [{"key": key, "value": value} for key, value in values.items() if value is not None]
        try:
            with self._paid(hardware):
                self.api.create_repo(
                    self.repo,
                    repo_type="space",
                    space_sdk="gradio",
                    space_hardware=cast("SpaceHardware | None", hardware),
                    space_variables=items or None,
                    private=private,
                    exist_ok=True,
                )
        except LookupError:  # an answer without the address that the client reads in it
            raise UnreachableError(NO_HUB) from None

    def set_variables(self, wanted: dict[str, str | None]) -> None:
        """Sets the variables that have another value, and removes those that are to have none."""
        there = {key: variable.value for key, variable in self.api.get_space_variables(self.repo).items()}
        for key, value in wanted.items():
            if value is None and key in there:
                self.report(f"removing {key}")
                self.api.delete_space_variable(self.repo, key)
            elif value is not None and there.get(key) != value:
                self.report(f"setting {key}={value}")
                self.api.add_space_variable(self.repo, key, value)
            else:
                continue
            self.restarts = True
        self.values = {key: value for key, value in (there | wanted).items() if value is not None}

    def set_hardware(self, wanted: str | None) -> None:
        """Asks for other hardware, if other is wanted than it has or was asked for before."""
        runtime = self._runtime()
        self.hardware = runtime.requested_hardware or runtime.hardware
        if wanted is not None and wanted != self.hardware:
            self.report(f"asking for {wanted}")
            with self._paid(wanted):
                self.api.request_space_hardware(self.repo, cast(SpaceHardware, wanted))
            self.hardware, self.restarts = wanted, True

    def send(self, root: Path) -> None:
        """Makes the Space hold what the checkout does, in one commit, or none where it does already."""
        models = tuple(dict.fromkeys(ref.partition("@")[0] for ref in _on_hub(self.values)))
        picture = f"{self.address}/resolve/main/strivelm/assets/screenshot.png"
        ours, there = bundle.pack(root, hardware=self.hardware, models=models, thumbnail=picture), self._files()
        changed = [name for name, content in ours.items() if not _is(content, there.get(name))]
        gone = [name for name in there if bundle.is_ours(name) and name not in ours]
        if not changed and not gone:
            return
        size = sum(len(ours[name]) for name in changed)
        self.report(f"sending {len(changed)} files ({size / 1e6:.1f} MB)" + (f", removing {len(gone)}" if gone else ""))
        self.sent = True  # before it is: the answer may be lost
        added = [CommitOperationAdd(name, ours[name]) for name in changed]
        removed = [CommitOperationDelete(name) for name in gone]
        self.api.create_commit(self.repo, [*added, *removed], commit_message="StriveLM", repo_type="space")

    def wait(self, timeout: float, poll: float, settle: float) -> None:
        """Returns when it runs. Raises HubError when it won't without its owner, or does not in time."""
        commit = twice(lambda: self.api.space_info(self.repo, expand=["sha"])).sha
        healed = changed = self.sent or self.restarts  # what was changed just now and fails would fail again
        end, built, stage, since = time.monotonic() + timeout, False, "", 0.0
        while True:
            runtime = self._polled(poll)
            if runtime.stage != stage:
                stage, since = runtime.stage, time.monotonic()
                self.report(stage.lower().replace("_", " "))
            built = built or stage in UNDER_WAY
            # Just after a commit the Hub still tells of the state before, and of a failure that was that one's.
            here = runtime.raw.get("sha") in (None, commit)
            sure = here and (built or (not self.restarts and "sha" in runtime.raw))
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
                    healed = changed = self.restarts = True
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
                return self._runtime()
            except Exception as error:
                if attempt + 1 == TOLERATED or not passes(error):
                    raise
            time.sleep(poll * 2**attempt)
        raise AssertionError

    def _runtime(self) -> SpaceRuntime:
        try:
            runtime = self.api.get_space_runtime(self.repo)
        except (AttributeError, LookupError, TypeError):
            raise UnreachableError(NO_HUB) from None
        if not isinstance(runtime.stage, str):
            raise UnreachableError(NO_HUB)
        return runtime

    def _files(self) -> dict[str, str]:
        """The ids of its files: a large one's sha256, a small one's git blob id."""
        tree = self.api.list_repo_tree(self.repo, repo_type="space", recursive=True)
        return {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in tree if isinstance(file, RepoFile)}

    @contextmanager
    def _paid(self, hardware: str | None) -> Iterator[None]:
        """Says what to do where the Hub refuses the hardware: most of it is paid for, in one way or another."""
        try:
            yield
        except HfHubHTTPError as error:
            status, words = error.response.status_code, " ".join((error.server_message or "").split())[:300]
            if status != 402 and not (hardware and status in (400, 403)):
                raise
            name = hardware or "cpu-basic"
            if name in SUBSCRIBED:
                advice = f"subscribe at {PRO}, or choose hardware paid by the hour, such as --hardware t4-small"
            else:
                advice = f"add a means of payment at {BILLING}, or choose other hardware"
            raise HubError(f"the Hub refuses {name} for {self.repo}: {status} {words}; {advice}") from error


def _is(content: bytes, id: str | None) -> bool:
    if id is None:
        return False
    digest = hasher(id, len(content))
    digest.update(content)
    return digest.hexdigest() == id
