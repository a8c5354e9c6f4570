"""The glossary: what the field's terms mean, and how a text made in Python marks one. Scripts use `strivelm.term`.

A term explains itself where it stands: on hover, on a tap, and when the keyboard's focus reaches it. There are four
ways to write one, which look alike:

    strivelm.term("nats", "nat")                  in a script: an element; strivelm.term("nat") shows its own name
    strivelm.explained("2.1 [nats](term:nat)")    in a script: a whole text with terms marked in it, as a fragment
    [nats](term:nat), [nat](term:)                in a view's template, and in a text that goes through `marked`
    elem_classes=explains("top-p")                on a Gradio component: its label explains itself
"""

import html
import json
import re

TERMS = {
    "ablation": "Switching a part of the model off, to see what changes. What gets worse without it, it was good for.",
    "attention": "How the model looks back: for each character it decides how much to read from each earlier one.",
    "backpropagation": "The way to compute, for every number of the model, whether more or less of it lowers the loss.",
    "bias": "A number that is added, whatever the input is.",
    "bigram": "Two characters in a row, as 'th'. A bigram table guesses from the last character alone.",
    "block": "One layer of the model: attention, which looks back, then an MLP, which works on what was found.",
    "causal mask": "A character can read itself and earlier ones, never later ones: those have to be guessed.",
    "chance": "What would come out by itself, without any skill. A score means something if it is clearly above.",
    "context": "How many characters the model can see at once. What stands further back is gone for it.",
    "corpus": "The text that the model has learnt from.",
    "cosine": "How alike two vectors point: 1 is the same way, 0 is nothing in common, -1 is the opposite way.",
    "dropout": "While learning, some numbers are set to zero at random, so that the model relies on none too much.",
    "embedding": "The list of numbers that stands for a character inside the model. Similar use gives similar lists.",
    "entropy": "How spread out a choice is: 0 when one thing is certain, most when all are equally likely.",
    "gradient": "For each number of the model: how much, and which way, the loss changes if it grows a little.",
    "head": "One of several readers inside attention. Each looks back in its own way, as at the previous character.",
    "induction": "A head's habit of finding where the same letters stood before, and expecting what came next there.",
    "KL divergence": "How far two expectations lie apart, in nats: 0 if they are the same, more the less they agree.",
    "key": "What a character offers to be found by. Attention compares it with another character's query.",
    "layer": "A stage of the model. A character's numbers pass through all layers, one after the other.",
    "layer norm": "Brings a character's numbers to a common size, so that none of them grows without end.",
    "learning rate": "How large a step the model makes each time that it corrects its numbers.",
    "logit": "A score that the model gives to a possible next character. Softmax makes probabilities of all scores.",
    "logit attribution": "Splits a character's logit into what each part of the model has added to it.",
    "logit lens": "What the model would guess if it stopped after a layer: shows how its guess forms.",
    "loss": "How surprised the model is by the right next character, on average. Lower is better.",
    "MLP": "The part of a block that works on each character alone, with many small yes-or-no detectors.",
    "n-gram": "A guess by counting: what came most often after the last few characters. A 5-gram looks at four.",
    "nat": "The unit of surprise. 0 nats: it was certain. 0.7: one of two. 2.3: one of ten. 4.6: one of a hundred.",
    "parameter": "One of the numbers inside the model that training has set.",
    "perplexity": "Among how many equally likely characters the model seems to choose: e to the loss in nats.",
    "position": "The place of a character in the text, counted from 0. The model has numbers for each place too.",
    "principal component": "A direction in which points differ most. The second one is at a right angle to the first.",
    "probability": "How sure the model is of something, from 0 (never) to 1 (always). All together make 1.",
    "Procrustes": "Turning, mirroring and scaling one set of points so that it fits another as well as it can.",
    "query": "What a character looks for in earlier ones. Attention compares it with their keys.",
    "residual stream": "A character's numbers on their way through the model. Each part reads them and adds to them.",
    "rollout": "All layers' attention put together: from how far back something can have reached a character.",
    "seed": "The number that chance begins with. The same seed and settings write the same text again.",
    "softmax": "Turns scores into probabilities: all above 0, together 1, and a higher score gets much more.",
    "standard error": "How far a mean over a text may be off by luck alone. Twice as much is rarely luck.",
    "surprisal": "How unexpected a character was for the model, in nats: 0 if it was certain, more the rarer it was.",
    "temperature": "How daring the choice is. At 0 the likeliest character is always taken; higher lets rare ones in.",
    "token": "One piece of text as the model reads it. Here each token is a single character.",
    "top-k": "Only the k likeliest characters may be chosen; all others are left out.",
    "top-p": "Only the likeliest characters that reach the share p together may be chosen; the rest are left out.",
    "training": "Showing the model text again and again and correcting its numbers a little each time it guesses.",
    "trigram": "Three characters in a row, as 'the'. A trigram table guesses from the last two.",
    "unigram": "A single character. A unigram table knows only how often each one occurs.",
    "uniform": "Everything gets the same share. What a head does is compared with that: is it anything special?",
    "validation loss": "The loss on text that the model has never learnt from: how well it guesses what is new to it.",
    "value": "What a character hands over to those that read it in attention.",
    "vector": "A list of numbers. It can be seen as a point, or as an arrow to it.",
    "vocabulary": "All characters that the model knows. It can read and write no other.",
    "weight": "How much one thing counts for another. In attention: 0 reads nothing of a character, 1 reads only it.",
}
"""What each term means, in a sentence or two that a fifteen-year-old reads once."""

MARK = re.compile(r"\[([^\[\]]+)\]\(term:([^()]*)\)")
"""A term in a text: [as it is written](term:its name); without a name it is written as it is called."""


def term(shown: str, name: str = "") -> str:
    """HTML of a term that explains itself. Raises ValueError if the glossary does not have it."""
    name = name or shown
    if name not in TERMS:
        raise ValueError(f"The glossary has no term {name!r}; add it to TERMS in {__name__}.")
    return (
        f'<span class="strivelm-term" data-term="{html.escape(name)}" tabindex="0" role="button" '
        f'aria-describedby="{describes(name)}">{html.escape(shown)}</span>'
    )


def marked(text: str) -> str:
    """The text with each mark, [nats](term:nat), replaced by the term's HTML; the rest stays as it is."""
    return MARK.sub(lambda found: term(html.unescape(found[1]), found[2]), text)


def explains(name: str) -> list[str]:
    """Classes for a Gradio component whose label is a term. Raises ValueError if the glossary does not have it."""
    term(name)
    return ["explains", f"explains-{slug(name)}"]


def describes(name: str) -> str:
    """The id of the element with a term's explanation."""
    return f"strivelm-term-{slug(name)}"


def slug(name: str) -> str:
    """A term's name as part of an id or a class."""
    return name.lower().replace(" ", "-")


def script() -> str:
    """JavaScript that gives the terms to the shared scripts."""
    return f"window.strivelm.glossary = {json.dumps(TERMS)};"
