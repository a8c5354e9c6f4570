"""Writing to the Hub with huggingface_hub's own client: no wait for ever, no lost reply, every refusal one sentence."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from strivelm.checkpoint import CheckpointError
from strivelm.hub.client import PASSING, HubError, UnreachableError, unusable_proxy

TOKENS = "https://huggingface.co/settings/tokens"
BILLING = "https://huggingface.co/settings/billing"

BROKEN = (httpx2.TransportError, UnreachableError, RuntimeError, ConnectionError, TimeoutError)
"""What says that the network broke off: RuntimeError is huggingface_hub's around others, the last two are hf_xet's."""


@dataclass(frozen=True)
class Errand:
    """What is done to which repo, in the words of the sentences that say why it can't be."""

    repo: str
    """owner/name."""
    verb: str = "push"
    noun: str = "push"

    @property
    def again(self) -> str:
        """What to do after it broke off."""
        return f"what was sent is kept: {self.verb} again to go on"


@contextmanager
def said(errand: Errand, wait: float) -> Iterator[Callable[[str | None], HfApi]]:
    """Lets no request wait for ever, and says in a sentence what went wrong. Gives what makes the client's API.

    Args:
        wait: seconds of silence after which the Hub counts as unreachable.

    Raises:
        HubError: in place of what the client raises.
    """
    try:
        session = get_session()
    except (ImportError, ValueError) as error:  # a proxy that the client can't use
        raise HubError(unusable_proxy(error)) from None
    before = session.timeout
    if before == httpx2.Timeout(None):  # the client's own way is to wait for ever
        session.timeout = httpx2.Timeout(wait)
    try:
        yield lambda token: HfApi(token=token, library_name="strivelm")
    except (OSError, ValueError, RuntimeError, httpx2.HTTPError) as error:
        sentence = _sentence(errand, error)
        if sentence is None:
            raise
        raise sentence from error
    finally:
        session.timeout = before


def twice(act: Callable[[], Any]) -> Any:
    """What a repeatable action returns; it is done once more where the network broke off, or lost the answer."""
    try:
        return act()
    except (*BROKEN, HfHubHTTPError) as error:
        if not passes(error):
            raise
        return act()


def check_card(api: HfApi, readme: str, kind: str) -> None:
    """Asks the Hub whether it takes the metadata of a README, before anything is made.

    Args:
        kind: "model" or "space".

    Raises ValueError with the Hub's reasons.
    """
    headers = build_hf_headers(token=api.token, library_name="strivelm")
    asked = {"content": readme, "repoType": kind}
    response = get_session().post(f"{api.endpoint}/api/validate-yaml", json=asked, headers=headers)
    try:
        hf_raise_for_status(response)
    except HfHubHTTPError as error:
        if error.response.status_code != 400:
            raise
        reasons = "; ".join(str(reason.get("message")) for reason in response.json().get("errors", []))
        raise ValueError(f"invalid metadata in README.md: {reasons}") from error
    response.json()  # not the Hub's, if it is no JSON


def info_of(ask: Callable[..., Any], repo: str, wanted: list[str]) -> Any:
    """What the client's model_info or space_info says of a repo; None where there is none, or it is not shown.

    A mirror may answer 404 to the very question for single fields (Artifactory does): it is asked for all of them.
    """
    try:
        return ask(repo, expand=wanted)
    except RepositoryNotFoundError:
        return None
    except HfHubHTTPError as error:
        if error.response.status_code != 404:
            raise
    try:
        return ask(repo)
    except HfHubHTTPError as error:
        if error.response.status_code != 404:
            raise
        return None


def passes(error: Exception) -> bool:
    """Whether an error of the client may be gone the next time."""
    return isinstance(error, BROKEN) or (isinstance(error, HfHubHTTPError) and error.response.status_code in PASSING)


def check_rights(errand: Errand, person: dict) -> None:
    """Raises HubError where a token, as whoami describes it, can't write to the errand's repo."""
    owner, name = errand.repo.split("/")[0], person.get("name")
    orgs = {org.get("name"): org.get("roleInOrg") for org in person.get("orgs") or []}
    token = (person.get("auth") or {}).get("accessToken") or {}
    if owner != name and orgs.get(owner, "read") == "read":
        words = f"{name}, whose token this is, may not write to {owner}'s repos"
        raise HubError(f"{words}; {errand.verb} to {name}/… instead")
    if token.get("role") == "read":
        raise HubError(f"this token of {name} may only read; make one that may write at {TOKENS}")
    scopes = (token.get("fineGrained") or {}).get("scoped")
    if token.get("role") == "fineGrained" and isinstance(scopes, list):
        granted = {scope["entity"].get("name") for scope in scopes if "repo.write" in scope.get("permissions", ())}
        if not granted & {owner, errand.repo}:
            words = f"this token of {name} may not write to {errand.repo}"
            raise HubError(f"{words}; give it 'repo.write' there, at {TOKENS}")


def _sentence(errand: Errand, error: Exception) -> HubError | None:
    """What an error of the client means; None where it says so itself."""
    cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
    match cause:
        case UnreachableError():
            return UnreachableError(f"the Hub can't be reached ({cause}); {errand.again}")
        case CheckpointError():
            return None
        case LocalTokenNotFoundError():
            how = f"run `hf auth login`, or set HF_TOKEN to one of {TOKENS}"
            return HubError(f"there is no token to {errand.verb} with: {how}")
        case OfflineModeIsEnabled():
            return UnreachableError(f"HF_HUB_OFFLINE is set, so nothing can be {errand.verb}ed")
        case HfHubHTTPError():
            return _refusal(errand, cause)
        case json.JSONDecodeError():
            return UnreachableError(f"what answers is not the Hub, or the Hub is in trouble; {errand.again}")
        case ValueError():  # metadata that the Hub does not take, a quota
            return HubError(f"the Hub refuses the {errand.noun} to {errand.repo}: {' '.join(str(cause).split())}")
        case OSError() if cause.filename is not None:  # a file of this machine; hf_xet's errors name none
            return None
    reason = ": ".join(filter(None, (type(cause).__name__, str(cause))))
    return UnreachableError(f"the {errand.noun} to {errand.repo} broke off ({reason}); {errand.again}")


def _refusal(errand: Errand, error: HfHubHTTPError) -> HubError:
    """What the Hub's no means."""
    status, words = error.response.status_code, " ".join((error.server_message or "").split())[:300]
    if status in PASSING:
        return UnreachableError(f"the Hub answers {status} {error.response.reason_phrase}; {errand.again}")
    if status == 401:
        return HubError("the Hub does not know this token; log in anew with `hf auth login`, or set HF_TOKEN")
    if status == 402:
        return HubError(
            f"the Hub wants a subscription or a means of payment for {errand.repo} ({words}); see {BILLING}"
        )
    if status == 403:
        return HubError(f"this token may not write to {errand.repo} ({words}); see {TOKENS}")
    if status in (409, 412):
        return HubError(f"somebody else changed {errand.repo} at the same moment ({words}); {errand.again}")
    return HubError(f"the Hub refuses the {errand.noun} to {errand.repo}: {status} {words}".rstrip())
