"""A GPT in one file, in the order of the paper.

The architecture is the classic one (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"):
token and learned position embeddings, pre-LayerNorm blocks, causal multi-head attention, a four times wider MLP with
exact GELU, a final LayerNorm, and a head that shares its matrix with the token embedding.

Shapes: B sequences of T characters, C = n_embd, H = n_head, hd = C / H, V = vocab_size.
"""

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
import torch.nn as nn
import torch.nn.functional as F
from huggingface_hub import ModelCard, ModelCardData, PyTorchModelHubMixin

from strivelm import checkpoint
from strivelm.config import GPTConfig
from strivelm.decoder import Decoder, decoder
from strivelm.generation import DEFAULTS, SamplingConfig, generate
from strivelm.hub import download, publish
from strivelm.hub.model_card import describe, literal
from strivelm.tokenizer import CharTokenizer

if TYPE_CHECKING:

    class Blocks(nn.ModuleList):
        """A ModuleList of blocks, for those who read types: torch's own names no class for what it holds."""

        def __getitem__(self, i: int) -> "Block": ...  # pyright: ignore[reportIncompatibleMethodOverride]
        def __iter__(self) -> Iterator["Block"]: ...  # pyright: ignore[reportIncompatibleMethodOverride]

else:
    Blocks = nn.ModuleList


class Block(nn.Module):
    """One layer: attention mixes the positions, then the MLP works on each position alone."""

    def __init__(self, n_embd: int, n_head: int, dropout: float = 0.0):
        super().__init__()
        self.h = n_head
        self.hd = n_embd // n_head
        self.ln1 = nn.LayerNorm(n_embd)
        self.qkv = nn.Linear(n_embd, 3 * n_embd, bias=False)
        self.proj = nn.Linear(n_embd, n_embd, bias=False)
        self.ln2 = nn.LayerNorm(n_embd)
        self.ff = nn.Sequential(nn.Linear(n_embd, 4 * n_embd), nn.GELU(), nn.Linear(4 * n_embd, n_embd))
        self.drop = nn.Dropout(dropout)

    def attention(self, x: torch.Tensor) -> torch.Tensor:
        """softmax(q kᵀ / √hd + causal mask) v for every head, then the projection back: (B, T, C) to (B, T, C)."""
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.h, self.hd).permute(2, 0, 3, 1, 4)  # each (B, H, T, hd)
        if x.device.type == "cpu" and q.dtype == torch.bfloat16:
            y = _attention_in_steps(q, k, v)  # (B, H, T, hd)
        else:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(B, T, C))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.drop(self.attention(self.ln1(x)))
        x = x + self.drop(self.ff(self.ln2(x)))
        return x


