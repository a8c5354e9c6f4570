"""The decoder in C: compiled on first use, kept in the cache, called by ctypes; and a model's weights as it reads them.

`decoder.c` needs a C compiler once. Where there is none, or one that fails or hangs, `library` raises UnavailableError
with the reason, and `strivelm.decoder` computes with torch. A call into C lets other threads of Python go on.
"""

import ctypes
import hashlib
import mmap
import os
import platform
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch

from strivelm.data.sources import cache_folder

HERE = Path(__file__).parent
SOURCES = [HERE / name for name in ("decoder.c", "sampling.c", "guessing.c", "writing.c", "decoder.h", "kernels.h")]
FLAGS = ("-O2", "-std=gnu11", "-fno-math-errno", "-fPIC", "-shared")
PROCESSORS = (("-march=native",), ())  # what is tried in turn; not every compiler knows its own processor
TIMEOUT = 60  # seconds; a second or two are enough
HUGE = 1 << 21  # bytes of a large page


class UnavailableError(Exception):
    """The decoder in C can't serve. The message says why."""


class Sizes(ctypes.Structure):
    """`struct sizes` of decoder.c."""

    _fields_ = [(name, ctypes.c_int32) for name in ("layers", "heads", "width", "context", "vocab", "slots", "half")]


# -- the library -------------------------------------------------------------------------------------------------------

_lock = threading.RLock()
_found: ctypes.CDLL | UnavailableError | None = None


def library() -> ctypes.CDLL:
    """The compiled decoder, the same for the whole process. Raises UnavailableError, from then on at once."""
    global _found
    with _lock:
        if _found is None:
            try:
                _found = load(cache_folder(None) / "native")
            except UnavailableError as error:
                _found = error
    if isinstance(_found, UnavailableError):
        raise UnavailableError(str(_found))
    return _found


def load(folder: Path, compiler: str | None = None, timeout: float = TIMEOUT) -> ctypes.CDLL:
    """The compiled decoder from a folder, where it is put if it is not there.

    A folder that can't be written, or that others may write into, is left alone: then the library lives for this
    process only.

    Args:
        compiler: the command, by default $CC or cc.
        timeout: seconds after which the compiler is ended.

    Raises UnavailableError.
    """
    command = shlex.split(compiler or os.environ.get("CC") or "cc")
    name = f"decoder-{_key(command)}"
    for path in sorted(folder.glob(f"{name}-*.so")):
        if _is_ours(path) and _is_whole(path):
            with suppress(OSError, AttributeError):  # one that can't be loaded is made anew
                return _opened(path)
    if not command or shutil.which(command[0]) is None:
        raise UnavailableError(f"there is no C compiler ({' '.join(command) or 'cc'})")
    with tempfile.TemporaryDirectory() as own:
        made = Path(own) / f"{name}.so"
        _compile(command, made, timeout)
        path = folder / f"{name}-{_digest(made)}.so"
        if _kept(made, path):
            made = path
        try:
            return _opened(made)
        except (OSError, AttributeError) as error:
            raise UnavailableError(f"what {command[0]} made can't be loaded: {error}") from error


def _key(command: list[str]) -> str:
    """A name for this source, compiled by this command for this processor."""
    key = hashlib.sha256(repr((command, FLAGS, PROCESSORS, platform.machine(), platform.system())).encode())
    for source in SOURCES:
        key.update(source.read_bytes())
    with suppress(OSError):  # elsewhere than on Linux a cache is rarely shared by machines
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        key.update("".join(sorted({line for line in lines if line.startswith(("model name", "flags"))})).encode())
    return key.hexdigest()[:16]


def _is_ours(path: Path) -> bool:
    """Whether a library may be run: a file that nobody else could have put there."""
    try:
        found = [path.lstat(), path.parent.stat()]
    except OSError:
        return False
    if not stat.S_ISREG(found[0].st_mode):
        return False
    user = getattr(os, "getuid", lambda: 0)()
    return os.name != "posix" or all(s.st_uid in (user, 0) and not s.st_mode & 0o022 for s in found)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _is_whole(path: Path) -> bool:
    """Whether a library is what its name says: running a part of one would end the process."""
    try:
        return path.stem.endswith(f"-{_digest(path)}")
    except OSError:
        return False


