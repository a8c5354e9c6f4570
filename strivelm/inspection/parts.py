"""How heads and MLPs are named in text: head 1 of layer 0 is "0.1", the MLP of layer 2 is "2.m"."""

from strivelm.config import GPTConfig


def parse_parts(text: str, config: GPTConfig) -> tuple[list[str], list[int]]:
    """The heads of "0.1,2.0,2.m", each as "layer.head", and the layers whose MLP it names, each once, in its order.

    An empty text names nothing. Raises ValueError for what names no head and no MLP of a model with this configuration.
    """
    known_heads = {f"{layer}.{head}" for layer in range(config.n_layer) for head in range(config.n_head)}
    known_mlps = {mlp_name(layer): layer for layer in range(config.n_layer)}
    names = dict.fromkeys(name.strip() for name in text.split(","))
    heads, mlps = [], []
    for name in filter(None, names):
        if name in known_heads:
            heads.append(name)
        elif name in known_mlps:
            mlps.append(known_mlps[name])
        else:
            last = config.n_layer - 1
            raise ValueError(
                f"There is no part {name!r:.40}; expected heads from 0.0 to {last}.{config.n_head - 1} and MLPs from "
                f"0.m to {last}.m."
            )
    return heads, mlps


def mlp_name(layer: int) -> str:
    """What the MLP of a layer is called: "2.m"."""
    return f"{layer}.m"