def _attention_in_steps(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """What scaled_dot_product_attention computes, for bfloat16 on a CPU, where its backward pass is slower."""
    B, H, T, hd = q.shape
    q, k, v = (part.reshape(B * H, T, hd) for part in (q, k, v))
    mask = torch.full((T, T), -math.inf, dtype=q.dtype).triu(1)
    attention = torch.baddbmm(mask, q, k.mT, alpha=hd**-0.5).softmax(dim=-1)  # (B H, T, T)
    return (attention @ v).view(B, H, T, hd)


class GPT(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="strivelm",
    pipeline_tag="text-generation",
    tags=["gpt2", "character-level", "strivelm"],
    model_card_template=checkpoint.MODEL_CARD,
):
    """A character-level GPT that can be trained, generates text, and is saved in a folder or on the Hub.

    Args:
        vocab_size: how many characters it knows (V).
        block_size: how many characters it sees at most (T).
        n_layer, n_head, n_embd: blocks, heads a block, width (n_head divides n_embd).
        dropout: the fraction of each sub-layer's output that is zeroed in training.
        chars: the vocabulary, V distinct characters; with it the model works on text, without it only on ids.

    Raises:
        ValueError: sizes that are no whole numbers, out of bounds, or do not fit each other.
    """

    def __init__(
        self,
        vocab_size: int,
        block_size: int,
        n_layer: int,
        n_head: int,
        n_embd: int,
        dropout: float = 0.0,
        chars: str | None = None,
    ):
        super().__init__()
        self.config = GPTConfig(
            vocab_size=vocab_size,
            block_size=block_size,
            n_layer=n_layer,
            n_head=n_head,
            n_embd=n_embd,
            dropout=dropout,
            chars=chars,
        )
        self._tokenizer = None if chars is None else CharTokenizer(chars)
        self.block_size, self.vocab_size = block_size, vocab_size
        self.tok = nn.Embedding(vocab_size, n_embd)
        self.pos = nn.Embedding(block_size, n_embd)
        self.blocks = Blocks(Block(n_embd, n_head, dropout) for _ in range(n_layer))
        self.lnf = nn.LayerNorm(n_embd)
        self.head = nn.Linear(n_embd, vocab_size, bias=False)
        self.head.weight = self.tok.weight  # tied (Press & Wolf 2017)
        self.apply(self._initialise)
        # Every block adds to the residual stream twice; scaling those 2L additions keeps its variance (GPT-2, 2.3).
        for block in self.blocks:
            for last in ("proj.weight", "ff.2.weight"):
                nn.init.normal_(block.get_parameter(last), std=0.02 / math.sqrt(2 * n_layer))

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(
        self, idx: torch.Tensor, targets: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Logits (B, T, V) of each next character and, given targets (B, T), their mean cross-entropy in nats.

        Raises:
            ValueError: no (B, T) tensor of whole numbers, longer than block_size, or targets of another shape.
            IndexError: an id is outside the vocabulary.
        """
        idx, targets = self._checked("idx", idx), None if targets is None else self._checked("targets", targets)
        if targets is not None and targets.shape != idx.shape:
            raise ValueError(f"targets have shape {tuple(targets.shape)}; expected that of idx, {tuple(idx.shape)}")
        positions = torch.arange(idx.shape[1], device=idx.device)
        x = self.tok(idx) + self.pos(positions)  # (B, T, C)
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.lnf(x))  # (B, T, V)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def _checked(self, name: str, ids: torch.Tensor) -> torch.Tensor:
        if not isinstance(ids, torch.Tensor) or ids.dim() != 2 or ids.shape[1] == 0:
            found = f"has shape {tuple(ids.shape)}" if isinstance(ids, torch.Tensor) else f"is a {type(ids).__name__}"
            raise ValueError(f"{name} {found}; expected a tensor (B, T) with T from 1 to {self.block_size}")
        if ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
            raise ValueError(f"{name} holds {ids.dtype}; expected ids, which are whole numbers")
        if ids.shape[1] > self.block_size:
            raise ValueError(
                f"the sequence has {ids.shape[1]} characters, but this model's context is {self.block_size}; "
                f"pass the last {self.block_size}: {name}[:, -{self.block_size}:]"
            )
        # Reading the ids makes a GPU wait and breaks a compiled graph, so there it is left to the ids' maker.
        if ids.device.type == "cpu" and not torch.compiler.is_compiling() and ids.numel():
            least, most = int(ids.min()), int(ids.max())
            if not 0 <= least <= most < self.vocab_size:
                raise IndexError(
                    f"{name} holds ids from {least} to {most}; "
                    f"expected ids from 0 to {self.vocab_size - 1} (vocab_size={self.vocab_size})"
                )
        return ids.long()

    @property
    def tokenizer(self) -> CharTokenizer:
        """Characters to ids and back. Raises ValueError for a model that was made without `chars`."""
        if self._tokenizer is None:
            raise ValueError("this model has no vocabulary; build it with GPT(..., chars='...') to work with text")
        return self._tokenizer

    def num_parameters(self) -> int:
        """How many numbers are learnt: V·C + T·C + L(12C² + 9C) + 2C, the tied head counted once."""
        return sum(p.numel() for p in self.parameters())

    def decoder(self, batch_size: int = 1, engine: str | None = None, off: Sequence[tuple[int, int]] = ()) -> Decoder:
        """A fresh, cached, one-character-at-a-time reader of this model (see `strivelm.decoder`).

        Args:
            engine: what computes, "c" or "torch"; None is the fastest that can.
            off: heads and MLPs that are switched off.
        """
        return decoder(self, batch_size, engine, off)

    def generate(
        self,
        prompt: str | Sequence[int] | torch.Tensor,
        max_new_tokens: int = DEFAULTS.max_new_tokens,
        temperature: float = DEFAULTS.temperature,
        top_k: int | None = DEFAULTS.top_k,
        top_p: float | None = DEFAULTS.top_p,
        seed: int | None = DEFAULTS.seed,
    ) -> str | list[int] | torch.Tensor:
        """The prompt and what the model writes after it: text for text, a list for a list, a tensor for a tensor.

        A tensor of ids has shape (T,) or (1, T) and comes back with max_new_tokens more. Beyond the context the text
        goes on, see `Decoder`. Training mode and torch's random state are left as they were.

        Raises:
            ValueError: an empty prompt, an unknown character (UnknownCharacterError), or an impossible setting.
        """
        config = SamplingConfig(max_new_tokens, temperature, top_k, top_p, seed)
        if isinstance(prompt, torch.Tensor):
            if prompt.dim() not in (1, 2) or (prompt.dim() == 2 and prompt.shape[0] != 1):
                raise ValueError(f"the prompt has shape {tuple(prompt.shape)}; expected (T,) or (1, T)")
            ids = prompt.flatten().tolist()
        else:
            if not isinstance(prompt, Iterable):
                raise ValueError(f"the prompt is {prompt!r}; expected text, a list of ids, or a tensor (T,) or (1, T)")
            ids = self.tokenizer.encode(prompt) if isinstance(prompt, str) else list(prompt)
        new = [step.id for step in generate(self, ids, config)]
        if isinstance(prompt, str):
            return prompt + self.tokenizer.decode(new)
        if isinstance(prompt, torch.Tensor):
            return torch.cat([prompt, prompt.new_tensor(new).expand(*prompt.shape[:-1], -1)], dim=-1)
        return [int(i) for i in ids] + new

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        revision: str | None = None,
        map_location: str | torch.device = "cpu",
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
    ) -> "GPT":
        """The model in a folder or in a Hub repo "owner/name", in float32 and evaluation mode.

        Args:
            revision: a branch, tag ("step-500") or commit of the Hub repo.
            map_location: the device it comes to.
            token, cache_dir, force_download, local_files_only: of the download, as huggingface_hub knows them.

        Raises:
            CheckpointError: the folder or repo holds no such model, or a damaged one; the message says what is wrong.
        """
        folder = download.folder_of(
            pretrained_model_name_or_path,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
        )
        with download.errors_naming(folder, str(pretrained_model_name_or_path)):
            config, state = checkpoint.load(folder)
        with checkpoint.without_weights():  # they are replaced at once
            model = cls(**vars(config))
        model.load_state_dict(state, strict=True, assign=True)
        model.head.weight = model.tok.weight
        return model.to(map_location).eval()

    def save_pretrained(
        self,
        save_directory: str | Path,
        *,
        dtype: torch.dtype | None = None,
        model_card_kwargs: dict | None = None,
    ) -> None:
        """Writes a model folder that `GPT.from_pretrained` and transformers both load.

        A README there is kept, as people edit them; the record of another model's training (training.json) is not.
        Where that fails, a model that was there before is unharmed.

        Args:
            dtype: how the weights are stored (float16 halves the file); None keeps theirs.
            model_card_kwargs: what the README says besides the sizes: corpus, best, ngrams.

        Raises:
            CheckpointError: a weight is not finite, or does not fit the dtype; or the model was changed (a head that
                is not the embedding, a bias, another part, an adapter), so that the files would hold another one.
            OSError: the folder can't be written.
        """
        # The mixin's own way would delete the old config.json before anything is written.
        folder = Path(save_directory)
        with checkpoint.without_weights():  # what these sizes are when nobody has changed a part
            plain = GPT(**vars(self.config))
        checkpoint.check_modules(self, plain)
        checkpoint.save(folder, self.config, self.state_dict(), dtype=dtype)
        (folder / checkpoint.TRAINING).unlink(missing_ok=True)
        if not (folder / "README.md").exists():
            card = self.generate_model_card(**(model_card_kwargs or {}))
            checkpoint.write_atomically(folder / "README.md", str(card).encode())

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        token: str | None = None,
        commit_message: str | None = None,
        dtype: torch.dtype | None = None,
        model_card_kwargs: dict | None = None,
    ) -> str:
        """Puts the model on the Hub as "owner/name"; returns its address.

        What it holds and what errors it raises: `save_pretrained` and `strivelm.hub.publish.push`. The record of a run
        and its loss curve, which only a run's folder has, are not in it: `python scripts/push.py FOLDER owner/name`.
        """
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder, dtype=dtype, model_card_kwargs=model_card_kwargs)
            return publish.push(
                folder, repo_id, private=private, revision=revision, token=token, message=commit_message
            )

    def generate_model_card(
        self, corpus: dict | None = None, best: dict | None = None, license: str | None = None, **kwargs
    ) -> ModelCard:
        """The README of a model folder: what the model is and, from a run's record, how it came about.

        Without a license it names none: that depends on the text that the model learnt.
        """
        prompt = "[0]"
        if self.config.chars is not None:  # short enough for transformers to add a character
            prompt = literal(self.tokenizer.example[: max(1, self.block_size - 1)])
        card = super().generate_model_card(
            config=self.config,
            parameters=f"{self.num_parameters():,}",
            prompt=prompt,
            corpus=corpus,
            best=best,
            **kwargs,
        )
        metadata = cast(ModelCardData, card.data)
        describe(metadata, corpus, best)
        metadata.license = license
        return card
