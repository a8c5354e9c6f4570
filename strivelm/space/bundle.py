"""The files of this checkout that go to a Space: exactly those that an allow list names.

A deny list would forget something: `.env` in a subfolder, a cache, a run, a notebook with a token.
"""

import os
import re
from pathlib import Path

from strivelm.checkpoint import FILES, CheckpointError

ROOT = Path(__file__).parents[2]
APP, README, REQUIREMENTS = "app.py", "README.md", "requirements.txt"
NEEDED = (APP, README, REQUIREMENTS, "pyproject.toml", "LICENSE")
PACKAGES = "packages.txt"
"""A file made for the Space that names Debian packages: a C compiler, for the faster decoder in C."""
COMPILER = b"gcc\nlibc6-dev\n"

ALLOWED = re.compile(
    rf"""{"|".join(map(re.escape, NEEDED))}
    |strivelm/py\.typed
    |strivelm/docs/\w+\.md
    |strivelm/([a-z]\w*/)*\w+\.(py|c|h|wasm)
    |strivelm/(ui|web)/([a-z]\w*/)*[\w-]+\.(js|css|md)
    |strivelm/assets/[\w-]+\.(txt|md|png|fingerprint\.safetensors)
    |strivelm/assets/(bundled|film)/(snapshots/step-[0-9]+/)?({"|".join(map(re.escape, FILES))})""",
    re.VERBOSE | re.ASCII,
)
TEXT = (".py", ".md", ".txt", ".toml", ".js", ".css", ".c", ".h", ".json", "LICENSE")
"""Ends of the names of text files, whose line ends may differ in a clone (git's core.autocrlf)."""
SECRET = re.compile(rb"\bhf_[A-Za-z0-9]{30,}")
"""A token of the Hub."""
ZERO_TORCH = "2.11.0"
"""The newest torch that ZeroGPU supports (huggingface.co/docs/hub/spaces-zerogpu)."""


def is_ours(name: str) -> bool:
    """Whether this module decides over a path in a Space: the files that it may send, and all of the package."""
    return name.startswith("strivelm/") or name in (*NEEDED, PACKAGES)


def names(root: Path = ROOT) -> list[str]:
    """The files of a checkout that go to a Space, as paths below it, sorted. Symbolic links are left out."""
    found = []
    for folder, folders, files in os.walk(root):
        here = Path(folder).relative_to(root)
        folders[:] = [
            name for name in folders if here.parts or name == "strivelm"
        ]  # a run's folder may hold very many files
        for name in files:
            path = (here / name).as_posix()
            if ALLOWED.fullmatch(path) and not (root / path).is_symlink():
                found.append(path)
    return sorted(found)


def pack(
    root: Path = ROOT, *, hardware: str | None = None, models: tuple[str, ...] = (), thumbnail: str | None = None
) -> dict[str, bytes]:
    """The files of a checkout as a Space gets them: bytes by path, with "\\n" as line ends.

    Args:
        hardware: what the Space runs on; on ZeroGPU (zero-…) torch is limited to what that supports.
        models: the Hub models that the Space opens; its metadata names them, so that their pages link to it.
        thumbnail: the address of the picture that links to the Space show.

    Raises:
        CheckpointError: a file is missing, or holds a token of the Hub.
    """
    found = {name: _as_in_git(name, (root / name).read_bytes()) for name in names(root)}
    if missing := [name for name in (*NEEDED, "strivelm/__init__.py") if name not in found]:
        raise CheckpointError(f"{root} holds no {missing[0]}; deploy from a checkout of StriveLM, not from a package")
    for name, content in found.items():
        if SECRET.search(content):
            raise CheckpointError(f"{name} holds what looks like a token of the Hub; remove it before it is published")
    lines = [f"thumbnail: {thumbnail}"] if thumbnail else []
    if models:
        lines += ["models:", *(f"  - {model}" for model in models)]
    found[PACKAGES] = COMPILER
    found[README] = _with_metadata(found[README], lines)
    if (hardware or "").startswith("zero-"):
        found[REQUIREMENTS] = _for_zero(found[REQUIREMENTS])
    return found


def _as_in_git(name: str, content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n") if name.endswith(TEXT) else content


def _with_metadata(readme: bytes, lines: list[str]) -> bytes:
    """A README with lines added at the end of its metadata."""
    if not readme.startswith(b"---\n") or b"\n---\n" not in readme:
        raise CheckpointError(f"{README} does not begin with a Space's metadata between two lines of ---")
    head, body = readme.split(b"\n---\n", 1)
    return b"\n".join([head, *(line.encode() for line in lines), b"---", body])


def _for_zero(requirements: bytes) -> bytes:
    """The requirements with torch limited to ZeroGPU's newest."""
    return re.sub(rb"(?m)^(torch>=[\d.]+,<=)[\d.]+", rb"\g<1>" + ZERO_TORCH.encode(), requirements)
