"""`strivelm export`: what it writes and where, and what it refuses."""

import pytest
from commands import run

from strivelm import GPT


def test_it_writes_each_format_beside_the_model(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for flags, name in (
        (["--end-token"], "saved-exported/model.safetensors"),
        (["--to", "onnx"], "saved-onnx/onnx/model.onnx"),
        (["--to", "gguf"], "saved.gguf"),
    ):
        if "--to" in flags:
            pytest.importorskip(flags[1])
        before = {path: path.read_bytes() for path in folder.iterdir()}
        done = run("export.py", folder, *flags)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert (tmp_path / name).is_file()
        assert name.split("/")[0] in done.stdout
        assert ("<|end|>" in done.stdout) == (flags != ["--to", "onnx"])
        again = run("export.py", folder, *flags)
        assert again.returncode == 1
        assert "pass --overwrite to replace it" in again.stderr
        assert run("export.py", folder, *flags, "--overwrite").returncode == 0
        assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_another_precision(folder, tmp_path):
    assert run("export.py", folder, tmp_path / "half", "--dtype", "float16").returncode == 0
    half = (tmp_path / "half" / "model.safetensors").stat().st_size
    assert half < 0.6 * (folder / "model.safetensors").stat().st_size
    assert GPT.from_pretrained(tmp_path / "half").config == GPT.from_pretrained(folder).config


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{folder}"], "say what to change: --end-token, --dtype, --to onnx or --to gguf"),
        (["{folder}", "{folder}", "--end-token", "--overwrite"], "is the model's own folder; name another place"),
        (["{tmp}/none", "--end-token"], "is no model: expected 'bundled', 'film'"),
        (["film@step-0", "{tmp}/out", "--end-token"], "train the model on, which moves that sum"),
    ],
)
def test_what_can_not_be_exported_is_said_in_a_sentence(folder, tmp_path, arguments, words):
    done = run("export.py", *(argument.format(folder=folder, tmp=tmp_path) for argument in arguments))
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
