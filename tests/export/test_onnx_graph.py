"""The ONNX graph computes what the model computes, at once and character by character."""

import json

import numpy as np
import pytest
import torch

from strivelm import GPT
from strivelm.export import export_onnx, read_source
from strivelm.loading import BUNDLED

runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


class Session:
    """A graph in onnxruntime, and the cache of what it has read."""

    def __init__(self, path, config):
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        self.graph, self.config = runtime.InferenceSession(str(path), options, ["CPUExecutionProvider"]), config
        self.past = {}

    def __call__(self, ids, mask=None):
        """Logits (B, T, V) of ids (B, T) that follow what was read before."""
        ids = np.asarray(ids, dtype=np.int64)
        H, hd = self.config.n_head, self.config.n_embd // self.config.n_head
        names = [one.name for one in self.graph.get_inputs()[2:]]
        past = self.past or {name: np.zeros((len(ids), H, 0, hd), np.float32) for name in names}
        length = past[names[0]].shape[2] + ids.shape[1]
        mask = np.ones((len(ids), length), np.int64) if mask is None else mask
        logits, *present = self.graph.run(None, {"input_ids": ids, "attention_mask": mask} | past)
        self.past = dict(zip(names, present, strict=True))
        return torch.tensor(logits)


@pytest.fixture(params=[torch.float32, torch.float16, torch.bfloat16], ids=str)
def exported(request, model, tmp_path):
    """The model as its folder stores it, and the function that opens its graph with an empty cache."""
    model.save_pretrained(tmp_path / "saved", dtype=request.param)
    path = export_onnx(read_source(tmp_path / "saved"), tmp_path / "out")
    return GPT.from_pretrained(tmp_path / "saved"), lambda: Session(path, model.config)


def test_logits_are_the_model_s(exported, random_ids):
    model, session = exported
    ids = random_ids(model, 3, 16)
    with torch.no_grad():
        expected = model(ids)[0]
    torch.testing.assert_close(session()(ids), expected, rtol=0, atol=1e-4)
    cached = session()
    parts = [cached(ids[:, :5]), cached(ids[:, 5:6]), cached(ids[:, 6:])]
    torch.testing.assert_close(torch.cat(parts, 1), expected, rtol=0, atol=1e-4)


def test_what_is_padded_on_the_left_is_not_seen(exported, random_ids):
    model, session = exported
    ids = random_ids(model, 2, 12)
    padded = torch.cat([random_ids(model, 2, 4, seed=5), ids], 1)
    mask = np.array([[0] * 4 + [1] * 12] * 2)
    with torch.no_grad():
        torch.testing.assert_close(session()(padded, mask)[:, 4:], model(ids)[0], rtol=0, atol=1e-4)


def test_half_precision_halves_the_file(model, tmp_path):
    sizes = {}
    for dtype in (torch.float32, torch.float16):
        model.save_pretrained(tmp_path / str(dtype), dtype=dtype)
        sizes[dtype] = export_onnx(read_source(tmp_path / str(dtype)), tmp_path / f"{dtype}-out").stat().st_size
    graph = sizes[torch.float32] - 4 * model.num_parameters()
    assert sizes[torch.float16] == pytest.approx(graph + 2 * model.num_parameters(), rel=0.1)


def test_the_folder_is_laid_out_for_transformers_js(model, folder, tmp_path):
    export_onnx(read_source(folder, end_token=True), tmp_path / "out")
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    settings = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}
    assert found == {*settings, "onnx/model.onnx"}
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["transformers.js_config"] == {"dtype": "fp32"}
    assert (config["model_type"], config["vocab_size"]) == ("gpt2", 26)


def test_200_greedy_characters_of_the_bundled_model(tmp_path):
    model = GPT.from_pretrained(BUNDLED)
    session = Session(export_onnx(read_source(BUNDLED), tmp_path), model.config)
    ids = model.tokenizer.encode("To be")
    logits, written = session([ids]), []
    for _ in range(200):
        written.append(int(logits[0, -1].argmax()))
        logits = session([written[-1:]])
    assert model.tokenizer.decode(ids + written) == model.generate("To be", 200, temperature=0)
