"""A GPT that reads one character at a time and remembers the ones before it.

`GPT.forward` recomputes all positions; writing text needs only the last. `Decoder` walks the same weights with a
key-value cache that is allocated once and written in place. It knows modules by the names that the model fixes
(`tok`, `pos`, `blocks`, `lnf`, `head`) and imports nothing of the project.

Shapes: B streams, n new positions, t positions so far, C = n_embd, H = n_head, hd = C / H, V = vocab_size.
"""

import math

import torch
import torch.nn.functional as F


class _Layer:
    """One block's weights, transposed as views, and its cache seen from the two sides that attention needs."""

    def __init__(self, block, cache: torch.Tensor):
        self.block = block
        self.cache = cache  # (T, B, 3C): row t holds q, k and v of position t, as one matrix product writes them
        T, B, _ = cache.shape
        q, k, v = cache.view(T, B, 3, block.h, block.hd).permute(2, 1, 3, 0, 4)  # each (B, H, T, hd), no copies
        self.q, self.k, self.v = q, k, v
        self.keys_t = k[0].transpose(1, 2)  # (H, hd, T), for the single stream
        self.qkv, self.proj = block.qkv.weight.t(), block.proj.weight.t()
        self.up, self.down = block.ff[0].weight.t(), block.ff[2].weight.t()
        self.up_bias, self.down_bias = block.ff[0].bias, block.ff[2].bias
        self.scale = 1 / math.sqrt(block.hd)


class Decoder:
    """Cached decoding of `batch_size` streams of equal length.

    When the context is full, the last half of it (T // 2 characters) is read afresh and the text goes on: so the
    context that a character sees varies between T/2 and T, and the mean cost of a character stays near that of a
    cached step. (Learned positions cannot slide: a character's cached key holds its position.)

    The weights are not copied: a decoder made before a training step sees the weights after it, with a stale cache.
    """

    def __init__(self, model, batch_size: int = 1):
        self.model, self.batch_size, self.block_size = model, batch_size, model.block_size
        weight = model.tok.weight
        C = weight.shape[1]
        with torch.inference_mode():
            cache = weight.new_empty(len(model.blocks), self.block_size, batch_size, 3 * C)
            self._layers = [_Layer(block, rows) for block, rows in zip(model.blocks, cache, strict=True)]
            self._history = torch.empty(self.block_size, batch_size, dtype=torch.long, device=weight.device)
            self._head = weight.t()
        self.length = 0

    @torch.inference_mode()
    def prefill(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits (B, V) after ids (B, n), read from the start; what was read before is forgotten.

        Of a text longer than the context, the last block_size characters are read.
        """
        ids = ids[:, -self.block_size :]
        self.length = 0
        return self._read(ids.t())

    @torch.inference_mode()
    def step(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits (B, V) after one more character per stream, ids (B,)."""
        if self.length == self.block_size:
            kept = self._history[self.block_size - max(self.block_size // 2, 1) + 1 :].clone()
            self.length = 0
            return self._read(torch.cat([kept, ids[None]]))
        return self._read(ids[None])

    def _read(self, ids: torch.Tensor) -> torch.Tensor:
        """Reads ids (n, B) behind the `length` positions in the cache; n > 1 only into an empty cache."""
        n, B = ids.shape
        start, end = self.length, self.length + n
        self._history[start:end] = ids
        model, C = self.model, self._head.shape[0]
        x = model.tok.weight[ids.flatten()] + model.pos.weight[start:end].repeat_interleave(B, 0)  # (nB, C)
        for layer in self._layers:
            block = layer.block
            h = F.layer_norm(x, (C,), block.ln1.weight, block.ln1.bias)
            torch.mm(h, layer.qkv, out=layer.cache[start:end].view(n * B, 3 * C))
            x = torch.addmm(x, self._attend(layer, start, end), layer.proj)
            h = F.layer_norm(x, (C,), block.ln2.weight, block.ln2.bias)
            h = torch.addmm(layer.up_bias, h, layer.up)
            h = h * torch.special.ndtr(h)  # exact GELU, x·Φ(x); for one row on a CPU, faster than F.gelu
            x = torch.addmm(layer.down_bias, h, layer.down).add_(x)
        self.length = end
        x = F.layer_norm(x[-B:], (C,), model.lnf.weight, model.lnf.bias)
        return torch.mm(x, self._head)

    def _attend(self, layer: _Layer, start: int, end: int) -> torch.Tensor:
        """What positions start..end gather from all before them, (nB, C)."""
        n = end - start
        if n == 1 and self.batch_size == 1:  # the common case, in the fewest kernels
            scores = torch.bmm(layer.q[0, :, start:end], layer.keys_t[:, :, :end]).mul_(layer.scale)  # (H, 1, t)
            return torch.bmm(scores.softmax(-1), layer.v[0, :, :end]).view(1, -1)
        q, k, v = layer.q[:, :, start:end], layer.k[:, :, :end], layer.v[:, :, :end]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=n > 1)  # (B, H, n, hd)
        return y.permute(2, 0, 1, 3).reshape(n * self.batch_size, -1)
