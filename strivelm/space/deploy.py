"""Creates or updates a Space that opens our models, and waits until it runs.

Everything here can be repeated: what is on the Hub already is not sent again, and the deployment of an unchanged
checkout changes nothing, but restarts a Space that failed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, SpaceHardware
from huggingface_hub import __version__ as client_version
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile

from strivelm.hub.cache import hasher
from strivelm.hub.client import NO_HUB, HubClient, HubError, Limits, UnreachableError, checked_name
from strivelm.hub.upload import BILLING, Operation, check_card, check_rights, hub_session, repo_info, with_retry
from strivelm.loading import COME_ALONG, parse_ref
from strivelm.space import bundle
from strivelm.space.waiting import FailedError, Report, Waiting, runtime_of

__all__ = ["FailedError", "deploy", "plan", "variables"]

MODEL, MODELS = "STRIVELM_MODEL", "STRIVELM_MODELS"
"""The variables that tell app.py which model the page opens, and which others it offers."""
PRO = "https://huggingface.co/subscribe/pro"
HARDWARE = tuple(hardware.value for hardware in SpaceHardware)
SUBSCRIBED = ("cpu-basic", "zero-a10g")
"""Hardware that costs subscribers nothing by the hour."""

PICTURE = "strivelm/assets/screenshot.png"
"""The thumbnail of links to the Space."""


def variables(model: str | None, models: str | None) -> dict[str, str | None]:
    """The Space's variables that a deployment sets; None for one that it removes.

    Args:
        model: what the page opens: "owner/name", "owner/name@revision", "bundled" or "film"; None leaves it as it is.
        models: further models that the page offers, with commas between; None leaves them as they are, "" offers none.

    Raises:
        CheckpointError: one of them does not name a model.
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
        raise HubError(f"there is no hardware {hardware!r}; huggingface_hub {client_version} knows {known}")


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
    """Creates or updates a Space, waits until it runs, and returns its address.

    Args:
        repo: "owner/space"; made if missing.
        model, models: as for `variables`; a new Space opens the bundled model if none is named.
        hardware: such as "zero-a10g"; None leaves it as it is, or takes the Hub's default for a new Space.
        private: whether the Space is private; None leaves it to the Hub's own default.
        token: None takes the saved one (`hf auth login`, HF_TOKEN).
        root: the checkout that is deployed.
        report: called with each step that is done, in a few words.
        wait: seconds of silence after which the Hub counts as unreachable.
        timeout: seconds that the Space may take until it runs.
        poll: seconds between two requests for its state.
        settle: seconds for which a state must last before it counts, where it may be the one before the update.

    Raises:
        CheckpointError: the checkout lacks something, or holds a token.
        HubError: the Hub refuses, or can't be reached; the message says what to do.
        FailedError: the Space was updated, but does not run; with the end of its log.
    """
    if not timeout > 0:
        raise HubError(f"the timeout is {timeout:g} seconds; expected more than 0")
    wanted = _checked(repo, model, models, hardware, root)
    with _checked_space(repo, wanted, hardware, private, token, root, report, wait) as space:
        if not space.exists:
            report(f"creating {repo}")
            with_retry(lambda: space.make(hardware, private, wanted))
        with_retry(lambda: space.set_variables(wanted))
        with_retry(lambda: space.set_hardware(hardware))
        with_retry(lambda: space.send(root))
        waiting = Waiting(space.api, repo, space.address, report)
        waiting.until_it_runs(space.sent or space.restarts, space.restarts, timeout, poll, settle)
        return space.address


@dataclass(frozen=True)
class Planned:
    """What a deployment would change."""

    address: str
    exists: bool
    """Whether the Space is there already."""
    sent: dict[str, int]
    """The bytes of the files that would be sent, by path."""
    removed: tuple[str, ...]
    """The files that would be removed."""
    variables: dict[str, str | None]
    """The variables that would be set, or, where the value is None, removed."""
    hardware: str | None
    """The hardware that would be requested; None if it stays as it is."""


def plan(
    repo: str,
    *,
    model: str | None = None,
    models: str | None = None,
    hardware: str | None = None,
    private: bool | None = None,
    token: str | None = None,
    root: Path = bundle.ROOT,
    wait: float = 60.0,
) -> Planned:
    """What `deploy` with the same arguments would change, after the same checks; nothing is written.

    One thing can't be checked: whether the Hub gives this account the hardware.

    Raises CheckpointError and HubError as `deploy` does.
    """
    wanted = _checked(repo, model, models, hardware, root)
    with _checked_space(repo, wanted, hardware, private, token, root, lambda words: None, wait) as space:
        changed, gone = with_retry(lambda: space.difference(root))
        sizes = {name: len(content) for name, content in changed.items()}
        other = hardware if hardware != space.hardware else None
        changes = {key: value for key, value in wanted.items() if space.variables.get(key) != value}
        return Planned(space.address, space.exists, sizes, tuple(gone), changes, other)


def _checked(
    repo: str, model: str | None, models: str | None, hardware: str | None, root: Path
) -> dict[str, str | None]:
    """The variables, after what can be checked without the Hub: names, hardware, the whole checkout."""
    checked_name(repo, None)
    check_hardware(hardware)
    bundle.pack(root, hardware=hardware)
    return variables(model, models)


