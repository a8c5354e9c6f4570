"""app.py, started as a user starts it."""

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def command(*flags, **environment):
    """What starts app.py, and the environment it gets."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("STRIVELM", "GRADIO"))}
    return [sys.executable, str(ROOT / "app.py"), *flags], inherited | {"HF_HUB_OFFLINE": "1"} | environment


@pytest.mark.parametrize(
    ("flags", "environment", "sentence"),
    [
        (["--model", "no such model"], {}, "'no such model' is no model"),
        ([], {"STRIVELM_MODEL": "nobody/nothing"}, "nobody/nothing"),
        (["--model", "{empty}"], {}, "holds no config.json"),
        (["--model", "{empty}"], {"GRADIO_SERVER_PORT": "http"}, "GRADIO_SERVER_PORT is 'http'; expected a number"),
    ],
)
def test_a_model_that_can_not_be_opened_is_one_sentence(tmp_path, flags, environment, sentence):
    arguments, environment = command(*[flag.format(empty=tmp_path) for flag in flags], **environment)
    ended = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "Traceback" not in ended.stderr


def test_it_listens_where_it_is_told_and_prints_the_address(tmp_path, noise, unused_port):
    noise.model.save_pretrained(tmp_path / "model")
    arguments, environment = command(
        "--model", str(tmp_path / "model"), GRADIO_SERVER_PORT=str(unused_port), GRADIO_SERVER_NAME="127.0.0.1"
    )
    running = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        line = running.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:(\d+)/?", line)
        assert address, line
        assert int(address[1]) == unused_port
        with urllib.request.urlopen(address[0], timeout=60) as answer:
            assert answer.status == 200
            assert "StriveLM" in answer.read().decode()
    finally:
        running.terminate()
        running.wait(timeout=60)
        running.stdout.close()
