"""app.py where people run it: behind proxies, without a home, beside another user's files, without streams."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from serving import free_port

from strivelm.cli import environment

ROOT = Path(__file__).parents[2]
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def inherited(**more):
    """The environment, without what this machine's own would change."""
    gone = ("STRIVELM", "GRADIO")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(gone) and k.lower() not in NAMES}
    return kept | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"} | more


@contextlib.contextmanager
def opened(*before, cwd=ROOT, command=None, streams=(), **environment):
    """A page, once it answers: the process. Ended afterwards."""
    port = free_port()
    settings = inherited(GRADIO_SERVER_PORT=str(port), **environment)
    settings = {name: value for name, value in settings.items() if value is not None}
    command = command or [sys.executable, str(ROOT / "app.py"), "--model", "film"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | dict(streams)
    running = subprocess.Popen([*before, *command], env=settings, cwd=cwd, **pipes)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        for _ in range(600):
            assert running.poll() is None, (running.stderr or running.stdout).read().decode()
            with contextlib.suppress(OSError), direct.open(f"http://127.0.0.1:{port}/", timeout=60) as answer:
                assert b"StriveLM" in answer.read()
                break
            time.sleep(0.2)
        else:
            raise AssertionError("the page never answered")
        yield running
    finally:
        running.terminate()
        running.wait(timeout=60)


def ended(*command, cwd=ROOT, **environment):
    """What app.py says and its code where it ends by itself; never a traceback."""
    command = command or (sys.executable, str(ROOT / "app.py"))
    settings = {name: value for name, value in inherited(**environment).items() if value is not None}
    done = subprocess.run(command, env=settings, capture_output=True, timeout=120, cwd=cwd)
    said = done.stderr.decode("utf-8", "surrogateescape")
    assert "Traceback" not in said, said
    return done.returncode, said


class Proxy:
    """Something on loopback that counts who comes to it, and answers nobody."""

    def __enter__(self):
        self.came = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.count, daemon=True).start()
        return self

    def count(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                with connection:
                    connection.settimeout(5)
                    self.came.append(connection.recv(1000))

    def __exit__(self, *_):
        self.socket.close()


# -- proxies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_behind_a_proxy_the_page_finds_itself_and_nothing_of_it_reaches_the_proxy(scheme):
    with Proxy() as proxy:
        address = f"{scheme}://{proxy.address}"
        names = dict.fromkeys(("http_proxy", "HTTPS_PROXY", "ALL_PROXY"), address)
        with opened(**names) as running:
            running.terminate()
            said = running.stderr.read().decode()
        assert proxy.came == []
        if scheme == "socks5":
            assert "ALL_PROXY and HTTPS_PROXY and http_proxy can't be used" in said
        with socket.create_connection(proxy.socket.getsockname()) as itself:  # the proxy counts
            itself.sendall(b"GET")
        for _ in range(100):
            if proxy.came:
                break
            time.sleep(0.05)
        assert proxy.came == [b"GET"]


def test_loopback_is_added_to_what_is_exempt_already(monkeypatch):
    for name in (*NAMES, *map(str.upper, NAMES)):
        monkeypatch.delenv(name, raising=False)
    environment.bypass_proxies_for_loopback()
    assert "no_proxy" not in os.environ, "alone it would hide the proxies that Windows and macOS keep elsewhere"
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "intranet, 10.0.0.1")
    monkeypatch.setenv("GRADIO_SERVER_NAME", "page.example")
    for _ in range(2):
        environment.bypass_proxies_for_loopback()
        exempt = os.environ["no_proxy"].split(",")
        assert exempt == ["intranet", "10.0.0.1", "localhost", "127.0.0.1", "::1", "0.0.0.0", "page.example"]
        assert os.environ["NO_PROXY"] == os.environ["no_proxy"]
    assert not urllib.request.proxy_bypass_environment("huggingface.co")
    assert urllib.request.proxy_bypass_environment("127.0.0.1")


# -- homes and temporary folders ---------------------------------------------------------------------------------------

NOBODY = 65_533
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
READS = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]  # may read where Python lies


@pytest.mark.skipif(not shutil.which("setpriv") or os.getuid() != 0, reason="only root becomes somebody else")
def test_an_unknown_user_without_a_home_beside_anothers_temporary_files(tmp_path):
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(0o755)
    shared, here = tmp_path / "tmp", tmp_path / "here"
    shared.mkdir(), here.mkdir()
    (shared / "gradio").mkdir(mode=0o700)  # root's
    shared.chmod(0o1777), here.chmod(0o777)
    settings = {"HOME": None, "XDG_CACHE_HOME": None, "HF_HOME": None, "STRIVELM_CACHE": None, "TMPDIR": str(shared)}
    with opened(*AS_NOBODY, *READS, cwd=here, **settings) as running:
        running.terminate()
        said = running.stderr.read().decode()
    assert said.count("\n") == 1, said
    assert f"HOME is not set and this user has none: caches go to {shared}/strivelm-{NOBODY}" in said
    assert list(here.iterdir()) == []
    assert list((shared / "gradio").iterdir()) == []
    assert (shared / f"strivelm-{NOBODY}").stat().st_mode & 0o777 == 0o700
    assert (shared / f"strivelm-{NOBODY}" / "gradio").is_dir()


