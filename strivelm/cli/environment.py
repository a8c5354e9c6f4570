"""The process's environment, corrected where it is broken, before anything heavy is imported.

Closed streams, no home, a folder for temporary files that belongs to another user, proxies through which the page can't
reach itself. What can be corrected is, with a warning on stderr if it has a cost; what can't raises an OSError whose
sentence names the variable or the folder.
"""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


def prepare() -> None:
    """Ensures what every command needs: open streams, a current folder, a home. Raises OSError, a sentence."""
    open_streams()
    try:
        os.getcwd()
    except OSError:
        raise OSError("the current folder is gone or can't be read; cd into another one") from None
    if not os.path.isabs(os.path.expanduser("~")):  # else a folder called ~ would be created
        os.environ["HOME"] = private_temporary_folder()
        where = os.environ["HOME"]
        _warn(f"HOME is not set and this user has none: caches go to {where}, until HOME or HF_HOME name a folder")


def open_streams() -> None:
    """Opens closed standard streams on os.devnull; else another file would take their place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  (it stays open)


def private_temporary_folder() -> str:
    """A folder for temporary files that nobody else can write to. Raises OSError, a sentence, if none can be made."""
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
    """Gives Gradio a folder that it can write to: if /tmp/gradio is another user's, a private one.

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
        os.environ["GRADIO_TEMP_DIR"] = os.path.join(private_temporary_folder(), "gradio")


def _writable(folder: str) -> bool:
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        return not hasattr(os, "getuid") or os.stat(folder).st_uid == os.getuid()
    except OSError:
        return False


def bypass_proxies_for_loopback() -> None:
    """Adds this machine's addresses to no_proxy: a proxy would resolve them to itself."""
    from strivelm.hub.client import named_proxies

    if not named_proxies():  # setting no_proxy alone would hide the system proxies of Windows and macOS
        return
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = dict.fromkeys([*filter(None, map(str.strip, known.split(","))), *LOOPBACK, *_own_host()])
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(hosts)


def _own_host() -> list[str]:
    return [name] if (name := os.environ.get("GRADIO_SERVER_NAME")) else []


@contextmanager
def usable_proxies() -> Iterator[None]:
    """A block in which Gradio's client (httpx) sees no proxies, if it can't use those that are set (SOCKS, say).

    It makes connections when it is imported and when a page checks that it can be reached, and would raise. The Hub's
    client is a different one, which reports the proxy itself.
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
