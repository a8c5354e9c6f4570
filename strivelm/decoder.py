"""A GPT that reads one character at a time and remembers the ones before it.

`GPT.forward` recomputes all positions; writing text needs only the last. `Decoder` walks the same numbers with a
key-value cache that is allocated once and written in place. It knows modules by the names that the model fixes
(`tok`, `pos`, `blocks`, `lnf`, `head`).

There are two engines. `Decoder` computes with torch, anywhere. `NativeDecoder` computes in C (`decoder.c`), on a CPU,
in float32, where there is a compiler; its logits differ by rounding alone. `decoder` picks.

Shapes: B streams, n new positions, t positions so far, C = n_embd, H = n_head, hd = C / H, V = vocab_size.

With torch, one row of text is bound by the number of kernels and by reading the weights once. So the matrices are
copied transposed, (in, out), which a product with a single row reads fastest, and three constants are multiplied in.
"""

import ctypes
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ContextDecorator
from functools import partial

import torch
import torch.nn.functional as F

from strivelm import native
from strivelm.guessing import guesses_of
from strivelm.streams import Chosen, Streams, Text

AT_ONCE = 0.004
"""Seconds that one call into C is to take, about: in it some characters are written."""


class one_thread(ContextDecorator):  # noqa: N801, it reads like a statement
    """Inside, torch computes on one thread; outside, on as many as before.

    One row of text is too little work to share: on an idle machine a second thread gains nothing, and where anything
    else runs, threads that wait for each other at every kernel were measured to be thirty times slower than one.
    """

    _lock, _inside, _outside = threading.Lock(), 0, 1

    def __enter__(self) -> None:
        with self._lock:  # of several callers at once only the first sees what it was before
            if one_thread._inside == 0:
                one_thread._outside = torch.get_num_threads()
            one_thread._inside += 1
        torch.set_num_threads(1)

    def __exit__(self, *exception) -> None:
        with self._lock:
            one_thread._inside -= 1
        torch.set_num_threads(one_thread._outside)