def test_no_folder_is_called_tilde(tmp_path):
    """Whatever the package is asked to keep: without a home it says so, or puts it where the command found room."""
    script = "from strivelm import load_model; from strivelm.data.corpus import load_corpus\n"
    for act in ("load_model('alice/one')", "load_corpus('shakespeare')"):
        homeless = "import os; os.path.expanduser = lambda path: path; os.environ.pop('HOME', None)\n"
        homeless += "import pathlib\ndef none(self): raise RuntimeError('Could not determine home directory.')\n"
        homeless += "pathlib.Path.expanduser = none\n"
        with_words = f"try: {act}\nexcept ValueError as error: print(error)"
        settings = {"HF_HUB_CACHE": None, "HF_HOME": None, "STRIVELM_CACHE": None, "XDG_CACHE_HOME": None, "HOME": None}
        done = subprocess.run(
            [sys.executable, "-c", homeless + script + with_words],
            env={k: v for k, v in inherited(PYTHONPATH=str(ROOT), **settings).items() if v is not None},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "HOME is not set; set HOME or" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_that_name_that_others_can_write_to_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(environment.tempfile, "tempdir", str(tmp_path))
    first = environment.private_temporary_folder()
    assert Path(first).parent == tmp_path
    assert environment.private_temporary_folder() == first
    os.chmod(first, 0o777)
    other = environment.private_temporary_folder()
    assert other != first
    assert os.stat(other).st_mode & 0o777 == 0o700
    shutil.rmtree(first)
    os.symlink(tmp_path, first)
    assert environment.private_temporary_folder() not in (first, other)


def test_a_temporary_folder_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    code, said = ended(GRADIO_TEMP_DIR=str(tmp_path / "file"))
    assert code == 1
    assert (
        said == f"error: GRADIO_TEMP_DIR is {tmp_path}/file, which can't be written; name another folder, or unset it\n"
    )


def test_a_current_folder_that_is_gone_is_said(tmp_path):
    (tmp_path / "gone").mkdir()
    line = f"rmdir {tmp_path}/gone && exec {sys.executable} {ROOT}/app.py"
    code, said = ended("sh", "-c", line, cwd=tmp_path / "gone")
    assert (code, said) == (1, "error: the current folder is gone or can't be read; cd into another one\n")


# -- streams, names, ports ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
def test_a_page_whose_streams_are_closed_and_whose_folder_no_encoding_names_opens(tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xff"))
    shutil.copytree(ROOT / "strivelm" / "assets" / "film", odd, ignore=shutil.ignore_patterns("snapshots"))
    line = f'exec "{sys.executable}" "{ROOT}/app.py" --model "$PWD" <&- >&-'
    with opened(command=["bash", "-c", line], cwd=odd, PYTHONIOENCODING="ascii") as running:
        running.terminate()
        assert running.stderr.read() == b""


def test_a_model_that_is_not_there_is_said_in_any_encoding(tmp_path):
    name = tmp_path / "модель"
    name.mkdir()
    code, said = ended(sys.executable, str(ROOT / "app.py"), "--model", str(name), PYTHONIOENCODING="cp1252")
    assert code == 2
    assert "\\u043c\\u043e\\u0434\\u0435\\u043b\\u044c holds no config.json" in said


def test_a_port_that_is_taken_is_said_and_no_other_one_used():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = ended(GRADIO_SERVER_PORT=str(port))
    assert code == 1
    assert said.startswith(f"app.py: can't listen at 127.0.0.1, port {port} (GRADIO_SERVER_NAME, GRADIO_SERVER_PORT)")
    assert said.count("\n") == 1


WINDOWS = f"""
import os, runpy, signal, sys
import torch, gradio
for name in ("register_at_fork", "fork", "sched_getaffinity", "getpgid", "setsid", "killpg", "getloadavg"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGPIPE", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGALRM"):
    delattr(signal, name)
sys.argv = ["app.py", "--model", "film"]
runpy.run_path({str(ROOT / "app.py")!r}, run_name="__main__")
"""


def test_what_only_posix_has_is_not_needed():
    """As far as one can tell from here: without the functions and signals that Windows lacks."""
    with opened(command=[sys.executable, "-c", WINDOWS], PYTHONPATH=str(ROOT)) as running:
        running.terminate()
        assert b"Traceback" not in running.stderr.read()