def _compile(command: list[str], to: Path, timeout: float) -> None:
    sources = [str(source) for source in SOURCES if source.suffix == ".c"]
    for processor in PROCESSORS:
        with tempfile.TemporaryFile() as said:
            try:
                running = subprocess.Popen(
                    [*command, *FLAGS, *processor, "-o", str(to), *sources, "-lm"],
                    **{"stdin": subprocess.DEVNULL, "stdout": said, "stderr": said, "start_new_session": True},
                )
            except OSError as error:
                raise UnavailableError(f"{command[0]} can't be run: {error}") from error
            try:
                status = running.wait(timeout)
            except subprocess.TimeoutExpired:
                _end(running)
                raise UnavailableError(f"{command[0]} did not end within {timeout:g} seconds") from None
            except BaseException:
                _end(running)
                raise
            said.seek(0)
            words = said.read(4000).decode("utf-8", "replace").strip()
        if status == 0 and to.is_file():
            return
    raise UnavailableError(
        f"{command[0]} failed (exit status {status}): {words.splitlines()[-1] if words else 'no words'}"
    )


def _end(running: subprocess.Popen) -> None:
    """Ends a compiler and the processes that it started."""
    if hasattr(os, "killpg"):
        with suppress(OSError):
            os.killpg(running.pid, signal.SIGKILL)
    running.kill()
    running.wait()


