"""Compiles the decoder for the web: `python -m strivelm.web.build`, with clang and lld (Debian: apt install clang lld).

What it makes ends with a section that names the sources by their digest, so that one that was made of others is noticed
(`is_current`).
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from strivelm import native

SOURCES = [path for path in native.SOURCES if path.name in ("decoder.c", "decoder.h", "kernels.h")]
"""What reads; what is chosen of it is chosen in JavaScript (writing.js), whichever engine reads."""
WASM = Path(__file__).parent / "decoder.wasm"
FLAGS = ("-O3", "-std=gnu11", "-msimd128", "-mbulk-memory", "-ffreestanding", "-nostdlib")
LINKED = ("--no-entry", "--export-dynamic", "--export=__heap_base", "--strip-all")
SECTION = b"strivelm.sources"


def compiler() -> str | None:
    """clang's path, if what is needed is there."""
    return shutil.which("clang") if shutil.which("wasm-ld") else None


def build(to: Path = WASM) -> None:
    """Compiles the decoder into a file. Raises RuntimeError, a sentence, where that can't be done."""
    clang = compiler()
    if clang is None:
        raise RuntimeError("clang and wasm-ld are needed; install them (Debian: apt install clang lld)")
    sources = [str(path) for path in SOURCES if path.suffix == ".c"]
    linked = [f"-Wl,{flag}" for flag in LINKED]
    done = subprocess.run(
        [clang, "--target=wasm32", *FLAGS, *linked, "-o", str(to), *sources], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"clang failed: {done.stderr.strip()[-2000:]}")
    to.chmod(0o644)
    to.write_bytes(to.read_bytes() + _section())


def is_current(wasm: Path = WASM) -> bool:
    """Whether a file was made of the sources as they are now."""
    return wasm.read_bytes().endswith(_section())


def _section() -> bytes:
    """A custom section of WebAssembly: its id, 0, its length, and in it a name and the digest."""
    key = hashlib.sha256(repr((FLAGS, LINKED)).encode())
    for source in SOURCES:
        key.update(source.read_bytes().replace(b"\r\n", b"\n"))
    content = bytes([len(SECTION)]) + SECTION + key.hexdigest()[:16].encode()
    return bytes([0, len(content)]) + content  # lengths below 128 are one byte


if __name__ == "__main__":
    try:
        build()
    except RuntimeError as error:
        sys.exit(str(error))
    print(f"{WASM}: {WASM.stat().st_size:,} bytes")
