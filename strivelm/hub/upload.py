"""Writing to the Hub with huggingface_hub's own client: with timeouts, retries, and every error as one sentence."""

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
from strivelm.hub.client import TRANSIENT, HubError, UnreachableError, unusable_proxy

TOKENS = "https://huggingface.co/settings/tokens"
BILLING = "https://huggingface.co/settings/billing"

NETWORK_ERRORS = (httpx2.TransportError, UnreachableError, RuntimeError, ConnectionError, TimeoutError)
"""Errors of a broken connection: RuntimeError is what huggingface_hub wraps others in, the last two are hf_xet's."""


@dataclass(frozen=True)
class Operation:
    """What is done to which repo, in the words that error messages use."""

    repo: str
    """owner/name."""
    verb: str = "push"
    noun: str = "push"

    @property
    def again(self) -> str:
        """What an error message advises after a broken connection."""
        return f"what was sent is kept: {self.verb} again to go on"


@contextmanager
def hub_session(operation: Operation, wait: float) -> Iterator[Callable[[str | None], HfApi]]:
    """Gives a function that makes an HfApi for a token; inside, requests have a timeout, and errors become sentences.

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
    if before == httpx2.Timeout(None):  # the client's default waits for ever
        session.timeout = httpx2.Timeout(wait)
    try:
        yield lambda token: HfApi(token=token, library_name="strivelm")
    except (OSError, ValueError, RuntimeError, httpx2.HTTPError) as error:
        translated = _translated(operation, error)
        if translated is None:
            raise
        raise translated from error
    finally:
        session.timeout = before


def with_retry(request: Callable[[], Any]) -> Any:
    """What a repeatable request returns; it is made a second time after a transient error."""
    try:
        return request()
    except (*NETWORK_ERRORS, HfHubHTTPError) as error:
        if not is_transient(error):
            raise
        return request()


def check_card(api: HfApi, readme: str, kind: str) -> None:
    """Asks the Hub whether it accepts the metadata of a README, before anything is created.

    Args:
        kind: "model" or "space".

    Raises ValueError with the Hub's reasons.
    """
    headers = build_hf_headers(token=api.token, library_name="strivelm")
    payload = {"content": readme, "repoType": kind}
    response = get_session().post(f"{api.endpoint}/api/validate-yaml", json=payload, headers=headers)
    try:
        hf_raise_for_status(response)
    except HfHubHTTPError as error:
        if error.response.status_code != 400:
            raise
        reasons = "; ".join(str(reason.get("message")) for reason in response.json().get("errors", []))
        raise ValueError(f"invalid metadata in README.md: {reasons}") from error
    response.json()  # raises where a server that is not the Hub answers


def repo_info(ask: Callable[..., Any], repo: str, wanted: list[str]) -> Any:
    """What the client's model_info or space_info says of a repo; None if there is none, or it is hidden from this user.

    A mirror may answer 404 to a request for single fields (Artifactory does): then all fields are requested.
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


def is_transient(error: Exception) -> bool:
    """Whether a retry may help after this error of the client."""
    return isinstance(error, NETWORK_ERRORS) or (
        isinstance(error, HfHubHTTPError) and error.response.status_code in TRANSIENT
    )


def check_rights(operation: Operation, person: dict) -> None:
    """Raises HubError where a token, as whoami describes it, can't write to the operation's repo."""
    owner, name = operation.repo.split("/")[0], person.get("name")
    orgs = {org.get("name"): org.get("roleInOrg") for org in person.get("orgs") or []}
    token = (person.get("auth") or {}).get("accessToken") or {}
    if owner != name and orgs.get(owner, "read") == "read":
        words = f"{name}, whose token this is, may not write to {owner}'s repos"
        raise HubError(f"{words}; {operation.verb} to {name}/… instead")
    if token.get("role") == "read":
        raise HubError(f"this token of {name} may only read; make one that may write at {TOKENS}")
    scopes = (token.get("fineGrained") or {}).get("scoped")
    if token.get("role") == "fineGrained" and isinstance(scopes, list):
        granted = {scope["entity"].get("name") for scope in scopes if "repo.write" in scope.get("permissions", ())}
        if not granted & {owner, operation.repo}:
            words = f"this token of {name} may not write to {operation.repo}"
            raise HubError(f"{words}; give it 'repo.write' there, at {TOKENS}")


def _translated(operation: Operation, error: Exception) -> HubError | None:
    """The HubError for an error of the client; None for one whose own message is good."""
    cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
    match cause:
        case UnreachableError():
            return UnreachableError(f"the Hub can't be reached ({cause}); {operation.again}")
        case CheckpointError():
            return None
        case LocalTokenNotFoundError():
            how = f"run `hf auth login`, or set HF_TOKEN to one of {TOKENS}"
            return HubError(f"there is no token to {operation.verb} with: {how}")
        case OfflineModeIsEnabled():
            return UnreachableError(f"HF_HUB_OFFLINE is set, so nothing can be {operation.verb}ed")
        case HfHubHTTPError():
            return _refusal(operation, cause)
        case json.JSONDecodeError():
            return UnreachableError(f"what answers is not the Hub, or the Hub is in trouble; {operation.again}")
        case ValueError():  # rejected metadata, a quota
            return HubError(f"the Hub refuses the {operation.noun} to {operation.repo}: {' '.join(str(cause).split())}")
        case OSError() if cause.filename is not None:  # a file of this machine; hf_xet's errors name none
            return None
    reason = ": ".join(filter(None, (type(cause).__name__, str(cause))))
    return UnreachableError(f"the {operation.noun} to {operation.repo} broke off ({reason}); {operation.again}")


def _refusal(operation: Operation, error: HfHubHTTPError) -> HubError:
    """The error for an HTTP status by which the Hub refuses."""
    status, words = error.response.status_code, " ".join((error.server_message or "").split())[:300]
    if status in TRANSIENT:
        return UnreachableError(f"the Hub answers {status} {error.response.reason_phrase}; {operation.again}")
    if status == 401:
        return HubError("the Hub does not know this token; log in again with `hf auth login`, or set HF_TOKEN")
    if status == 402:
        return HubError(
            f"the Hub wants a subscription or a means of payment for {operation.repo} ({words}); see {BILLING}"
        )
    if status == 403:
        return HubError(f"this token may not write to {operation.repo} ({words}); see {TOKENS}")
    if status in (409, 412):
        return HubError(f"somebody else changed {operation.repo} at the same moment ({words}); {operation.again}")
    return HubError(f"the Hub refuses the {operation.noun} to {operation.repo}: {status} {words}".rstrip())
