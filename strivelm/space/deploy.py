"""A Space that opens our models: made, brought up to date, and waited for until it runs.

Everything here can be repeated. What is on the Hub already is not sent again, a deployment that broke off goes on where
it was, and one of an unchanged checkout changes nothing but starts anew what had failed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, SpaceHardware
from huggingface_hub import __version__ as client
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile

from strivelm.hub.cache import hasher
from strivelm.hub.client import NO_HUB, HubError, Limits, Line, UnreachableError, checked_name
from strivelm.hub.upload import BILLING, Errand, check_card, check_rights, info_of, said, twice
from strivelm.loading import COME_ALONG, parse_ref
from strivelm.space import bundle
from strivelm.space.waiting import FailedError, Report, Waiting, runtime_of

__all__ = ["FailedError", "deploy", "plan", "variables"]

MODEL, MODELS = "STRIVELM_MODEL", "STRIVELM_MODELS"
"""The variables that tell app.py which model the page opens, and which others it offers."""
PRO = "https://huggingface.co/subscribe/pro"
HARDWARE = tuple(hardware.value for hardware in SpaceHardware)
SUBSCRIBED = ("cpu-basic", "zero-a10g")
"""Hardware that costs nothing by the hour, for those who subscribe."""

PICTURE = "strivelm/assets/screenshot.png"
"""By what links to the Space are shown."""


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
    if not timeout > 0:
        raise HubError(f"the timeout is {timeout:g} seconds; expected more than 0")
    wanted = _checked(repo, model, models, hardware, root)
    with _begun(repo, wanted, hardware, private, token, root, report, wait) as space:
        if not space.exists:
            report(f"making {repo}")
            twice(lambda: space.make(hardware, private, wanted))
        twice(lambda: space.set_variables(wanted))
        twice(lambda: space.set_hardware(hardware))
        twice(lambda: space.send(root))
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
    """The files that would go."""
    variables: dict[str, str | None]
    """The variables that would be set, or, where the value is None, removed."""
    hardware: str | None
    """The hardware that would be asked for; None where it stays as it is."""


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
    """What `deploy` with the same arguments would change, after all the same checks; nothing is written.

    Only whether the Hub gives the hardware to this account shows when it is asked for.

    Raises CheckpointError and HubError as `deploy` does.
    """
    wanted = _checked(repo, model, models, hardware, root)
    with _begun(repo, wanted, hardware, private, token, root, lambda words: None, wait) as space:
        changed, gone = twice(lambda: space.difference(root))
        sizes = {name: len(content) for name, content in changed.items()}
        other = hardware if hardware != space.hardware else None
        changes = {key: value for key, value in wanted.items() if space.there.get(key) != value}
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
def _begun(
    repo: str,
    wanted: dict[str, str | None],
    hardware: str | None,
    private: bool | None,
    token: str | None,
    root: Path,
    report: Report,
    wait: float,
) -> Iterator["_Space"]:
    """The Space, after all that can be checked with the Hub; nothing is made yet."""
    errand = Errand(repo, "deploy", "deployment")
    with said(errand, wait) as api_of:
        space = _Space(api_of(token), errand, report)
        twice(lambda: space.examine(private))
        for ref in _on_hub(wanted):
            name, revision = parse_ref(ref, public=True)
            twice(lambda n=name, r=revision: Line(n, Limits(wait=wait, tries=1, public=True)).commit(r or "main"))
        twice(lambda: space.look(wanted, hardware))
        readme = space.packed(root)[bundle.README].decode("utf-8", "replace")
        twice(lambda: check_card(space.api, readme, "space"))
        yield space


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
        self.future: str | None = None
        self.there: dict[str, str] = {}
        self.values: dict[str, str | None] = {}

    def examine(self, private: bool | None) -> None:
        """Finds out whether it exists. Raises HubError where a deployment would be refused, or should be."""
        check_rights(self.errand, self.api.whoami())
        info = info_of(self.api.space_info, self.repo, ["private", "sdk"])
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

    def look(self, wanted: dict[str, str | None], hardware: str | None) -> None:
        """Finds out which variables and hardware it has, and thus will have."""
        if self.exists:
            self.there = {key: variable.value for key, variable in self.api.get_space_variables(self.repo).items()}
            runtime = runtime_of(self.api, self.repo)
            self.hardware = runtime.requested_hardware or runtime.hardware
        self.values = {key: value for key, value in (self.there | wanted).items() if value is not None}
        self.future = hardware or self.hardware

    def packed(self, root: Path) -> dict[str, bytes]:
        """The checkout as this Space gets it."""
        models = tuple(dict.fromkeys(ref.partition("@")[0] for ref in _on_hub(self.values)))
        picture = f"{self.address}/resolve/main/{PICTURE}"
        return bundle.pack(root, hardware=self.future, models=models, thumbnail=picture)

    def difference(self, root: Path) -> tuple[dict[str, bytes], list[str]]:
        """The files of the checkout that it has not, or otherwise; and those that it has and should not have."""
        ours, there = self.packed(root), self._files() if self.exists else {}
        changed = {name: content for name, content in ours.items() if not _is(content, there.get(name))}
        return changed, [name for name in there if bundle.is_ours(name) and name not in ours]

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
        self.exists = True

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
        runtime = runtime_of(self.api, self.repo)
        self.hardware = runtime.requested_hardware or runtime.hardware
        if wanted is not None and wanted != self.hardware:
            self.report(f"asking for {wanted}")
            with self._paid(wanted):
                self.api.request_space_hardware(self.repo, cast(SpaceHardware, wanted))
            self.hardware, self.restarts = wanted, True
        self.future = self.hardware

    def send(self, root: Path) -> None:
        """Makes the Space hold what the checkout does, in one commit, or none where it does already."""
        changed, gone = self.difference(root)
        if not changed and not gone:
            return
        size = sum(map(len, changed.values()))
        self.report(f"sending {len(changed)} files ({size / 1e6:.1f} MB)" + (f", removing {len(gone)}" if gone else ""))
        self.sent = True  # before it is: the answer may be lost
        added = [CommitOperationAdd(name, content) for name, content in changed.items()]
        removed = [CommitOperationDelete(name) for name in gone]
        self.api.create_commit(self.repo, [*added, *removed], commit_message="StriveLM", repo_type="space")

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
