"""Looking inside: pure functions from a model and a text to numbers, and what the numbers mean.

    from strivelm import load_model
    from strivelm.inspection import direct_logit_attribution, logit_lens, trace

    model = load_model("bundled")
    recorded = trace(model, "ROMEO:")                     # one forward pass, every number of it
    recorded.attention[0, 2]                              # layer 0, head 2: a row is what one character attends to
    logit_lens(model, recorded).top_chars[0][-1]          # what the embeddings alone would write next
    direct_logit_attribution(model, recorded).parts       # which heads and MLPs raise its logit
    trace(model, "ROMEO:", heads_off=["0.2"]).logits      # the same text without that head

Results are frozen dataclasses whose fields say their shapes; `to_dict()` is plain Python, `to_frame()` a pandas table.
Everything counts from 0; a head is "layer.head". A text is at most one context long.

What is computed
    Characters. These models read and write single characters. That is a choice made here, not what a GPT is: GPT-2's
    vocabulary is of byte sequences, merged by how often they occur (Radford et al. 2019).
    Embeddings. x₀ = W_E[id] + W_P[position]: a character's vector and its position's, both learnt, are added up.
    Residual stream. Each block reads the stream and adds to it, once by attention, once by its MLP; nothing is ever
    overwritten (Elhage et al. 2021). That is why it can be read at every depth, and taken apart into what was added.
    LayerNorm. γ ⊙ (x - μ)/√(σ² + ε) + β over the C channels of one position; ε = 1e-5 keeps it finite where σ is 0
    (Ba et al. 2016). Every half of a block reads the stream through one, and so does the head.
    Attention. softmax(q·k/√d_head) over the keys, then the weighted mean of the values, in each head by itself
    (Vaswani et al. 2017). The root is of the head's width d_head = C/H, not of the model's: products of d_head pairs
    of numbers spread that much wider than the numbers do. A query sees the characters up to its own and never the
    next one, which is what it has to predict.
    MLP. W₂ GELU(W₁ x + b₁) + b₂ with 4C neurons, at each position by itself (Hendrycks & Gimpel 2016).
    Logits. The final LayerNorm, then a product with every character's embedding: the head shares W_E (Press & Wolf
    2017). The softmax of the logits are the probabilities; surprisal is -ln p, in nats.
    Dropout. In training a fraction p of each half's output is zeroed and the rest is scaled by 1/(1-p), so that the
    mean stays; afterwards nothing is zeroed and nothing is scaled (Srivastava et al. 2014, inverted). A trace has none.
    Overfitting. A validation loss that rises while the training loss falls, as in the notebook that this project grew
    from, is a model that learns its text by heart; the weights to keep are those of the lowest validation loss.

In which file
    forward             the forward pass as the papers write it, with their formulas; heads and MLPs switched off
    trace               the pass, recorded; what each field is
    parts               the names of heads and MLPs: "0.1", "2.m"
    layer               the numbers inside one block at one position
    lens                logit lens and direct logit attribution
    attention           where each head looks, beside uniform attention; its pattern; rollout
    text_parts          words, separators, lines and speakers' names of a text
    circuits            induction and copying, on random characters
    ablation            what changes when heads and MLPs are switched off: predictions and losses
    ablated_generation  what a model writes when they are
    surprisal           surprisal of each character beside n-gram tables; loss by position
    text_overlap        what a text shares word for word with another
    vectors             vectors of characters: projection, similarity, neighbours, purity
    embeddings          the model's own vectors: characters, states, analogies, positions, bigrams
    state_maps          the states of a text at every depth, as maps that can follow each other
    architecture        every learnt number counted, beside the closed form
    component_ablation  the loss without a whole kind of part: positions, attention, all heads but one, MLPs
    dropout             how dropout changes a vector in training
    comparison          two models on one text: surprisal, divergence, heads, embeddings
    head_similarity     which heads of two models look at the same characters
    procrustes          one set of points turned onto another, and what is left over
    phase_change        whether a number changed at one stroke in training
    results             what all results share
"""

from strivelm.inspection.ablated_generation import AblatedText, Without, generate_without
from strivelm.inspection.ablation import Ablation, AblationMap, Means, ablate, ablation_map, mean_outputs
from strivelm.inspection.attention import Heads, Patterns, Rollout, heads, patterns, rollout
from strivelm.inspection.circuits import Copying, Induction, copying, induction
from strivelm.inspection.comparison import (
    Comparison,
    EmbeddingComparison,
    PredictionComparison,
    compare,
    compare_embeddings,
    compare_predictions,
    notes_on,
)
from strivelm.inspection.embeddings import (
    Analogy,
    Bigrams,
    CaseAnalogies,
    Positions,
    after_one,
    analogy,
    bigrams,
    case_analogies,
    positions,
    state_space,
    token_space,
)
from strivelm.inspection.head_similarity import HeadSimilarity, head_similarity
from strivelm.inspection.layer import Inside, inside
from strivelm.inspection.lens import LogitAttribution, LogitLens, direct_logit_attribution, logit_lens
from strivelm.inspection.phase_change import phase_change
from strivelm.inspection.procrustes import Procrustes, procrustes
from strivelm.inspection.state_maps import StateMaps, state_maps
from strivelm.inspection.surprisal import PositionLoss, Surprisal, loss_by_position, surprisal
from strivelm.inspection.text_overlap import SharedSpans, shared_spans
from strivelm.inspection.trace import Trace, bytes_needed, trace
from strivelm.inspection.vectors import (
    Nearest,
    Neighbours,
    Projection,
    Purity,
    Similarity,
    Space,
    nearest,
    neighbours,
    pca,
    purity,
    similarity,
)

__all__ = [
    "AblatedText",
    "Ablation",
    "AblationMap",
    "Analogy",
    "Bigrams",
    "CaseAnalogies",
    "Comparison",
    "Copying",
    "EmbeddingComparison",
    "HeadSimilarity",
    "Heads",
    "Induction",
    "Inside",
    "LogitAttribution",
    "LogitLens",
    "Means",
    "Nearest",
    "Neighbours",
    "Patterns",
    "PositionLoss",
    "Positions",
    "PredictionComparison",
    "Procrustes",
    "Projection",
    "Purity",
    "Rollout",
    "SharedSpans",
    "Similarity",
    "Space",
    "StateMaps",
    "Surprisal",
    "Trace",
    "Without",
    "ablate",
    "ablation_map",
    "after_one",
    "analogy",
    "bigrams",
    "bytes_needed",
    "case_analogies",
    "compare",
    "compare_embeddings",
    "compare_predictions",
    "copying",
    "direct_logit_attribution",
    "generate_without",
    "head_similarity",
    "heads",
    "induction",
    "inside",
    "logit_lens",
    "loss_by_position",
    "mean_outputs",
    "nearest",
    "neighbours",
    "notes_on",
    "patterns",
    "pca",
    "phase_change",
    "positions",
    "procrustes",
    "purity",
    "rollout",
    "shared_spans",
    "similarity",
    "state_maps",
    "state_space",
    "surprisal",
    "token_space",
    "trace",
]
