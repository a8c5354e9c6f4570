"""A run's folder: the best model, its youth, and its record."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file

from strivelm import open_model
from strivelm.config import Sizes
from strivelm.data.corpus import corpus_from_text
from strivelm.training import new_model, train
from strivelm.training.config import TrainConfig
from strivelm.training.evaluation import evaluate
from strivelm.training.events import Snapshot
from strivelm.training.run_folder import Run

TEXT = "the cat sat on the mat; the dog sat on the log. " * 12
SIZES = Sizes(n_layer=1, n_head=2, n_embd=16, block_size=12)
CONFIG = TrainConfig(max_steps=27, batch_size=4, eval_interval=10, warmup_steps=3, snapshots=5)


def test_snapshots_are_model_folders_with_their_own_loss(tmp_path):
    corpus = corpus_from_text(TEXT, "cats and dogs")
    model = new_model(corpus, SIZES, 0)
    keeper, losses = Run(tmp_path, model, corpus, CONFIG), {}
    for event in train(model, corpus, CONFIG):
        keeper.keep(event)
        if isinstance(event, Snapshot):
            losses[f"step-{event.evaluation.step}"] = event.evaluation.validation
    folders = sorted((tmp_path / "snapshots").iterdir(), key=lambda path: int(path.name.removeprefix("step-")))
    assert [folder.name for folder in folders] == ["step-0", "step-1", "step-3", "step-9", "step-27"]
    for folder in folders:
        opened = open_model(folder)
        assert evaluate(opened.model, corpus.validation) == pytest.approx(losses[folder.name], abs=1e-6)
        assert opened.validation_loss == losses[folder.name]
        record = json.loads((folder / "training.json").read_text())
        assert record["best"] == record["evaluations"][-1]
    assert open_model(tmp_path).validation_loss == min(losses.values())

    anew = Run(tmp_path, model, corpus, dataclasses.replace(CONFIG, snapshots=0), overwrite=True)
    assert not any((tmp_path / "snapshots").iterdir()), "another run's youth does not stand beside this one's model"
    assert anew.record["best"] is None


def test_float16_halves_the_file_and_keeps_the_loss(tmp_path):
    corpus = corpus_from_text(TEXT, "cats and dogs")
    model = new_model(corpus, SIZES, 0)
    keeper = Run(tmp_path, model, corpus, CONFIG, dtype=torch.float16)
    for event in train(model, corpus, CONFIG):
        keeper.keep(event)
    assert {tensor.dtype for tensor in load_file(tmp_path / "model.safetensors").values()} == {torch.float16}
    reopened = open_model(tmp_path).model
    assert {p.dtype for p in reopened.parameters()} == {torch.float32}
    assert evaluate(reopened, corpus.validation) == pytest.approx(evaluate(model, corpus.validation), abs=5e-4)
