"""Whatever a stranger sends to the page's routes and events: no traceback on the terminal, no 500, and an end."""

import json
import uuid

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import served

from strivelm.ui import limits

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["\ud800", "a" * 3_000, "noise", "x/y", "../..", "bundled@x", "\0", "score", "0.0"]),
)
NAMES = st.sampled_from(["name", "of", "arguments", "text", "path", "meta", "value", "__type__", "data", "x"])
VALUES = st.recursive(
    ATOMS, lambda some: st.lists(some, max_size=4) | st.dictionaries(NAMES, some, max_size=4), max_leaves=8
)
FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
QUESTIONS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["predictions.losses", "attention.maps", "attention.row", "generate.write", "x", None]),
        "of": st.sampled_from([["noise"], ["noise", "noise"], [None], "noise", [["noise"]], [{}]]),
        "arguments": st.dictionaries(
            st.sampled_from(["text", "prompt", "count", "layer", "head", "query", "temperature", "seed"]), VALUES
        ),
    }
)
SENT = st.one_of(VALUES, QUESTIONS, st.just(FILE))
EXAMPLES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def web(noise):
    """An HTTP client of the page."""
    with served(noise) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def events(web):
    """The events that call Python: (number, how many values it takes, whether it is queued)."""
    found = web.get("config").json()["dependencies"]
    return [(one["id"], len(one["inputs"]), one["queue"]) for one in found if one["backend_fn"]]


@pytest.fixture(autouse=True)
def no_traceback(capfd):
    """Nothing prints a traceback."""
    yield
    printed = capfd.readouterr()
    assert "Traceback" not in printed.out + printed.err


def posted(web, path: str, body: object) -> httpx.Response:
    """The answer to a body, which is sent as it is if it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = web.post(path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code < 500, (path, answer.text)
    return answer


def read_to_the_end(web, path: str, **query) -> list[str]:
    """The messages of a stream that ends."""
    with web.stream("GET", path, params=query) as answer:
        assert answer.status_code == 200
        return [line for line in answer.iter_lines() if line]


def is_json(line: str) -> bool:
    """Whether what a message carries is JSON, in which there is no NaN."""
    json.loads(line.removeprefix("data: "), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    return True


@EXAMPLES
@given(data=st.data())
def test_the_pages_events(web, events, data):
    number, takes, queued = data.draw(st.sampled_from(events))
    many = data.draw(st.sampled_from([takes, takes, takes, 0, takes + 1]))
    session = uuid.uuid4().hex
    values = data.draw(st.lists(SENT, min_size=many, max_size=many))
    body = {"fn_index": number, "data": values, "session_hash": session}
    if data.draw(st.booleans()):
        body |= {"event_data": data.draw(VALUES), "trigger_id": data.draw(ATOMS)}
    answer = posted(web, "gradio_api/queue/join" if queued else "gradio_api/run/predict", body)
    if queued and answer.status_code == 200:
        messages = read_to_the_end(web, "gradio_api/queue/data", session_hash=session)
        assert any("process_completed" in message for message in messages)
        assert all(map(is_json, messages))


@EXAMPLES
@given(
    name=st.sampled_from(["looking", "writing", "score", "generate", "ablate", "x"]), values=st.lists(SENT, max_size=3)
)
def test_the_endpoints(web, name, values):
    answer = posted(web, f"gradio_api/call/{name}", {"data": values})
    if answer.status_code == 200:
        messages = read_to_the_end(web, f"gradio_api/call/{name}/{answer.json()['event_id']}")
        assert messages[-2] in ("event: complete", "event: error")
        assert all(is_json(message) for message in messages if message.startswith("data: "))


@EXAMPLES
@given(component=st.integers(-1, 200) | ATOMS, name=st.sampled_from(["preprocess", "file", "x"]) | ATOMS, value=SENT)
def test_the_components_own_functions(web, component, name, value):
    body = {"data": value, "component_id": component, "fn_name": name, "session_hash": "s"}
    posted(web, "gradio_api/component_server", body)


DEEP = b"[" * 50_000 + b"]" * 50_000
BODIES = [DEEP, b'{"data": ' + DEEP + b"}", b'{"data": [NaN]}', b'{"data": ["\\ud800"]}', b"x", b"", b"[]", b"\xff"]
PATHS = [
    "call/looking",
    "call/score",
    "call/v2/score",
    "call/v2/x",
    "queue/join",
    "run/predict",
    "component_server",
    "cancel",
]


@pytest.mark.parametrize("path", PATHS)
def test_bodies_that_are_no_question(web, path):
    for body in BODIES:
        posted(web, f"gradio_api/{path}", body)


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_too_large_is_refused_at_once(web, path):
    text = b'{"data": ["' + b"a" * 10_000_000 + b'"]}'
    assert posted(web, f"gradio_api/{path}", text).status_code == 413

    def pieces():  # of a length that is not announced
        for _ in range(100):
            yield b"a" * 100_000

    assert web.post(f"gradio_api/{path}", content=pieces()).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/queue/data?session_hash=nobody",
        "gradio_api/call/looking/nothing",
        "gradio_api/call/v2/score/nothing",
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=%00",
        "gradio_api/stream/a/b/c/playlist.m3u8",
        "gradio_api/custom_component/a/b/c/d",
        "?model=%ff%00&text=%ed%a0%80",
        "static/../../x",
    ],
)
def test_addresses_of_nothing(web, path):
    with web.stream("GET", path) as answer:
        assert answer.status_code < 500
        answer.read()


def test_what_the_page_has_no_use_for_is_closed(web):
    for path in ("monitoring", "monitoring/summary", "gradio_api/deep_link?session_hash=s", "gradio_api/dev/reload"):
        assert web.get(path).status_code == 404
    assert web.post("gradio_api/upload", files={"files": ("a.txt", b"a" * 1_000)}).status_code == 404
    assert web.post("gradio_api/run/score", json={"data": ["ab", "noise"]}).status_code == 404
    assert limits.BODY_BYTES > 6 * limits.QUESTION_BYTES
