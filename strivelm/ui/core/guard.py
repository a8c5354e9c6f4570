"""What stands between the network and Gradio: bodies are bounded, and no error of a request is a traceback or a 500.

Gradio raises in many of its routes for what a stranger can send: JSON that is nested too deeply, names of endpoints,
components and functions that are not there, values that a component can't take, sessions that it does not know.
"""

import json
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from strivelm.ui import limits

log = logging.getLogger("strivelm")
Message = MutableMapping[str, Any]
CLOSED = re.compile(
    r"/(monitoring|gradio_api/(deep_link|dev/|process_recording|proxy=|upload|vibe-|undo-vibe-|reset|run-history|runs))"
)
"""What Gradio offers and this page has no use for: it takes no files, records nothing and edits no code."""
DRAINED = 50_000_000
"""How many bytes of a body that is too large are read before the connection is closed."""
ERROR = 500


class Guard:
    """ASGI middleware around Gradio's app."""

    def __init__(self, app: Callable):
        self.app = app

    async def __call__(self, scope: Message, receive: Callable, send: Callable) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if CLOSED.match(path):
            await _refuse(send, 404, "This page has nothing there.")
            return
        if _length(scope) > limits.BODY_BYTES:
            await _drain(receive)
            await _refuse(send, 413, _TOO_LARGE)
            return
        await self._guarded(scope, receive, send)

    async def _guarded(self, scope: Message, receive: Callable, send: Callable) -> None:
        received, started, ended, large = 0, False, False, False

        async def bounded() -> Message:
            nonlocal received, large
            message = await receive()
            received += len(message.get("body", b""))
            if received > limits.BODY_BYTES:
                large = True
                raise _TooLargeError
            return message

        async def softened(message: Message) -> None:
            nonlocal started, ended
            if large and not started:  # FastAPI has an answer of its own for a body that it could not read
                return
            started = started or message["type"] == "http.response.start"
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            if message.get("status") == ERROR:  # of Gradio: for whatever an unqueued event raises, sentences included
                message = {**message, "status": 400}
            await send(message)

        try:
            await self.app(scope, bounded, softened)
        except Exception as error:
            if not large:
                words = " ".join(str(error).split()).encode("ascii", "backslashreplace").decode()
                log.info("%s %.80s: %s: %.200s", scope["method"], scope["path"], type(error).__name__, words)
                log.debug("the traceback", exc_info=error)
            if started and not ended:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif not started and not large:
                await _refuse(send, 400, "The page can't use that request.")
        if large and not started:
            await _drain(receive)
            await _refuse(send, 413, _TOO_LARGE)


class _TooLargeError(Exception):
    """The body of a request is too large."""


_TOO_LARGE = f"The request is too large; expected at most {limits.BODY_BYTES:,} bytes."


def _length(scope: Message) -> int:
    """The length that a request announces; 0 if it does not."""
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() and len(value) < 20 else 0


async def _drain(receive: Callable[[], Awaitable[Message]]) -> None:
    """Reads what is left of a body, up to a bound, and keeps nothing: many clients read no answer while they send."""
    size, more = 0, True
    while more and size < DRAINED:
        message = await receive()
        size += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


async def _refuse(send: Callable[[Message], Awaitable[None]], status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
