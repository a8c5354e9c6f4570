"""The page's views without the page: the last line of a notebook's cell draws one, and `.save(path)` makes it a file.

    from strivelm.ui import notebook

    notebook.attention("bundled", "To be, or not to be")
    notebook.embeddings("film@step-55").save("map.html")

The first argument is a model's reference, as `open_model` takes it, or an `OpenModel`. All raise CheckpointError where
there is no such model, and ValueError, a sentence, for a text that can't be read.
"""

from strivelm.loading import OpenModel, open_model
from strivelm.ui.components.view import Shown
from strivelm.ui.tabs.attention import attention as _attention
from strivelm.ui.tabs.attention import payload as looking
from strivelm.ui.tabs.embeddings import payload as mapping
from strivelm.ui.tabs.embeddings import views as maps
from strivelm.ui.tabs.predictions import ablation as _ablation
from strivelm.ui.tabs.predictions import attribution as _attribution
from strivelm.ui.tabs.predictions import beside as _beside
from strivelm.ui.tabs.predictions import lens as _lens
from strivelm.ui.tabs.predictions import losses as _losses
from strivelm.ui.tabs.predictions import payload as predicting

Model = str | OpenModel


def attention(model: Model, text: str, height: int = 900) -> Shown:
    """Every head's attention on a text, and what it does."""
    return _attention.VIEW.show(looking.attention(_opened(model), text), height)


def losses(model: Model, text: str, height: int = 760) -> Shown:
    """The surprisal of each character of a text, beside n-gram tables if the model has them."""
    return _losses.VIEW.show(predicting.losses(_opened(model), text), height)


def logit_lens(model: Model, text: str, height: int = 760) -> Shown:
    """What the model would predict at each depth, after each character of a text."""
    return _lens.VIEW.show(predicting.lens(_opened(model), text), height)


def attribution(model: Model, text: str, height: int = 760) -> Shown:
    """Which parts of the model raise the logit of the likeliest next character, and which lower it."""
    return _attribution.VIEW.show(predicting.attribution(_opened(model), text), height)


def without(model: Model, text: str, off: str = "0.0", height: int = 760) -> Shown:
    """What changes for a text when parts are switched off: heads as "0.1,2.0", the MLP of layer 3 as "3.m".

    Raises ValueError for a part that the model does not have.
    """
    return _ablation.VIEW.show(predicting.ablation(_opened(model), text, off), height)


def embeddings(model: Model, height: int = 760) -> Shown:
    """The characters' embeddings on their principal components."""
    return maps.MAP.show(mapping.tokens(_opened(model)), height)


def positions(model: Model, height: int = 760) -> Shown:
    """The position embeddings, and how many of their directions are used."""
    return maps.POSITIONS.show(mapping.positions(_opened(model)), height)


def states(model: Model, text: str, height: int = 760) -> Shown:
    """The residual states of a text's characters on a map, at every depth."""
    return maps.STATES.show(mapping.states(_opened(model), text), height)


def bigrams(model: Model, height: int = 760) -> Shown:
    """What comes after each character: by counts of the training text, and by the model."""
    return maps.BIGRAM_TABLE.show(mapping.table(_opened(model)), height)


def beside(model: Model, other: Model, text: str, height: int = 900) -> Shown:
    """Two models on one text: which of them expected each character more, and how far apart they are."""
    return _beside.VIEW.show(_beside.beside(_opened(model), _opened(other), text), height)


def _opened(model: Model) -> OpenModel:
    return model if isinstance(model, OpenModel) else open_model(model)
