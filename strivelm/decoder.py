"""A GPT that reads one character at a time and remembers the ones before it.

`GPT.forward` recomputes all positions; writing text needs only the last. `Decoder` walks the same numbers with a
key-value cache that is allocated once and written in place. It knows modules by the names that the model fixes
(`tok`, `pos`, `blocks`, `lnf`, `head`) and imports nothing of the project.

Shapes: B streams, n new positions, t positions so far, C = n_embd, H = n_head, hd = C / H, V = vocab_size.

One row of text is bound by the number of kernels and by reading the weights once. So the matrices are copied
transposed, (in, out), which a product with a single row reads fastest, and three constants are multiplied in.
"""

import math

import torch
import torch.nn.functional as F


class _Layer:
    """One block's weights as a single row needs them, and its cache seen from the sides that attention needs."""

    def __init__(self, block, cache: torch.Tensor):
        T, B, C3 = cache.shape
        self.cache = cache  # (T, B, 3C): row t holds q, k and v of position t, as one matrix product writes them
        self.q, self.k, self.v = cache.view(T, B, 3, block.h, block.hd).permute(2, 1, 3, 0, 4)  # (B, H, T, hd), views
        self.keys_t, self.values = self.k[0].transpose(1, 2), self.v[0]  # (H, hd, T) and (H, T, hd) of a single stream
        self.ln1, self.ln2 = (block.ln1.weight, block.ln1.bias), (block.ln2.weight, block.ln2.bias)
        self.qkv = block.qkv.weight.t().contiguous()  # (C, 3C)
        self.qkv[:, : C3 // 3] /= math.sqrt(block.hd)  # the scores' 1/√hd, taken once by q
        self.proj = block.proj.weight.t().contiguous()  # (C, C)
        # Exact GELU is a/2 · (1 + erf(a/√2)). With z = a/√2 it is √½ · (z + z·erf z): `up` makes z, `down` takes √½.
        self.up, self.up_bias = block.ff[0].weight.t() * math.sqrt(0.5), block.ff[0].bias * math.sqrt(0.5)
        self.up = self.up.contiguous()  # (C, 4C)
        self.down, self.down_bias = block.ff[2].weight.t().contiguous() * math.sqrt(0.5), block.ff[2].bias  # (4C, C)


class Decoder:
    """Cached decoding of `batch_size` streams of equal length, with the weights that the model has now.

    When the context is full, the last half of it (T // 2 characters) is read afresh and the text goes on: so the
    context that a character sees varies between T/2 and T, and the mean cost of a character stays near that of a
    cached step. (Learned positions cannot slide: a character's cached key holds its position.)
    """

    def __init__(self, model, batch_size: int = 1):
        self.batch_size, self.block_size = batch_size, model.block_size
        with torch.inference_mode():
            self._tok, self._pos = model.tok.weight, model.pos.weight
            self._lnf, self._head = (model.lnf.weight, model.lnf.bias), model.head.weight.t().contiguous()  # (C, V)
            cache = self._tok.new_empty(len(model.blocks), self.block_size, batch_size, 3 * self._tok.shape[1])
            self._layers = [_Layer(block, rows) for block, rows in zip(model.blocks, cache, strict=True)]
            self._history = torch.empty(self.block_size, batch_size, dtype=torch.long, device=self._tok.device)
        self.length, self._size = 0, model.vocab_size

    @torch.inference_mode()
    def prefill(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits (B, V) after ids (B, n), read from the start; what was read before is forgotten.

        Of a text longer than the context, the last block_size characters are read. Raises ValueError for no
        characters or another number of streams, IndexError for an id outside the vocabulary.
        """
        if ids.dim() != 2 or ids.shape[0] != self.batch_size or not ids.shape[1]:
            raise ValueError(f"ids have shape {tuple(ids.shape)}; expected ({self.batch_size}, n) with n at least 1")
        self._check(ids)
        return self._read_afresh(ids[:, -self.block_size :].t())

    @torch.inference_mode()
    def step(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits (B, V) after one more character per stream, ids (B,). Raises as `prefill` does."""
        if ids.shape != (self.batch_size,):
            raise ValueError(f"ids have shape {tuple(ids.shape)}; expected ({self.batch_size},), one for each stream")
        self._check(ids)
        t = self.length
        if t == self.block_size:
            kept = max(self.block_size // 2, 1) - 1
            return self._read_afresh(torch.cat([self._history[t - kept :], ids[None]]))
        self._history[t] = ids
        self.length = t + 1
        return self._row(int(ids), t) if self.batch_size == 1 else self._rows(ids[None], t)

    def _check(self, ids: torch.Tensor) -> None:
        # A negative id would quietly count from the vocabulary's end. Elsewhere than on a CPU, looking would wait.
        if ids.device.type == "cpu":
            found = ids.flatten().tolist()
            if not 0 <= min(found) <= max(found) < self._size:
                raise IndexError(f"ids hold {found}; expected ids from 0 to {self._size - 1}")

    def _read_afresh(self, ids: torch.Tensor) -> torch.Tensor:
        self.length = len(ids)
        self._history[: self.length] = ids
        return self._rows(ids, 0)

    def _rows(self, ids: torch.Tensor, start: int) -> torch.Tensor:
        """Reads ids (n, B) at positions start …; n > 1 only at 0, so that a causal mask without offset is right."""
        (n, B), C = ids.shape, self._tok.shape[1]
        end = start + n
        x = self._tok[ids.flatten()] + self._pos[start:end].repeat_interleave(B, 0)  # (nB, C)
        for layer in self._layers:
            torch.mm(F.layer_norm(x, (C,), *layer.ln1), layer.qkv, out=layer.cache[start:end].view(n * B, 3 * C))
            q, k, v = layer.q[:, :, start:end], layer.k[:, :, :end], layer.v[:, :, :end]
            y = F.scaled_dot_product_attention(q, k, v, is_causal=n > 1, scale=1.0)  # (B, H, n, hd)
            x = torch.addmm(x, y.permute(2, 0, 1, 3).reshape(n * B, C), layer.proj)
            z = torch.addmm(layer.up_bias, F.layer_norm(x, (C,), *layer.ln2), layer.up)
            x = torch.addmm(x.add_(layer.down_bias), torch.addcmul(z, z, torch.erf(z)), layer.down)
        return torch.mm(F.layer_norm(x[-B:], (C,), *self._lnf), self._head)

    def _row(self, char: int, t: int) -> torch.Tensor:
        """`_rows` for one stream and one new character, in vectors: the same numbers in the fewest kernels."""
        C, end = self._tok.shape[1], t + 1
        x = self._tok[char] + self._pos[t]  # (C,)
        for layer in self._layers:
            torch.mv(layer.qkv.t(), F.layer_norm(x, (C,), *layer.ln1), out=layer.cache[t, 0])
            scores = torch.bmm(layer.q[0, :, t:end], layer.keys_t[:, :, :end])  # (H, 1, t + 1)
            y = torch.bmm(scores.softmax(-1), layer.values[:, :end])  # (H, 1, hd)
            x = torch.addmv(x, layer.proj.t(), y.view(C))
            z = torch.addmv(layer.up_bias, layer.up.t(), F.layer_norm(x, (C,), *layer.ln2))
            x = torch.addmv(x.add_(layer.down_bias), layer.down.t(), torch.addcmul(z, z, torch.erf(z)))
        return torch.mv(self._head.t(), F.layer_norm(x, (C,), *self._lnf))[None]
