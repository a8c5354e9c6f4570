"""The worker of strivelm/web in a real Chromium: its numbers are Python's, and what is wrong is a sentence."""

import json
import shutil

import pytest
import torch
from browser.plain_files import files_of

from strivelm import SamplingConfig, generate, inspection, load_model
from strivelm.loading import COME_ALONG
from strivelm.ui.tabs.generate.in_browser import LIMITS
from strivelm.web import script

pytestmark = pytest.mark.browser

TEXT = "The king is dead; the queen is not. " * 2
SAID = """([name, messages]) => {
  const worker = new Worker("/worker.js", { name });
  const said = (message) => new Promise((kept) => {
    const parts = [];
    worker.onmessage = ({ data }) => ("part" in data ? parts.push(data.part) : kept({ ...data, parts }));
    worker.postMessage({ id: 1, ...message });
  });
  const plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
  return messages.reduce(async (before, message) => {
    const answers = await before;
    const { answer, error, parts } = await said(message);
    const whole = answer && !Array.isArray(answer) && typeof answer === "object";
    const found = whole ? Object.fromEntries(Object.entries(answer).map(([key, one]) => [key, plain(one)])) : answer;
    return [...answers, { answer: found, error, parts }];
  }, Promise.resolve([])).finally(() => worker.terminate());
}"""


@pytest.fixture
def asked(browser, tmp_path):
    """The function that asks a worker of its own, in an empty page; the folder that is served, and its address."""
    (tmp_path / "worker.js").write_text(script.worker(LIMITS), "utf-8")
    (tmp_path / "index.html").write_text("<!doctype html><title>.</title><link rel=icon href=data:,>")
    with files_of(tmp_path) as at:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto(at)

        def ask(*messages, name=""):
            return page.evaluate(SAID, [name, list(messages)])

        yield ask, tmp_path, at
        page.close()


def opened(at, ref="film"):
    files = {"config": f"{at}/{ref}/config.json", "weights": f"{at}/{ref}/model.safetensors"}
    about = {"name": ref, "load": f"model = load_model({ref!r})", "loss": None}
    return {"do": "open", "ref": ref, "files": files, "about": about, "measure": True}


@pytest.mark.parametrize("name", ["", "plain"])
@pytest.mark.parametrize("ref", ["film", "bundled"])
def test_it_computes_what_python_does(asked, ref, name):
    ask, folder, at = asked
    shutil.copytree(COME_ALONG[ref], folder / ref, ignore=shutil.ignore_patterns("snapshots"))
    model, config = load_model(ref), SamplingConfig(30, 0.9, 40, 1.0, 7)
    given = {"prompt": TEXT, "count": 30, "temperature": 0.9, "top_k": 40, "top_p": 1, "seed": 7}
    told, written, looked, surprising, closed, after = ask(
        opened(at, ref),
        {"do": "ask", "ref": ref, "name": "generate.write", "given": given},
        {"do": "ask", "ref": ref, "name": "look", "given": {"text": TEXT, "attention": True, "depths": True}},
        {"do": "ask", "ref": ref, "name": "surprisal", "given": {"text": TEXT}},
        {"do": "close", "ref": ref},
        {"do": "ask", "ref": ref, "name": "surprisal", "given": {"text": TEXT}},
        name=name,
    )
    assert told["answer"]["engine"] == ("JavaScript" if name else "WebAssembly")
    assert told["answer"]["speed"] > 0
    text = "".join(one[0] for part in written["parts"] for one in part.get("characters", ()))
    assert text == model.tokenizer.decode([step.id for step in generate(model, model.tokenizer.encode(TEXT), config)])
    traced, lens = inspection.trace(model, TEXT, keep={"attention"}), inspection.logit_lens(model, TEXT)
    attention = torch.tensor(looked["answer"]["attention"]).view_as(traced.attention)
    torch.testing.assert_close(attention, traced.attention, rtol=0, atol=1e-5)
    depths = torch.tensor(looked["answer"]["depths"]).view_as(lens.logits)
    torch.testing.assert_close(depths.softmax(-1), lens.probabilities, rtol=0, atol=1e-5)
    expected = inspection.surprisal(model, TEXT).model[1:].tolist()
    assert surprising["answer"] == pytest.approx(expected, abs=1e-5)
    assert closed["error"] is None
    assert after["error"] == "This model is not open in the browser."


def test_bad_files_are_sentences_and_the_worker_goes_on(asked):
    ask, folder, at = asked
    for ref in ("short", "long", "odd", "film"):
        shutil.copytree(COME_ALONG["film"], folder / ref, ignore=shutil.ignore_patterns("snapshots"))
    content = (folder / "film" / "model.safetensors").read_bytes()
    (folder / "short" / "model.safetensors").write_bytes(content[:-100])
    (folder / "long" / "model.safetensors").write_bytes(content + bytes(3_000_000))
    config = json.loads((folder / "odd" / "config.json").read_text("utf-8"))
    (folder / "odd" / "config.json").write_text(json.dumps(config | {"n_layer": 100, "n_embd": 1 << 14}), "utf-8")
    short, long, odd, none, film = ask(*(opened(at, ref) for ref in ("short", "long", "odd", "none", "film")))
    assert "is cut short" in short["error"]
    assert "model.safetensors has more than the" in long["error"]
    assert "parameters" in odd["error"]
    assert none["error"] == "config.json could not be fetched: the server answered 404."
    assert film["answer"]["engine"] == "WebAssembly"


def test_files_are_fetched_once(asked):
    ask, folder, at = asked
    shutil.copytree(COME_ALONG["film"], folder / "film", ignore=shutil.ignore_patterns("snapshots"))
    assert ask(opened(at))[0]["answer"]
    shutil.rmtree(folder / "film")
    assert ask(opened(at))[0]["answer"]  # another worker, and what it asks for is not there any more