def _kept(made: Path, path: Path) -> bool:
    """Puts a library where the next process finds it, at once and whole, whoever else does the same; whether it did."""
    new = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(made, new)
        new.chmod(0o700)
        new.replace(path)
        return _is_ours(path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        return False


def _opened(path: Path) -> ctypes.CDLL:
    opened = ctypes.CDLL(str(path))
    pointer, whole, long = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
    signatures = {
        "lanes": (whole,),
        "weights_bytes": (long, pointer),
        "arena_bytes": (long, pointer),
        "pack": (whole, pointer, pointer, whole, whole, pointer, long, long, whole),
        "digest": (ctypes.c_uint64, pointer, long, ctypes.c_uint64),
        "read": (whole, pointer, pointer, pointer, pointer, whole, pointer, whole, pointer),
        "guesses_bytes": (long,),
        "guess": (whole, pointer, pointer, whole),
        "teach": (None, pointer, long, whole, pointer, pointer, pointer),
        "write": (whole, *[pointer] * 5, whole, pointer, pointer, *[whole] * 3, *[pointer] * 6),
        "draw": (whole, whole, pointer, ctypes.c_float, whole, ctypes.c_double, ctypes.c_double, pointer),
    }
    for name, (answer, *arguments) in signatures.items():
        function = getattr(opened, f"strivelm_{name}")
        function.restype, function.argtypes = answer, arguments
    return opened


# -- memory and weights ------------------------------------------------------------------------------------------------


class Memory:
    """Bytes for C: zeros to begin with, at a page's start, which the machine provides as they are touched.

    Raises MemoryError, a sentence, before it asks for what this machine does not have.
    """

    def __init__(self, size: int, what: str):
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 1 << 46
        if size > machine:
            raise MemoryError(f"{what} needs {size / 1e9:,.1f} GB of memory; this machine has {machine / 1e9:,.1f} GB")
        # Weights are read from end to end for every character: in large pages that takes a sixth less time.
        large = HUGE if size >= HUGE and hasattr(mmap, "MADV_HUGEPAGE") else 0
        self.size = size
        if large:  # of a process alone: shared memory, which is usual, has no large pages
            self._memory = mmap.mmap(-1, size + large, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            with suppress(OSError):  # a kernel without them
                self._memory.madvise(mmap.MADV_HUGEPAGE)
        else:
            self._memory = mmap.mmap(-1, size)
        self._first = ctypes.c_char.from_buffer(self._memory)  # keeps it where it is
        self.address = ctypes.addressof(self._first)
        self.address += -self.address % max(large, 1)


class Weights:
    """A model's weights as decoder.c reads them: float16 where that holds every number of the matrices, else float32.

    Raises UnavailableError for a model that is not as decoder.c expects it.
    """

    def __init__(self, model):
        self.library = library()
        self._tensors = list(_tensors(model))
        for *_, tensor, shape in self._tensors:
            _check(tensor, shape)
        if model.head.weight.data_ptr() != model.tok.weight.data_ptr():
            raise UnavailableError("the model's head has a matrix of its own")
        self.digest = digest(self.library, [tensor for *_, tensor, _ in self._tensors])
        self.sizes = sizes_of(model)
        if not any(self._pack(half) for half in (1, 0)):
            raise UnavailableError("the model's weights are not all finite")
        del self._tensors

    def _pack(self, half: int) -> bool:
        self.sizes.half = half
        at = ctypes.addressof(self.sizes)
        self.memory = Memory(self.library.strivelm_weights_bytes(at), "the model")
        for kind, layer, tensor, _ in self._tensors:
            along = tensor.stride() if tensor.dim() == 2 else (0, tensor.stride(0))
            where = self.memory.address, kind, layer, tensor.data_ptr()
            if self.library.strivelm_pack(at, *where, *along, 0) != 1:
                return False
        return True

    @property
    def name(self) -> str:
        """What reads them, for people: "c, float16, AVX-512"."""
        x86 = platform.machine().lower() in ("x86_64", "amd64")
        wide = {16: "AVX-512", 8: "AVX", 4: "SSE" if x86 else "128-bit vectors"}[self.library.strivelm_lanes()]
        return f"c, {'float16' if self.sizes.half else 'float32'}, {wide}"


_packed: "weakref.WeakKeyDictionary[torch.nn.Module, Weights]" = weakref.WeakKeyDictionary()


@torch.no_grad()
def weights(model) -> Weights:
    """The weights that the model has at this moment: packed once, and again when any number of them has changed.

    Raises UnavailableError.
    """
    library()
    with _lock:
        known = _packed.get(model)
        if known is not None:
            tensors = [tensor for *_, tensor, _ in _tensors(model)]
            same = model.head.weight.data_ptr() == model.tok.weight.data_ptr()
            if same and all(_is_plain(tensor) for tensor in tensors) and digest(known.library, tensors) == known.digest:
                return known
        _packed.pop(model, None)
        known = _packed[model] = Weights(model)
        return known


def sizes_of(model, slots: int = 1) -> Sizes:
    """The model's sizes; `half` is left 0."""
    (vocab, width), heads = model.tok.weight.shape, model.blocks[0].h
    return Sizes(len(model.blocks), heads, width, model.block_size, vocab, slots, 0)


def slot_bytes(weights: Weights) -> int:
    """How many bytes one text's context takes."""
    one, two = (Sizes.from_buffer_copy(weights.sizes) for _ in range(2))
    one.slots, two.slots = 1, 2
    return sum(sign * weights.library.strivelm_arena_bytes(ctypes.addressof(s)) for sign, s in ((1, two), (-1, one)))


def digest(library: ctypes.CDLL, tensors: list[torch.Tensor]) -> tuple[int, list]:
    """What changes when a number, a shape or a place in the order of the tensors does."""
    number, shapes = 0, []
    for tensor in tensors:
        if not tensor.is_contiguous():
            tensor = tensor.t()
        dense = tensor.contiguous()
        number = library.strivelm_digest(dense.data_ptr(), dense.numel(), number)
        shapes.append((*tensor.shape, *tensor.stride()))
    return number, shapes


def _tensors(model) -> Iterator[tuple[int, int, torch.Tensor, tuple[int, ...]]]:
    """Every weight as (in, out) or (out,): its kind in decoder.c, its layer, itself, and the shape that is expected."""
    C, V, T = model.tok.weight.shape[1], model.tok.weight.shape[0], model.block_size
    yield 0, 0, model.tok.weight.t(), (C, V)
    yield 1, 0, model.pos.weight, (T, C)
    yield 2, 0, model.lnf.weight, (C,)
    yield 3, 0, model.lnf.bias, (C,)
    for layer, block in enumerate(model.blocks):
        up, down = block.ff[0], block.ff[2]
        named = [
            (block.ln1.weight, (C,)),
            (block.ln1.bias, (C,)),
            (block.qkv.weight.t(), (C, 3 * C)),
            (block.proj.weight.t(), (C, C)),
            (block.ln2.weight, (C,)),
            (block.ln2.bias, (C,)),
            (up.weight.t(), (C, 4 * C)),
            (up.bias, (4 * C,)),
            (down.weight.t(), (4 * C, C)),
            (down.bias, (C,)),
        ]
        for kind, (tensor, shape) in enumerate(named, 4):
            yield kind, layer, tensor, shape


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether its numbers lie where data_ptr says; those of a subclass (quantized ones) may lie anywhere."""
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.layout != torch.strided:
        return False
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32


def _check(tensor: torch.Tensor, shape: tuple[int, ...]) -> None:
    if not _is_plain(tensor):
        kind = f"{type(tensor).__name__} of {tensor.dtype} on {tensor.device}"
        raise UnavailableError(f"the model's weights are {kind}; C reads tensors of float32 on the CPU")
    if tuple(tensor.shape) != shape:
        raise UnavailableError(f"a weight has shape {tuple(tensor.shape)}; C reads {shape}")
