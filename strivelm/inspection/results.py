"""What all results of an inspection share: named numbers that become plain Python, or a table."""

import dataclasses
import math
from typing import TYPE_CHECKING, Annotated, get_args, get_origin

import numpy as np
import torch

if TYPE_CHECKING:
    import pandas

MAX_BYTES = 1 << 30
"""The memory beyond which a request is refused before anything is computed."""


def check_memory(what: str, need: int, most: int, way_out: str) -> None:
    """Raises ValueError where `what` needs more than `most` bytes, saying the way out."""
    if need > most:
        raise ValueError(f"{what} needs {need:,} bytes; at most {most:,} are allowed. {way_out}")


def exact(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers in float64, on the CPU, as not every device has float64."""
    return tensor.detach().cpu().double()


def kl(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """KL(p ‖ q) = Σ p (ln p - ln q) in nats, over the last axis of ln p and ln q (…, V); 0 exactly where they agree."""
    terms = torch.where(log_p == -torch.inf, 0.0, log_p.exp() * (log_p - log_q))  # what never happens costs nothing
    return terms.sum(-1).clamp(min=0)  # rounding can leave -1e-17; nan stays


def counted(position: int, length: int) -> int:
    """A position counted from 0; negative ones count from the end. Raises IndexError where there is none."""
    if not -length <= position < length:
        raise IndexError(f"there is no position {position}; expected one from 0 to {length - 1}")
    return position % length


def axes_of(result: type) -> dict[str, tuple[str, ...]]:
    """The fields of a result that have axes, each with their names: what follows the type in its annotation."""
    return {f.name: get_args(f.type)[1:] for f in dataclasses.fields(result) if get_origin(f.type) is Annotated}


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What frozen dataclasses of numbers inherit. A field with named axes, one after another for a tensor's, is
    written `mean_distance: Annotated[torch.Tensor, "layer", "head"]`, and can be a column of a table."""

    def to_dict(self) -> dict:
        """The result in plain Python (dicts, lists, strings, numbers, None), as JSON takes it.

        A number that is not finite becomes None: JSON has no word for it.
        """
        return {name: _plain(value) for name, value in self._held().items()}

    def to_frame(self, *names: str) -> "pandas.DataFrame":
        """A table with a column for each named field, and a row for each place on the axes that they have together.

        The axes come first, each a column that counts from 0; a field that lacks one of them repeats along it.

        Args:
            names: fields that have axes; without any, all that have the same axes as the first.

        Raises:
            ValueError: no such field with axes.
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("a table needs pandas: pip install pandas (to_dict does without)") from error
        held = self._held()
        axes = {name: along for name, along in axes_of(type(self)).items() if name in held}
        if unknown := [name for name in names if name not in axes]:
            raise ValueError(f"there is no table of {', '.join(map(repr, unknown))}; choose from {', '.join(axes)}")
        names = names or tuple(name for name in axes if axes[name] == next(iter(axes.values())))
        arrays = {name: _array(held[name]) for name in names}
        sizes: dict[str, int] = {}
        for name, array in arrays.items():
            for axis, size in zip(axes[name], array.shape, strict=True):
                if sizes.setdefault(axis, size) != size:
                    raise ValueError(f"{name} has {size} places along {axis}, other columns have {sizes[axis]}")
        places = np.indices(tuple(sizes.values())).reshape(len(sizes), -1)
        table = dict(zip(sizes, places, strict=True))
        columns = {name: array[tuple(table[axis] for axis in axes[name])] for name, array in arrays.items()}
        return pandas.DataFrame(table | columns)

    def _held(self) -> dict:
        """Each field that this result has, with its value; one that was asked to keep little lacks some."""
        return {field.name: vars(self)[field.name] for field in dataclasses.fields(self) if field.name in vars(self)}


def _array(value: object) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype == torch.bfloat16 else value  # which NumPy has not
    array = np.asarray(value)
    # Strings, and None among numbers, stay the objects that they are.
    return array if array.dtype.kind in "biuf" else np.array(value, dtype=object)


def _plain(value: object) -> object:
    if isinstance(value, torch.Tensor | np.ndarray):
        array = _array(value)
        if array.dtype.kind in "biu" or (array.dtype.kind == "f" and np.isfinite(array).all()):
            return array.tolist()  # at once: in Python, a walk through millions of numbers takes seconds
        value = array.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