@contextmanager
def _checked_space(
    repo: str,
    wanted: dict[str, str | None],
    hardware: str | None,
    private: bool | None,
    token: str | None,
    root: Path,
    report: Report,
    wait: float,
) -> Iterator["_Space"]:
    """The Space, after everything that can be checked with the Hub; nothing is changed yet."""
    operation = Operation(repo, "deploy", "deployment")
    with hub_session(operation, wait) as make_api:
        space = _Space(make_api(token), operation, report)
        with_retry(lambda: space.check(private))
        for ref in _on_hub(wanted):
            name, revision = parse_ref(ref, public=True)
            with_retry(
                lambda n=name, r=revision: HubClient(n, Limits(wait=wait, max_attempts=1, public=True)).commit(
                    r or "main"
                )
            )
        with_retry(lambda: space.read_state(wanted, hardware))
        readme = space.packed(root)[bundle.README].decode("utf-8", "replace")
        with_retry(lambda: check_card(space.api, readme, "space"))
        yield space


def _on_hub(values: dict[str, str | None]) -> list[str]:
    """The models on the Hub that the variables name."""
    refs = dict.fromkeys(f"{values.get(MODEL) or ''},{values.get(MODELS) or ''}".split(","))
    return [ref for ref in refs if ref and ref.partition("@")[0] not in COME_ALONG]


class _Space:
    """A Space on the Hub, and what this deployment changed there."""

    def __init__(self, api: HfApi, operation: Operation, report: Report):
        self.api, self.operation, self.repo, self.report = api, operation, operation.repo, report
        self.address = f"{api.endpoint}/spaces/{self.repo}"
        self.exists = False
        self.sent = self.restarts = False
        self.hardware: str | None = None
        self.future_hardware: str | None = None
        self.variables: dict[str, str] = {}
        self.future_variables: dict[str, str | None] = {}

    def check(self, private: bool | None) -> None:
        """Finds out whether it exists. Raises HubError if the Hub would refuse it, or it is another Space."""
        check_rights(self.operation, self.api.whoami())
        info = repo_info(self.api.space_info, self.repo, ["private", "sdk"])
        if info is None:
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

    def read_state(self, wanted: dict[str, str | None], hardware: str | None) -> None:
        """Finds out which variables and hardware it has, and will have."""
        if self.exists:
            self.variables = {key: variable.value for key, variable in self.api.get_space_variables(self.repo).items()}
            runtime = runtime_of(self.api, self.repo)
            self.hardware = runtime.requested_hardware or runtime.hardware
        self.future_variables = {key: value for key, value in (self.variables | wanted).items() if value is not None}
        self.future_hardware = hardware or self.hardware

    def packed(self, root: Path) -> dict[str, bytes]:
        """The files of the checkout as this Space gets them, by path."""
        models = tuple(dict.fromkeys(ref.partition("@")[0] for ref in _on_hub(self.future_variables)))
        picture = f"{self.address}/resolve/main/{PICTURE}"
        return bundle.pack(root, hardware=self.future_hardware, models=models, thumbnail=picture)

    def difference(self, root: Path) -> tuple[dict[str, bytes], list[str]]:
        """The files of the checkout that it lacks or has in another version; and its files that have to be removed."""
        ours, there = self.packed(root), self._files() if self.exists else {}
        changed = {name: content for name, content in ours.items() if not _has_id(content, there.get(name))}
        return changed, [name for name in there if bundle.is_ours(name) and name not in ours]

    def make(self, hardware: str | None, private: bool | None, values: dict[str, str | None]) -> None:
        """Creates it with its hardware and its variables."""
        items = [{"key": key, "value": value} for key, value in values.items() if value is not None]
        try:
            with self._hardware_errors(hardware):
                self.api.create_repo(
                    self.repo,
                    repo_type="space",
                    space_sdk="gradio",
                    space_hardware=cast("SpaceHardware | None", hardware),
                    space_variables=items or None,
                    private=private,
                    exist_ok=True,
                )
        except LookupError:  # a response without the address that the client expects
            raise UnreachableError(NO_HUB) from None
        self.exists = True

    def set_variables(self, wanted: dict[str, str | None]) -> None:
        """Sets the variables whose value differs, and removes those that are None."""
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
        self.future_variables = {key: value for key, value in (there | wanted).items() if value is not None}

    def set_hardware(self, wanted: str | None) -> None:
        """Requests other hardware, if it differs from what it has or what was requested before."""
        runtime = runtime_of(self.api, self.repo)
        self.hardware = runtime.requested_hardware or runtime.hardware
        if wanted is not None and wanted != self.hardware:
            self.report(f"asking for {wanted}")
            with self._hardware_errors(wanted):
                self.api.request_space_hardware(self.repo, cast(SpaceHardware, wanted))
            self.hardware, self.restarts = wanted, True
        self.future_hardware = self.hardware

    def send(self, root: Path) -> None:
        """Makes the Space hold what the checkout does, in one commit; in none if it already does."""
        changed, gone = self.difference(root)
        if not changed and not gone:
            return
        size = sum(map(len, changed.values()))
        self.report(f"sending {len(changed)} files ({size / 1e6:.1f} MB)" + (f", removing {len(gone)}" if gone else ""))
        self.sent = True  # set first, as the response may be lost
        added = [CommitOperationAdd(name, content) for name, content in changed.items()]
        removed = [CommitOperationDelete(name) for name in gone]
        self.api.create_commit(self.repo, [*added, *removed], commit_message="StriveLM", repo_type="space")

    def _files(self) -> dict[str, str]:
        """The ids of its files: a large one's sha256, a small one's git blob id."""
        tree = self.api.list_repo_tree(self.repo, repo_type="space", recursive=True)
        return {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in tree if isinstance(file, RepoFile)}

    @contextmanager
    def _hardware_errors(self, hardware: str | None) -> Iterator[None]:
        """Turns the Hub's refusal of hardware, most of which costs money, into a HubError that says what to do."""
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


def _has_id(content: bytes, id: str | None) -> bool:
    if id is None:
        return False
    digest = hasher(id, len(content))
    digest.update(content)
    return digest.hexdigest() == id
