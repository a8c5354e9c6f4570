"""app.py, started as a user starts it."""

import json
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
        (["--writer", "me"], {}, "the writer is 'me'; expected one of server, browser, faster"),
        ([], {"STRIVELM_WRITER": "me"}, "the writer is 'me'; expected one of server, browser, faster"),
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


def test_agents_are_offered_the_same_endpoints(tmp_path, noise, unused_port):
    noise.model.save_pretrained(tmp_path / "model")
    arguments, environment = command(
        "--model", str(tmp_path / "model"), "--mcp", GRADIO_SERVER_PORT=str(unused_port), GRADIO_SERVER_NAME="127.0.0.1"
    )
    running = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        while "StriveLM is open at" not in (line := running.stdout.readline()):
            assert line, "app.py ended before it listened"
        asked = urllib.request.Request(
            f"http://127.0.0.1:{unused_port}/gradio_api/mcp/",
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode(),
            {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            data = next(line for line in answer.read().decode().splitlines() if line.startswith("data: "))
        tools = {tool["name"]: tool["description"] for tool in json.loads(data[6:])["result"]["tools"]}
        assert {"generate", "attention", "heads", "logit_lens", "ablate", "compare"} <= tools.keys()
        assert len(tools) == 11
        assert all(tools.values())
    finally:
        running.terminate()
        running.wait(timeout=60)
        running.stdout.close()


def test_without_the_package_for_agents_one_sentence_says_what_to_install(tmp_path):
    _, environment = command()
    script = f"""
import importlib.util, runpy, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "mcp" else find(name, *rest)
sys.argv = ["app.py", "--mcp"]
runpy.run_path({str(ROOT / "app.py")!r}, run_name="__main__")
"""
    environment |= {"PYTHONPATH": str(ROOT)}
    asked = [sys.executable, "-c", script]
    ended = subprocess.run(asked, env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == 'app.py: --mcp needs a package that is not installed: pip install "gradio[mcp]"\n'
