"""Ways to break: an ASGI layer before the Hub that spoils the next requests that match a pattern."""

import asyncio
import re
import socket
import struct
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What happens to the next `times` requests whose "METHOD /path" matches.

    kind is one of
        status    answered with `status` and `headers`, and not handed on
        page      answered with a page for people and status 200, as a proxy does
        drop      the connection is reset before anything is answered
        lost      handed on and done, but the connection is reset in place of the answer
        cut       after `after` bytes of the body the connection is reset
        short     the same, closed in good order: a body shorter than was promised
        flip      one bit of the body's byte number `after` is turned over
        stall     nothing is answered until the other side gives up
        drip      the body comes a byte at a time, one every 50 ms
    """

    pattern: str
    kind: str
    times: int = 1
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0
    skip: int = 0
    """How many such requests go well before."""


class Breakable:
    """An ASGI application that answers like the one inside, until told otherwise. `log` keeps what was asked."""

    def __init__(self, app):
        self.app, self.faults, self.log, self.authorized = app, [], [], []

    def fail(self, pattern: str, kind: str, times: int = 1, **details) -> None:
        """Spoils the next requests whose "METHOD /path" matches; see Fault."""
        self.faults.append(Fault(pattern, kind, times, **details))

    def reset(self) -> None:
        """Forgets all faults and the log."""
        self.faults.clear(), self.log.clear(), self.authorized.clear()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        line = f"{scope['method']} {scope['path']}"
        self.log.append(line)
        headers = dict(scope["headers"])
        if b"authorization" in headers:
            self.authorized.append(f"{line} at {headers[b'host'].decode()}")
        fault = next((f for f in self.faults if f.times and re.search(f.pattern, line)), None)
        if fault is not None and fault.skip:
            fault.skip, fault = fault.skip - 1, None
        if fault is None:
            return await self.app(scope, receive, send)
        fault.times -= 1
        # uvicorn's `send` is a method of the request's cycle, which holds the connection
        transport = send.__self__.transport
        if fault.kind == "status":
            return await _answer(send, fault.status, b'{"error":"broken on purpose"}', fault.headers)
        if fault.kind == "page":
            return await _answer(
                send, 200, b"<html>Please log in to this network</html>", {"content-type": "text/html"}
            )
        if fault.kind == "drop":
            return _reset(transport)
        if fault.kind == "stall":
            while (await receive())["type"] != "http.disconnect":
                pass
            return None
        if fault.kind == "lost":
            await self.app(scope, receive, _swallow)
            return _reset(transport)
        return await self.app(scope, receive, _spoiling(send, transport, fault))


async def _answer(send, status: int, body: bytes, headers: dict[str, str]) -> None:
    headers = {"content-type": "application/json", "content-length": str(len(body))} | headers
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _swallow(message) -> None:
    """Takes an answer and gives it to nobody."""


def _reset(transport) -> None:
    """Ends a connection as a broken network does: with a reset."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _spoiling(send, transport, fault: Fault):
    """A `send` that spoils the body on its way."""
    sent = 0

    async def spoilt(message):
        nonlocal sent
        if message["type"] != "http.response.body":
            return await send(message)
        body = message.get("body", b"")
        if fault.kind == "flip" and sent <= fault.after < sent + len(body):
            at = fault.after - sent
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        if fault.kind == "drip":
            for i in range(len(body)):
                await send({"type": "http.response.body", "body": body[i : i + 1], "more_body": True})
                await asyncio.sleep(0.05)
            return await send({"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)})
        if fault.kind in ("cut", "short") and sent + len(body) > fault.after:
            await send({"type": "http.response.body", "body": body[: fault.after - sent], "more_body": True})
            await asyncio.sleep(0.05)  # what was sent must be under way before the connection goes
            if fault.kind == "cut":
                return _reset(transport)
            return transport.close()
        sent += len(body)
        return await send(message | {"body": body})

    return spoilt
