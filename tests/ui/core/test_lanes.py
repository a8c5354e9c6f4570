"""The page's queue under load: each lane has its room, slow calls stand back, and who leaves is not worked for."""

import json
import threading
import time
import uuid
from itertools import pairwise

import httpx
import pytest
from serving import served

from strivelm import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import lanes
from strivelm.ui.core.models import Models

STATE = {"running": 0, "most": 0, "ended": 0}
LOCK = threading.Lock()


def long(opened: OpenModel, text: str = "") -> list:
    """Works until it is stopped, in one piece."""
    with LOCK:
        STATE["running"] += 1
        STATE["most"] = max(STATE["most"], STATE["running"])
    try:
        while not STATE["ended"]:
            time.sleep(0.001)
    finally:
        with LOCK:
            STATE["running"] -= 1
    return []


def quick(opened: OpenModel) -> int:
    """Answers at once."""
    return 1


def large(opened: OpenModel, seed: int = 0) -> str:
    """A large answer."""
    return "a" * 1_000_000


@pytest.fixture
def web(noise, declare):
    """An HTTP client of a page that answers these questions as well."""
    STATE.update(running=0, most=0, ended=0)
    declare(long, seconds=limits.SECONDS)
    declare(quick, large)
    with served(noise) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client
    STATE["ended"] = 1


def post(web, name: str, lane: str = "looking", of: str = "noise") -> httpx.Response:
    """Asks a question whose answer may be fetched later."""
    return web.post(f"gradio_api/call/{lane}", json={"data": [{"name": name, "of": [of], "arguments": {}}]})


def fetch(web, posted: httpx.Response) -> list:
    """The pieces of the answer."""
    with web.stream("GET", f"gradio_api/call/looking/{posted.json()['event_id']}") as answer:
        lines = list(answer.iter_lines())
    data = [json.loads(after[6:]) for line, after in pairwise(lines) if line == "event: generating"]
    return [piece[0] for piece in data]


def wait_until(true, seconds: float = 20.0) -> None:
    """Waits until something is true."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_slow_looks_leave_room_for_quick_ones(web):
    for _ in range(8):
        assert post(web, "test.long").status_code == 200
    wait_until(lambda: STATE["running"] == limits.SLOW)
    assert fetch(web, post(web, "test.quick"))[0] == {"value": 1}
    assert STATE["most"] == limits.SLOW


def test_looks_that_fill_their_queue_keep_nobody_from_the_rest(web):
    statuses = [post(web, "test.long").status_code for _ in range(limits.QUEUE + limits.SLOW + 3)]
    assert statuses.count(503) >= 1
    assert set(statuses) == {200, 503}
    refused = post(web, "test.long")
    assert "The page is busy" in refused.json()["detail"]
    asked = {"prompt": "A", "count": 20, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
    body = {"data": [{"name": "generate.write", "of": ["noise"], "arguments": asked}]}
    assert web.post("gradio_api/call/writing", json=body).status_code == 200
    assert web.get("").status_code == 200
    load = next(one for one in web.get("config").json()["dependencies"] if one["backend_fn"] and not one["queue"])
    body = {"fn_index": load["id"], "data": [None] * len(load["inputs"]), "session_hash": "s"}
    assert web.post("gradio_api/run/predict", json=body).status_code == 200


def test_a_model_that_has_to_be_fetched_counts_as_slow(web, monkeypatch):
    stalled, fetched = threading.Event(), []

    def opened(ref, progress, admit=None):
        fetched.append(ref)
        stalled.wait(30)
        raise ValueError("There is no such model.")

    monkeypatch.setattr("strivelm.ui.core.models.opened", opened)
    for number in range(6):
        assert post(web, "test.quick", of=f"slow/hub-{number}").status_code == 200
    wait_until(lambda: len(fetched) == limits.SLOW)
    assert fetch(web, post(web, "test.quick"))[0] == {"value": 1}
    assert len(fetched) == limits.SLOW
    stalled.set()


def test_the_work_of_a_visitor_who_leaves_ends_at_its_next_line(web):
    event = post(web, "test.long").json()["event_id"]
    wait_until(lambda: STATE["running"] == 1)
    with web.stream("GET", f"gradio_api/call/looking/{event}"):
        pass  # closed before the answer
    began = time.monotonic()
    wait_until(lambda: STATE["running"] == 0)
    assert time.monotonic() - began < 10


def test_a_call_that_is_cancelled_ends_at_its_next_line(web):
    number = next(one["id"] for one in web.get("config").json()["dependencies"] if one["api_name"] == "looking")
    session, question = uuid.uuid4().hex, {"name": "test.long", "of": ["noise"], "arguments": {}}
    body = {"fn_index": number, "session_hash": session, "data": [question]}
    event = web.post("gradio_api/queue/join", json=body).json()["event_id"]
    wait_until(lambda: STATE["running"] == 1)
    cancelled = {"session_hash": session, "fn_index": number, "event_id": event}
    assert web.post("gradio_api/cancel", json=cancelled).status_code == 200
    assert STATE["running"] == 0


def test_answers_that_nobody_fetches_are_dropped(web, noise, monkeypatch):
    monkeypatch.setattr(limits, "UNREAD_BYTES", 5_000_000)
    queues = []
    monkeypatch.setattr(lanes.Lanes, "_drop_unread", _noting(lanes.Lanes._drop_unread, queues))
    events = [post(web, "test.large") for _ in range(12)]
    wait_until(lambda: queues and not any(queues[0].active_jobs) and len(queues[0]) == 0)
    assert 0 < queues[0].unread <= 5_000_000
    assert fetch(web, events[-1])[0]["value"] == "a" * 1_000_000


def _noting(function, found):
    def noting(self):
        if not found:
            found.append(self)
        return function(self)

    return noting


def test_what_is_local_is_told_apart_without_opening_it(noise):
    models = Models(noise)
    for ref in ("noise", "film", "film@step-3", "bundled", None, 3, [], "x" * 1_000):
        assert models.is_local(ref)
    assert not models.is_local("owner/name")
