"""Where a command runs: what a process needs and some machines don't give, mended before anything heavy is imported.

Closed streams, no home, a folder for temporary files that is somebody else's, proxies that don't let the page reach
itself. What can be mended is, with a word on stderr where it costs something; what can't ends in a sentence that names
the variable or the folder.
"""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


def prepare() -> None:
    """What every command needs: streams to write to, a current folder, a home. Raises OSError, a sentence."""
    open_streams()
    try:
        os.getcwd()
    except OSError:
        raise OSError("the current folder is gone or can't be read; cd into another one") from None
    if not os.path.isabs(os.path.expanduser("~")):  # else what is kept at home would lie in a folder called ~
        os.environ["HOME"] = own_folder()
        where = os.environ["HOME"]
        _warn(f"HOME is not set and this user has none: caches go to {where}, until HOME or HF_HOME name a folder")


def open_streams() -> None:
    """Leads closed standard streams to nowhere. Else the next file or socket takes their place, and is written into."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  (it stays open)


def own_folder() -> str:
    """A folder for temporary files that nobody else can write to. Raises OSError, a sentence, where there is none."""
    user = os.getuid() if hasattr(os, "getuid") else "home"
    try:
        folder = os.path.join(tempfile.gettempdir(), f"strivelm-{user}")
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        about = os.lstat(folder)
        ours = user == "home" or (about.st_uid == user and not about.st_mode & 0o022)
        return folder if stat.S_ISDIR(about.st_mode) and ours else tempfile.mkdtemp(prefix="strivelm-")
    except OSError as error:
        words = error.strerror or str(error)
        raise OSError(f"no folder for temporary files can be made ({words}); set TMPDIR to one") from None


def temporary_folder() -> None:
    """Lets Gradio keep its files where it can: beside another user's /tmp/gradio, in a folder of our own.

    Raises OSError, a sentence, where GRADIO_TEMP_DIR names a folder that can't be written.
    """
    named = os.environ.get("GRADIO_TEMP_DIR")
    if named:
        if not _writable(named):
            raise OSError(f"GRADIO_TEMP_DIR is {named}, which can't be written; name another folder, or unset it")
        return
    try:
        usual = os.path.join(tempfile.gettempdir(), "gradio")
    except OSError:
        raise OSError("no folder for temporary files can be written; set TMPDIR to one") from None
    if not _writable(usual):
        os.environ["GRADIO_TEMP_DIR"] = os.path.join(own_folder(), "gradio")


def _writable(folder: str) -> bool:
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        return not hasattr(os, "getuid") or os.stat(folder).st_uid == os.getuid()
    except OSError:
        return False


def spare_loopback() -> None:
    """Keeps what goes to this very machine from the environment's proxies, which know another one by that name."""
    from strivelm.hub.client import named_proxies

    if not named_proxies():  # a variable alone would hide the proxies that Windows and macOS keep elsewhere
        return
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = dict.fromkeys([*filter(None, map(str.strip, known.split(","))), *LOOPBACK, *_own_host()])
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(hosts)


def _own_host() -> list[str]:
    return [name] if (name := os.environ.get("GRADIO_SERVER_NAME")) else []


@contextmanager
def usable_proxies() -> Iterator[None]:
    """A block in which Gradio's client (httpx) sees no proxies, if it can't use those that are named (SOCKS, say).

    It opens connections when it is imported and when a page asks itself whether it is there, and would raise. The Hub's
    client is another one: it says so itself, each time.
    """
    import httpx

    from strivelm.hub.client import unusable_proxy

    try:
        httpx.Client().close()
    except (ImportError, ValueError) as error:
        _warn(f"{unusable_proxy(error)}; until then models on the Hub can't be opened")
        before = {name: os.environ.get(name) for name in ("no_proxy", "NO_PROXY")}
        os.environ |= dict.fromkeys(before, "*")
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
    else:
        yield


def _warn(words: str) -> None:
    print(f"warning: {words}", file=sys.stderr, flush=True)
