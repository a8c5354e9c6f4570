"""Steps 3.3 to 3.7: what one block does to one character."""

import torch

from strivelm import inspection
from strivelm.inspection.dropout import dropped
from strivelm.inspection.layer import NEEDED
from strivelm.ui.tabs.learn.lessons import blocks
from strivelm.ui.tabs.learn.lessons.beginning import experiment, switched_off
from strivelm.ui.tabs.learn.lessons.blocks import bar, number, share, vector
from strivelm.ui.tabs.learn.lessons.reading import DROPPED, Figure, Reading

LISTED = 8
"""How many keys, neurons or depths a table lists."""


def _layers(reading: Reading) -> dict:
    layers = [(layer, str(layer)) for layer in range(reading.config.n_layer)]
    return blocks.choice("layer", "Layer", layers, reading.layer)


def _heads(reading: Reading) -> dict:
    heads = [(head, str(head)) for head in range(reading.config.n_head)]
    return blocks.choice("head", "Head", heads, reading.head)


def inside_of(reading: Reading) -> inspection.Inside:
    recorded = reading.trace({*NEEDED, "logits"})
    return inspection.inside(reading.model, recorded, reading.layer, reading.at, reading.head, neurons=LISTED)


def attention(reading: Reading) -> Figure:
    """Step 3.3: one query against the keys up to its own, the weights, and the mean of the values."""
    found, at = inside_of(reading), reading.at
    weights = reading.trace({*NEEDED, "logits"}).attention
    order = found.attention.argsort(descending=True, stable=True)[:LISTED].tolist()
    products = found.keys @ found.query
    rows = [
        [
            str(i),
            blocks.chars(found.chars[i]),
            number(products[i].item()),
            number(found.scores[i].item()),
            bar(found.attention[i].item()),
        ]
        for i in order
    ]
    uniform, H, C = 1 / (at + 1), reading.config.n_head, reading.config.n_embd
    note = f"[Uniform](term:uniform) attention would give each of the {at + 1:,} characters in view {share(uniform)}."
    if at + 1 > LISTED:
        note = f"The {LISTED} largest of {at + 1:,} weights. " + note
    shown = [
        blocks.heat(
            "Who looks at whom",
            weights[reading.layer, reading.head],
            "A row is a query, a column a key; the empty upper half is what a query never sees: the characters after "
            "it.",
        ),
        blocks.table(
            "How much the chosen character takes from each",
            ["position", "[key](term:)", "q·k", "q·k/√d", "[weight](term:)"],
            rows,
            note,
        ),
        blocks.vectors(
            f"Layer {reading.layer}, head {reading.head}: the {found.query.numel()} numbers of each",
            [
                vector("q query", found.query),
                vector("k its own key", found.keys[-1]),
                vector("v its own value", found.values[-1]),
                vector("z mean of the values", found.z, "→"),
            ],
            "q and k decide the weights; z is what the head passes on.",
        ),
        switched_off(reading, ("no_attention", "one_head")),
    ]
    return Figure(
        shown,
        {
            "H": f"{H:,}",
            "d": f"{C // H:,}",
            "root": number(found.divisor),
            "best": _previous(weights, reading),
        },
        reading.python(
            "from strivelm import trace\n"
            "from strivelm.inspection import inside\n"
            "from strivelm.inspection.component_ablation import component_losses",
            f"layer, head = {reading.layer}, {reading.head}",
            "found = inside(model, text, layer=layer, position=at, head=head)",
            "print(found.keys @ found.query, found.scores, found.attention)",
            "print(found.query, found.keys[-1], found.values[-1], found.z)",
            "print(trace(model, text).attention[layer, head])  # of all queries",
            *experiment(reading, "no_attention", "one_head"),
        ),
        [_layers(reading), _heads(reading)],
        [*found.attention.tolist(), *[0.0] * (len(reading.text) - at - 1)],
        "The background of each character is the weight that the chosen one gives it.",
        attempt={"at": 0},
    )


def _previous(weights: torch.Tensor, reading: Reading) -> str:
    """Which head looks most at the character before, in a sentence."""
    if len(reading.text) < 2:
        return "A text of one character has nothing before it."
    scores = inspection.patterns(weights, reading.trace({*NEEDED, "logits"}).ids).previous_character
    layer, head = divmod(int(scores.argmax()), reading.config.n_head)
    return f"On your text it is head {head} of layer {layer}, with {share(scores[layer, head].item())} on average."