def in_view(read: int, more: int, block_size: int) -> int:
    """How many characters a Decoder has in view that has read a prompt, and then more of them one by one.

    So one that reads only that many of a text's last characters goes on as if it had been there from the start.
    """
    length = min(read, block_size)
    if more <= block_size - length:
        return length + more
    half = max(block_size // 2, 1)
    return half + (more - (block_size - length) - 1) % (block_size - half + 1)


class _Layer:
    """One block's weights as a single row needs them, and its cache seen from the sides that attention needs."""

    def __init__(self, block, cache: torch.Tensor):
        T, B, C3 = cache.shape
        self.cache = cache  # (T, B, 3C): row t holds q, k and v of position t, as one matrix product writes them
        self.q, self.k, self.v = cache.view(T, B, 3, block.h, block.hd).permute(2, 1, 3, 0, 4)  # (B, H, T, hd), views
        self.ln1, self.ln2 = (block.ln1.weight, block.ln1.bias), (block.ln2.weight, block.ln2.bias)
        self.qkv = block.qkv.weight.t().contiguous()  # (C, 3C)
        self.qkv[:, : C3 // 3] /= math.sqrt(block.hd)  # the scores' 1/√hd, taken once by q
        self.proj = block.proj.weight.t().contiguous()  # (C, C)
        # Exact GELU is a/2 · (1 + erf(a/√2)). With z = a/√2 it is √½ · (z + z·erf z): `up` makes z, `down` takes √½.
        self.up, self.up_bias = (
            (block.ff[0].weight.t() * math.sqrt(0.5)).contiguous(),
            block.ff[0].bias * math.sqrt(0.5),
        )
        self.down, self.down_bias = (block.ff[2].weight.t() * math.sqrt(0.5)).contiguous(), block.ff[2].bias  # (4C, C)
        # The same, as views for the first stream alone: rows (T, 3C), queries and values (H, T, hd), keys (H, hd, T).
        self.rows, self.queries, self.keys, self.values = cache[:, 0], self.q[0], self.k[0].transpose(1, 2), self.v[0]
        self.qkv_t, self.proj_t, self.up_t, self.down_t = self.qkv.t(), self.proj.t(), self.up.t(), self.down.t()

    def switch_off(self, part: int) -> None:
        """Makes what a head adds zero; the part behind the last head is the MLP."""
        heads, _, hd = self.values.shape
        if part < heads:
            self.proj[part * hd : (part + 1) * hd] = 0
        else:
            self.down, self.down_bias = torch.zeros_like(self.down), torch.zeros_like(self.down_bias)
            self.down_t = self.down.t()


class Decoder:
    """Cached decoding of `batch_size` streams of equal length, with the weights that the model has now.

    When the context is full, the last half of it (T // 2 characters) is read afresh and the text goes on: so the
    context that a character sees varies between T/2 and T, and the mean cost of a character stays near that of a
    cached step. (Learned positions cannot slide: a character's cached key holds its position.)

    Args:
        off: what is switched off, as (layer, head); (layer, number of heads) is the layer's MLP. It adds nothing.
    """

    def __init__(self, model, batch_size: int = 1, off: Sequence[tuple[int, int]] = ()):
        self._off = off
        self.batch_size, self.block_size, self._vocab_size = batch_size, model.block_size, len(model.tok.weight)
        self._history: list[list[int]] = []  # the ids at each position in the cache, one for each stream
        self._prepare(model)

    @torch.inference_mode()
    def _prepare(self, model) -> None:
        self._tok, self._pos = model.tok.weight, model.pos.weight
        self._lnf, self._head = (model.lnf.weight, model.lnf.bias), model.head.weight.t().contiguous()  # (C, V)
        cache = self._tok.new_empty(len(model.blocks), self.block_size, self.batch_size, 3 * self._tok.shape[1])
        self._layers = [_Layer(block, rows) for block, rows in zip(model.blocks, cache, strict=True)]
        for layer, part in self._off:
            self._layers[layer].switch_off(part)

    @property
    def length(self) -> int:
        """How many characters are in the cache."""
        return len(self._history)

    def prefill(self, ids: torch.Tensor | Sequence[Sequence[int]]) -> torch.Tensor:
        """Logits (B, V) after ids (B, n), read from the start; what was read before is forgotten.

        Of a text longer than the context, the last block_size characters are read. Raises ValueError for no
        characters or another number of streams, IndexError for an id outside the vocabulary.
        """
        streams = ids.tolist() if isinstance(ids, torch.Tensor) else ids
        shape = len(streams), len(streams[0]) if streams else 0
        if shape[0] != self.batch_size or not shape[1]:
            raise ValueError(f"ids have shape {shape}; expected ({self.batch_size}, n) with n at least 1")
        history = [list(column) for column in zip(*streams, strict=True)]
        for column in history:
            self._check(column)
        return self._read_afresh(history[-self.block_size :])

    def step(self, ids: torch.Tensor | Sequence[int]) -> torch.Tensor:
        """Logits (B, V) after one more character per stream, ids (B,). Raises as `prefill` does."""
        column = ids.tolist() if isinstance(ids, torch.Tensor) else list(ids)
        if len(column) != self.batch_size:
            raise ValueError(f"ids have shape ({len(column)},); expected ({self.batch_size},), one for each stream")
        self._check(column)
        t = self.length
        if t == self.block_size:
            kept = max(self.block_size // 2, 1) - 1
            return self._read_afresh([*self._history[t - kept :], column])
        self._history.append(column)
        return self._next(column, t)

    def _check(self, ids: list[int]) -> None:
        if not 0 <= min(ids) <= max(ids) < self._vocab_size:  # a negative id would quietly count from the end
            raise IndexError(f"ids hold {ids}; expected ids from 0 to {self._vocab_size - 1}")

    def _read_afresh(self, history: list[list[int]]) -> torch.Tensor:
        self._history = history
        return self._rows(history, 0)

    def _next(self, column: list[int], t: int) -> torch.Tensor:
        """Logits (B, V) after one more character a stream, at position t."""
        return self._row(column[0], t) if self.batch_size == 1 else self._rows([column], t)

    @one_thread()
    @torch.inference_mode()
    def _rows(self, columns: list[list[int]], start: int) -> torch.Tensor:
        """Reads n columns of B ids at positions start …; n > 1 only at 0, where a causal mask needs no offset."""
        ids = torch.tensor(columns, device=self._tok.device)
        (n, B), C = ids.shape, self._tok.shape[1]
        end = start + n
        x = self._tok[ids.flatten()] + self._pos[start:end].repeat_interleave(B, 0)  # (nB, C)
        for layer in self._layers:
            h = F.layer_norm(x, (C,), *layer.ln1)
            torch.mm(h, layer.qkv, out=layer.cache[start:end].view(n * B, 3 * C))
            q, k, v = layer.q[:, :, start:end], layer.k[:, :, :end], layer.v[:, :, :end]
            y = F.scaled_dot_product_attention(q, k, v, is_causal=n > 1, scale=1.0)  # (B, H, n, hd)
            x = torch.addmm(x, y.permute(2, 0, 1, 3).reshape(n * B, C), layer.proj)
            z = torch.addmm(layer.up_bias, F.layer_norm(x, (C,), *layer.ln2), layer.up)
            x = torch.addmm(x.add_(layer.down_bias), torch.addcmul(z, z, torch.erf(z)), layer.down)
        return torch.mm(F.layer_norm(x[-B:], (C,), *self._lnf), self._head)

    @one_thread()
    @torch.inference_mode()
    def _row(self, char: int, t: int) -> torch.Tensor:
        """`_rows` for one stream and one new character, in vectors: the same numbers in the fewest kernels."""
        shape, n = self._tok.shape[1:], t + 1
        x = self._tok[char] + self._pos[t]  # (C,)
        for layer in self._layers:
            torch.mv(layer.qkv_t, torch.layer_norm(x, shape, *layer.ln1), out=layer.rows[t])
            scores = torch.bmm(layer.queries.narrow(1, t, 1), layer.keys.narrow(2, 0, n))  # (H, 1, n)
            y = torch.bmm(scores.softmax(-1), layer.values.narrow(1, 0, n))  # (H, 1, hd)
            x = torch.addmv(x, layer.proj_t, y.view(shape))
            z = torch.addmv(layer.up_bias, layer.up_t, torch.layer_norm(x, shape, *layer.ln2))
            x = torch.addmv(x.add_(layer.down_bias), layer.down_t, torch.addcmul(z, z, torch.erf(z)))
        return torch.mv(self._head.t(), torch.layer_norm(x, shape, *self._lnf))[None]


class NativeDecoder(Decoder):
    """A Decoder that computes in C. Raises `strivelm.native.UnavailableError` where it can't."""

    def _prepare(self, model) -> None:
        self._model, self._weights = model, native.weights(model)
        self._library, self._sizes = self._weights.library, native.sizes_of(model, self.batch_size)
        self._sizes.half = self._weights.sizes.half
        size = self._library.strivelm_arena_bytes(ctypes.addressof(self._sizes))
        if not size:
            raise native.UnavailableError(f"it has no room for {self.batch_size} streams of this model")
        self._arena = native.Memory(size, f"what {self.batch_size} streams remember")
        self._where = ctypes.addressof(self._sizes), self._weights.memory.address, self._arena.address
        self._single = (ctypes.c_int32 * 3)()  # id, slot, position
        H = self._sizes.heads
        switches = [bytes((layer, part) in self._off for part in range(H + 1)) for layer in range(self._sizes.layers)]
        self._switched = b"".join(switches * self.batch_size) if self._off else None

    def _next(self, column: list[int], t: int) -> torch.Tensor:
        if self.batch_size > 1:
            return self._rows([column], t)
        self._single[:] = column[0], 0, t
        return self._read(self._single, 1)

    def _rows(self, columns: list[list[int]], start: int) -> torch.Tensor:
        rows = [
            (id, slot, position) for position, column in enumerate(columns, start) for slot, id in enumerate(column)
        ]
        flat = (ctypes.c_int32 * (3 * len(rows)))(*(number for row in rows for number in row))
        return self._read(flat, len(rows))

    def _read(self, rows: ctypes.Array, n: int) -> torch.Tensor:
        logits = torch.empty(self.batch_size, self._vocab_size)
        self._library.strivelm_read(*self._where, self._switched, n, rows, self.batch_size, logits.data_ptr())
        return logits

    def write(
        self,
        ids: Sequence[int],
        settings: Sequence[tuple[float, int | None, float | None]],
        numbers: Sequence[Iterator[float]],
        places: range,
        forced: Mapping[int, int],
        decide: Callable[[int, torch.Tensor, float], int],
    ) -> Iterator[list[Chosen]]:
        """Yields what is chosen after ids in all streams, character by character: what `prefill` and `step` would lead
        `strivelm.generation` to choose, sooner.

        Args:
            settings: of each stream, temperature, top_k and top_p.
            numbers: its random numbers.
            places: the indices of the characters.
            forced: ids by index that are taken whatever is drawn.
            decide: chooses for a stream from logits (V,) with a random number where C can't tell.
        """
        streams = Streams(self._weights, self.batch_size, 2 * self.batch_size, guesses_of(self._model))
        for i, (how, stream) in enumerate(zip(settings, numbers, strict=True)):
            text = Text(stream, forced, places.start, partial(decide, i))
            streams.join(ids, len(places), how, text, self._off)
        ready: dict[Text, deque[Chosen]] = {text: deque() for text in streams.texts}
        while streams.left:
            for one in streams.write(AT_ONCE):
                ready[one.text].append(one)
            while all(ready.values()):
                yield [waiting.popleft() for waiting in ready.values()]
            for text in ready:
                if text.error:
                    raise text.error


def decoder(model, batch_size: int = 1, engine: str | None = None, off: Sequence[tuple[int, int]] = ()) -> Decoder:
    """A fresh decoder of a model.

    Args:
        engine: "torch", "c", or None for the fastest that can read this model on this machine.
        off: as in `Decoder`.

    Raises ValueError for another engine, or for "c" where it can't serve.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine is {engine!r}; expected 'c', 'torch' or None for the fastest of them")
    if engine != "torch":
        try:
            return NativeDecoder(model, batch_size, off)
        except native.UnavailableError as error:
            if engine == "c":
                raise ValueError(f"the decoder in C can't read this model: {error}; use engine='torch'") from error
    return Decoder(model, batch_size, off)


ENGINES = ("torch", "c", None)


def engine_of(model) -> str:
    """What computes when this model writes, for people: "c, float16, AVX-512" or "torch"."""
    try:
        return native.weights(model).name
    except native.UnavailableError:
        return "torch"
