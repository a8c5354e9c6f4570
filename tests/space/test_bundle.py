"""What a Space gets is enough: its page opens, it installs as a package, its README is one that the Hub takes."""

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from importlib.metadata import version

import pytest
import yaml
from hub.space_routes import card_errors
from serving import free_port

from strivelm.space import bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that holds what a Space does, and nothing else."""
    root = tmp_path_factory.mktemp("space")
    for name, content in bundle.pack().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def environment(**more):
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("STRIVELM", "GRADIO", "PYTHON", "GIT_"))}
    return inherited | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"} | more


# -- which files -------------------------------------------------------------------------------------------------------


def test_every_file_of_the_package_that_git_knows_goes():
    """A new kind of file needs a line in parcel.ALLOWED, and, unless it is Python, one in pyproject's package-data."""
    done = subprocess.run(["git", "ls-files", "strivelm"], cwd=bundle.ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is no git checkout")
    tracked = {name for name in done.stdout.splitlines() if (bundle.ROOT / name).is_file()}
    assert tracked <= set(bundle.names())


@pytest.mark.parametrize(
    "name",
    [
        "strivelm/ui/tabs/learn.py",
        "strivelm/ui/views/heads-and-tails.js",
        "strivelm/assets/film/snapshots/step-3000/model.safetensors",
        "strivelm/assets/bundled/ngrams.safetensors",
    ],
)
def test_what_belongs_to_the_package_goes(name):
    assert bundle.ALLOWED.fullmatch(name)


@pytest.mark.parametrize(
    "name",
    [
        "strivelm/../secret.py",
        "strivelm/ui/../../.env.js",
        "strivelm/assets/film/snapshots/step-x/model.safetensors",
        "strivelm/assets/film/pytorch_model.bin",
        "strivelm/model.py\n",
        "other/strivelm/model.py",
        "strivelm/model.pyc",
        "xapp.py",
        "app_py",
    ],
)
def test_what_looks_like_it_does_not(name):
    assert not bundle.ALLOWED.fullmatch(name)


def test_a_space_gets_a_compiler_for_the_decoder_in_c():
    packed = bundle.pack()
    assert packed["packages.txt"].decode().split() == ["gcc", "libc6-dev"]
    assert not (bundle.ROOT / "packages.txt").exists()
    assert bundle.is_ours("packages.txt")
    assert {"strivelm/decoder.c", "strivelm/sampling.c", "strivelm/kernels.h"} <= packed.keys()


# -- the README's metadata ---------------------------------------------------------------------------------------------


def test_the_metadata_is_what_the_hub_takes_and_what_the_tests_ran_with():
    readme = (bundle.ROOT / "README.md").read_text("utf-8")
    assert card_errors(readme) == []
    said = yaml.safe_load(readme.split("---\n")[1])
    assert said["sdk"] == "gradio"
    assert said["sdk_version"] == version("gradio")
    assert f"\ngradio=={said['sdk_version']}\n" in (bundle.ROOT / "requirements.txt").read_text()
    assert said["python_version"] == "3.12"
    assert (bundle.ROOT / said["app_file"]).is_file()
    named = {"license", "tags", "datasets", "suggested_hardware", "startup_duration_timeout", "pinned"}
    assert named <= said.keys()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"short_description: {'x' * 61}", '"short_description" is'),
        ("colorTo: beige", '"colorTo" is'),
        ("python_version: 3.10", '"python_version" is 3.1;'),
        ("emoji: GPT", '"emoji" is'),
        ("license: mine", '"license" must be'),
        ("suggested_hardware: t5", '"suggested_hardware" is'),
        ("startup_duration_timeout: 30", '"startup_duration_timeout" is 30;'),
        ("pinned: maybe", '"pinned" is'),
        ("thumbnail: picture.png", '"thumbnail" is'),
        ("color: red", '"color" is not known'),
        ("models: [one]", "\"models\" holds 'one', no id"),
    ],
)
def test_the_loopback_hub_knows_the_hubs_rules(line, words):
    metadata = "title: One\nemoji: 🔍\ncolorFrom: red\ncolorTo: red\nsdk: gradio\n"
    assert card_errors(f"---\n{metadata}---\n") == []
    wrong = card_errors(f"---\n{metadata}{line}\n---\n")
    assert len(wrong) == 1
    assert words in wrong[0]


def test_a_clone_with_the_line_ends_of_windows_is_packed_as_the_repository_has_it(folder, tmp_path):
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main")
    origin = shutil.copytree(folder, tmp_path / "origin")
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "a checkout"]):
        subprocess.run([*git, *arguments], cwd=origin, check=True, env=environment(), capture_output=True)
    clone = tmp_path / "clone"
    windows = ["clone", "--quiet", "-c", "core.autocrlf=true", "-c", "core.eol=crlf", str(origin), str(clone)]
    subprocess.run([*git, *windows], check=True, env=environment())
    assert (clone / "README.md").read_bytes().startswith(b"---\r\n")
    for how in ({}, {"hardware": "zero-a10g", "models": ("alice/one",), "thumbnail": "https://localhost/x.png"}):
        assert bundle.pack(clone, **how) == bundle.pack(origin, **how)


def test_zerogpus_requirements_differ_by_torch_alone():
    plain, zero = (bundle.pack(hardware=h)["requirements.txt"].decode().splitlines() for h in (None, "zero-a10g"))
    assert [(a, b) for a, b in zip(plain, zero, strict=True) if a != b] == [
        (f"torch>=2.8,<={re.search(r'torch>=2.8,<=(.*)', chr(10).join(plain))[1]}", "torch>=2.8,<=2.11.0")
    ]


# -- it is enough ------------------------------------------------------------------------------------------------------


def test_the_page_opens_from_what_a_space_gets(folder, tmp_path):
    port = free_port()
    settings = environment(GRADIO_SERVER_PORT=str(port), GRADIO_SERVER_NAME="127.0.0.1", HOME=str(tmp_path))
    running = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=settings, stdout=subprocess.PIPE, text=True)
    try:
        assert f"127.0.0.1:{port}" in running.stdout.readline()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            assert answer.status == 200
            assert "StriveLM" in answer.read().decode()
    finally:
        running.terminate()
        running.wait(timeout=60)
        running.stdout.close()


@pytest.mark.slow
def test_a_space_installs_as_a_package_from_its_git_address(folder, tmp_path):
    """As `pip install git+https://huggingface.co/spaces/owner/space` does, but without a network."""
    pytest.importorskip("setuptools", "77")
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main")
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "a Space"]):
        subprocess.run([*git, *arguments], cwd=folder, check=True, env=environment())
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet", "--no-deps"]
    where = ["--no-index", "--no-build-isolation", "--root-user-action=ignore", "--target", str(target)]
    done = subprocess.run([*pip, *where, f"git+file://{folder}"], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    ours = {name for name in bundle.names() if name.startswith("strivelm/")}
    installed = {path.relative_to(target).as_posix() for path in (target / "strivelm").rglob("*") if path.is_file()}
    assert {name for name in installed if "__pycache__" not in name} == ours
    script = (
        "from strivelm import GPT, load_model\n"
        "for name in ('bundled', 'film', 'film@step-0'):\n"
        "    model = load_model(name)\n"
        "    assert isinstance(model, GPT) and len(model.generate('To be', max_new_tokens=5, seed=1)) == 10\n"
        "import strivelm.ui, strivelm.inspection\n"
        "print(strivelm.__file__)\n"
    )
    settings = environment(PYTHONPATH=str(target))
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(target / "strivelm" / "__init__.py")