def layernorm(reading: Reading) -> Figure:
    """Step 3.4: a LayerNorm at work on the chosen character."""
    found = inside_of(reading)
    normed = found.ln1 if reading.chosen.half == "attention" else found.ln2
    rows = [
        [
            name,
            number(values.mean().item()),
            number(values.var(correction=0).item(), 4),
            number(values.norm().item()),
        ]
        for name, values in (("x", normed.before), ("normalised", normed.normalised), ("with γ and β", normed.after))
    ]
    C = reading.config.n_embd
    return Figure(
        [
            blocks.vectors(
                "One character's numbers, before and after",
                [
                    vector("x", normed.before),
                    vector("normalised", normed.normalised, "→"),
                    vector("γ", normed.gain, "×"),
                    vector("β", normed.bias, "+"),
                    vector("LayerNorm(x)", normed.after, "="),
                ],
            ),
            blocks.table("What changes", ["", "mean", "variance", "length"], rows),
        ],
        {
            "C": f"{C:,}",
            "root": number(C**0.5),
            "mean": number(normed.mean),
            "variance": number(normed.variance),
            "epsilon": f"{normed.epsilon:.9f}".rstrip("0"),
        },
        reading.python(
            "from strivelm.inspection import inside",
            f"found = inside(model, text, layer={reading.layer}, position=at)",
            f"normed = found.{'ln1' if reading.chosen.half == 'attention' else 'ln2'}",
            "print(normed.mean, normed.variance, normed.normalised.var(correction=0).item())",
            "for vector in (normed.before, normed.normalised, normed.gain, normed.bias, normed.after):",
            "    print(vector.mean().item(), vector.var(correction=0).item(), vector.norm().item())",
        ),
        [
            _layers(reading),
            blocks.choice("half", "Before", [("attention", "attention"), ("MLP", "the MLP")], reading.chosen.half),
        ],
        attempt={"layer": reading.config.n_layer - 1},
    )


def residuals(reading: Reading) -> Figure:
    """Step 3.5: the stream after every half of a block, what each half added, and what the model would write there."""
    recorded = reading.trace({"residual", "attn_out", "mlp_out", "logits"})
    at, stream = reading.at, recorded.residual[:, reading.at].cpu().double()
    added = torch.stack([recorded.attn_out[:, at], recorded.mlp_out[:, at]], 1).flatten(0, 1).cpu().double()  # (2L, C)
    lens = inspection.logit_lens(reading.model, recorded)
    lengths = [stream[0].norm().item(), *added.norm(dim=1).tolist()]
    most = max(stream.norm(dim=1).max().item(), 1e-12)
    rows = [
        [
            name,
            number(lengths[depth]) if depth else "",
            bar(stream[depth].norm().item() / most, number(stream[depth].norm().item())),
            blocks.chars(lens.top_chars[depth][at][0]),
            bar(lens.top_probabilities[depth, at, 0].item()),
        ]
        for depth, name in enumerate(lens.depths)
    ]
    gap = (stream[0] + added.sum(0) - stream[-1]).abs().max().item()
    settles = int(lens.settles[at])
    return Figure(
        [
            blocks.table(
                "The stream at the chosen character",
                ["after", "length of what was added", "length of the stream", "would write", "with"],
                rows,
                "The last two columns read the stream early, by the final LayerNorm and the head "
                "([logit lens](term:)): what the model would write if it stopped there.",
                settles,
            ),
            blocks.vectors(
                "Nothing is overwritten",
                [
                    vector("embeddings", stream[0]),
                    vector("all that was added", added.sum(0), "+"),
                    vector("the stream at the end", stream[-1], "="),
                ],
                f"The sum differs from the stream by at most {gap:.0e}: rounding.",
            ),
        ],
        {
            "additions": str(2 * reading.config.n_layer),
            "L": str(reading.config.n_layer),
            "C": f"{reading.config.n_embd:,}",
            "settles": lens.depths[settles],
        },
        reading.python(
            "from strivelm import trace\nfrom strivelm.inspection import logit_lens",
            "recorded = trace(model, text)",
            "print(recorded.residual[:, at].norm(dim=1))",
            "print(recorded.attn_out[:, at].norm(dim=1), recorded.mlp_out[:, at].norm(dim=1))",
            "lens = logit_lens(model, recorded)",
            "print([row[at][0] for row in lens.top_chars], lens.top_probabilities[:, at, 0])",
        ),
        attempt={"text": "ROMEO", "at": 4},
    )


def mlp(reading: Reading) -> Figure:
    """Step 3.6: the neurons that the chosen character moves most."""
    found = inside_of(reading)
    pre = reading.trace({*NEEDED, "logits"}).mlp_pre[reading.layer, reading.at].cpu().double()
    most = max(found.post.abs().max().item(), 1e-12)
    rows = [
        [
            str(neuron),
            number(before),
            bar(after / most, number(after)),
            number(size),
            blocks.chars("".join(raised)),
        ]
        for neuron, before, after, size, raised in zip(
            found.neurons.tolist(),
            found.pre.tolist(),
            found.post.tolist(),
            found.written.tolist(),
            found.raised,
            strict=True,
        )
    ]
    xs = torch.linspace(-4, 4, 81, dtype=torch.float64)
    C, active = reading.config.n_embd, (pre > 0).double().mean().item()
    return Figure(
        [
            blocks.table(
                "The most active neurons at the chosen character",
                ["neuron", "before GELU", "after", "adds (length)", "raises most"],
                rows,
                f"Of {4 * C:,} neurons, {share(active)} are above 0 here. The last column: the next characters whose "
                "logits the neuron raises most, directly.",
            ),
            blocks.curve(
                "GELU",
                [("GELU(x) = x Φ(x)", list(zip(xs.tolist(), torch.nn.functional.gelu(xs).tolist(), strict=True)))],
                [],
                "x",
                "GELU(x)",
                "Far below 0 it is 0, far above it is x; between, it bends. Its lowest value is −0.17, at −0.75.",
            ),
            switched_off(reading, ("no_mlps",)),
        ],
        {"C": f"{C:,}", "neurons": f"{4 * C:,}", "count": f"{8 * C * C + 5 * C:,}", "active": share(active)},
        reading.python(
            "from strivelm import trace\n"
            "from strivelm.inspection import inside\n"
            "from strivelm.inspection.component_ablation import component_losses",
            f"found = inside(model, text, layer={reading.layer}, position=at)",
            "print(found.neurons, found.pre, found.post, found.written, found.raised)",
            f"print((trace(model, text).mlp_pre[{reading.layer}, at] > 0).double().mean().item())",
            *experiment(reading, "no_mlps"),
        ),
        [_layers(reading)],
        attempt={"at": 0},
    )


def dropout(reading: Reading) -> Figure:
    """Step 3.7: what dropout would make of what the MLP adds, in training and afterwards."""
    p, seed = reading.chosen.dropout, reading.chosen.seed
    vector_ = reading.trace({"mlp_out"}).mlp_out[reading.layer, reading.at]
    found = dropped(vector_, p, seed)
    own = reading.config.dropout
    rows = [
        [str(i), number(before), number(after), "kept" if kept else "dropped"]
        for i, (before, after, kept) in enumerate(
            zip(
                found.before[:LISTED].tolist(), found.after[:LISTED].tolist(), found.kept[:LISTED].tolist(), strict=True
            )
        )
    ]
    return Figure(
        [
            blocks.vectors(
                f"What the MLP of layer {reading.layer} adds",
                [
                    vector("before", found.before),
                    vector("in training", found.after, "→"),
                    vector("afterwards", found.before, "→"),
                ],
                f"{share(found.zeroed)} of {found.before.numel():,} numbers were dropped this time; the others were "
                f"multiplied by {number(found.scale)}.",
            ),
            blocks.table("The first of them", ["channel", "before", "in training", ""], rows),
        ],
        {
            "own": f"{own:g}",
            "verdict": "so nothing was dropped while it learnt"
            if own == 0
            else f"so in training {share(own)} of what each half of a block adds was zeroed",
            "p": f"{p:g}",
            "scale": number(found.scale),
        },
        reading.python(
            "from strivelm import trace\nfrom strivelm.inspection.dropout import dropped",
            f"added = trace(model, text).mlp_out[{reading.layer}, at]",
            f"found = dropped(added, {p:g}, seed={seed})",
            "print(found.zeroed, found.scale, found.before[:8], found.after[:8])",
        ),
        [
            _layers(reading),
            blocks.slider("dropout", "p", 0, DROPPED, 0.05, p),
            blocks.button("Draw again", seed=seed + 1),
        ],
        attempt={"dropout": 0.5},
    )
