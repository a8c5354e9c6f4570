"""A run as a picture: training and validation loss over the steps, beside what counting alone reaches."""

import io
import math
import reprlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure, FigureBase
    from matplotlib.text import Text

T = TypeVar("T")
PIXELS, DPI = (1200, 750), 150
AXES = (0.09, 0.11, 0.705, 0.7)  # left, bottom, width, height, as fractions of the figure
NAMES, VALUES = 0.82, 0.985  # where the names beside the axes begin, and where their numbers end
FONT = "DejaVu Sans"  # matplotlib brings it along, so the picture is the same on every machine
TRAIN, VALIDATION, COUNTING, INK, FAINT = "#0072b2", "#d55e00", "#767676", "#222222", "#5f5f5f"
MAX_LOSS, MAX_COUNT, MAX_RUNGS = 1_000_000, 1_000_000_000_000, 12
MAX_TEXT = 300  # characters of somebody else's text that are looked at
DOTTED = 40  # so many evaluations can be told apart as dots


@dataclass(frozen=True)
class _Course:
    """What is drawn of a run's record."""

    name: str
    """The corpus's."""
    sizes: str
    """The model's and the corpus's, in a line."""
    train: dict[int, float]
    """Loss by step, steps rising; at least one."""
    validation: dict[int, float]
    """Likewise; empty where nothing was validated."""
    kept: int
    """The step whose weights the model holds."""
    rungs: dict[str, float]
    """The n-gram ladder, with uniform guessing."""

    @property
    def curves(self) -> list[tuple[str, dict[int, float], str]]:
        """Name, losses by step, and colour of each curve that there is."""
        both = [("training", self.train, TRAIN), ("validation", self.validation, VALIDATION)]
        return [curve for curve in both if curve[1]]


def loss_curve(record: dict) -> bytes:
    """A PNG of 1200 x 750 pixels that shows a run; the same bytes for the same record.

    Args:
        record: what training.json holds.

    Raises:
        ValueError: the record holds no evaluation, or something in it is damaged; the message says what.
    """
    from PIL import Image  # matplotlib needs it too

    canvas = cast("FigureCanvasAgg", figure(record).canvas)
    canvas.draw()
    image = Image.frombuffer("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba()))
    content = io.BytesIO()
    # Opaque, as a card's ground may be dark; a palette makes the file a third as large and takes nothing a person sees.
    image.convert("RGB").quantize(256).save(content, "PNG", optimize=True)
    return content.getvalue()


def figure(record: dict) -> "Figure":
    """The picture as a matplotlib Figure on an Agg canvas. Raises ValueError as `loss_curve` does."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    course = _course(record)
    made = Figure(figsize=(PIXELS[0] / DPI, PIXELS[1] / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(made)
    axes = made.add_axes(AXES, facecolor="white")
    _frame(axes, course)
    for name, loss in course.rungs.items():
        axes.axhline(loss, label=name, color=COUNTING, linewidth=0.8, linestyle=(0, (1, 2.5)), zorder=1)
    dots = {"marker": "o", "markersize": 3.5} if len(course.train) <= DOTTED else {}
    for name, losses, color in course.curves:
        axes.plot([*losses], [*losses.values()], label=name, color=color, linewidth=1.8, clip_on=False, **dots)
    _mark_kept(axes, course)
    _label_levels(axes, course)
    whole = VALUES - AXES[0]
    _write(made, AXES[0], 0.945, course.name, width=whole, fontsize=13, color=INK, weight="bold")
    _write(made, AXES[0], 0.895, course.sizes, width=whole, fontsize=9, color=FAINT)
    _write(made, VALUES, 0.03, "dotted: without a neural network", align="right", fontsize=8, color=FAINT)
    return made


def spread(places: list[float], gap: float, low: float, high: float) -> list[float]:
    """The places nearest to the given ones that keep their order, a gap between them, and within low and high.

    Nearest by the sum of squares. With i gaps taken off the i-th place in order, what remains must only not fall, which
    pooling adjacent violators solves (Ayer et al. 1955, "An Empirical Distribution Function for Sampling with
    Incomplete Information"). Where there is no room for such gaps they are what fits.
    """
    gap = min(gap, (high - low) / max(1, len(places) - 1))
    order = sorted(range(len(places)), key=places.__getitem__)
    pools: list[tuple[float, int]] = []  # (mean, count) of neighbours that stand as close as they may
    for rank, i in enumerate(order):
        mean, count = places[i] - rank * gap, 1
        while pools and pools[-1][0] >= mean:
            before, others = pools.pop()
            mean, count = (mean * count + before * others) / (count + others), count + others
        pools.append((mean, count))
    levels = [mean for mean, count in pools for _ in range(count)]
    most = high - (len(places) - 1) * gap
    found = {
        i: min(max(level, low), most) + rank * gap for rank, (i, level) in enumerate(zip(order, levels, strict=True))
    }
    return [found[i] for i in range(len(places))]


# -- drawing ----------------------------------------------------------------------------------------------------------


def _frame(axes: "Axes", course: _Course) -> None:
    """Limits, ticks, and what the axes are called."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    losses = [*course.train.values(), *course.validation.values(), *course.rungs.values()]
    low, high = min(losses), max(losses)
    margin = 0.06 * max(high - low, 0.1)
    # That a text is known by heart shows as a loss near 0, so there 0 is in the picture; else it would cost much room.
    axes.set_ylim(0 if low < 0.2 * high else max(0, low - margin), high + margin)
    last = max(1, *course.train)
    axes.set_xlim(-0.015 * last, last)
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    if high >= 100:  # the default's long numbers would push the axis's name out of the picture
        axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:.3g}"))
    axes.tick_params(labelsize=9, labelcolor=FAINT, color=COUNTING, labelfontfamily=FONT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(COUNTING)
    axes.set_xlabel("step", fontsize=10, color=INK, fontfamily=FONT)
    axes.set_ylabel("loss (nats per character)", fontsize=10, color=INK, fontfamily=FONT)


def _mark_kept(axes: "Axes", course: _Course) -> None:
    """Marks the step whose weights were kept on its curve, and says above the axes what its loss is."""
    split, losses, color = next(curve for curve in reversed(course.curves) if course.kept in curve[1])
    ring = {"marker": "o", "markersize": 8, "markeredgewidth": 1.8, "markeredgecolor": color, "color": "white"}
    axes.axvline(course.kept, color=color, linewidth=0.8, linestyle=(0, (4, 3)), clip_on=False, zorder=2)
    axes.plot([course.kept], [losses[course.kept]], label="kept", clip_on=False, zorder=4, **ring)
    said = f"weights kept: step {course.kept:,}, {split} loss {_number(losses[course.kept])}"
    x = axes.figure.transFigure.inverted().transform(axes.transData.transform((course.kept, 0)))[0]
    align = "left" if x < 0.3 else "right" if x > 0.55 else "center"
    _write(axes.figure, x, AXES[1] + AXES[3] + 0.018, said, align=align, fontsize=9, color=color, weight="bold")


def _label_levels(axes: "Axes", course: _Course) -> None:
    """Names each rung of the ladder, and each curve where it ends, beside the axes, with its loss."""
    right, (bottom, top) = axes.get_xlim()[1], axes.get_ylim()
    levels = [(name, loss, right, COUNTING, "normal") for name, loss in course.rungs.items()]
    for name, losses, color in course.curves:
        step, loss = list(losses.items())[-1]
        levels.append((name, loss, step, color, "bold"))
    heights = [(loss - bottom) / (top - bottom) for _, loss, *_ in levels]
    places = spread(heights, 25 / (AXES[3] * PIXELS[1]), 0.0, 1.0)
    for (name, loss, step, color, weight), height, place in zip(levels, heights, places, strict=True):
        y, line = AXES[1] + AXES[3] * place, {"color": color, "linewidth": 0.8}
        style = {"fontsize": 9, "color": color, "weight": weight, "va": "center"}
        number = _write(axes.figure, VALUES, y, _number(loss), align="right", **style)
        room = VALUES - NAMES - number.get_window_extent().width / PIXELS[0] - 0.006
        _write(axes.figure, NAMES, y, name, width=room, **style)
        axes.plot([step, right], [loss, loss], **line)
        axes.plot([1, 1.008, 1.027], [height, place, place], transform=axes.transAxes, clip_on=False, **line)


def _number(loss: float) -> str:
    return f"{loss:.3f}" if loss < 100 else f"{loss:.4g}"


def _write(
    made: "FigureBase",
    x: float,
    y: float,
    text: str,
    width: float = 1.0,
    align: str = "left",
    va: str = "baseline",
    **style,
) -> "Text":
    """A line of text in the figure at fractions of it, shortened in its middle to a width.

    Whatever the text is, it is shown as it is: no mathematics is read in it, and what the font lacks is a box.
    """
    from matplotlib.font_manager import FontProperties, findfont, get_font

    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT // 2] + text[-MAX_TEXT // 2 :]
    font = get_font(findfont(FontProperties(family=FONT, weight=style.get("weight"))))
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = "".join(c if font.get_char_index(ord(c)) else "□" for c in line)
    artist = made.text(x, y, line, ha=align, va=va, family=FONT, parse_math=False, usetex=False, **style)
    kept, most = len(line), width * PIXELS[0]
    while kept > 1 and (now := artist.get_window_extent().width) > most:
        kept = max(1, min(kept - 1, int(kept * most / now)))
        artist.set_text(line[: (kept + 1) // 2] + "…" + line[len(line) - kept // 2 :])
    return artist


# -- reading ----------------------------------------------------------------------------------------------------------


def _course(record: dict) -> _Course:
    """What is drawn of a record, checked. Raises ValueError for what no run would have written."""
    corpus, sizes, best = (_part(record, key, dict) for key in ("corpus", "sizes", "best"))
    train, validation = _losses(_part(record, "evaluations", list))
    kept = _count("best step", best.get("step"))
    if kept not in train:
        raise ValueError(f"the record's best step is {kept}, but it holds no evaluation of that step")
    parts = {"layers": "n_layer", "heads": "n_head", "width": "n_embd", "context": "block_size"}
    counts = {name: _count(key, sizes.get(key)) for name, key in parts.items()}
    counts["parameters"] = _count("parameters", record.get("parameters"))
    counts["characters of text"] = _count("corpus characters", corpus.get("characters"))
    return _Course(
        name=_part(corpus, "name", str),
        sizes=" · ".join(f"{name} {count:,}" for name, count in counts.items()),
        train=train,
        validation=validation,
        kept=kept,
        rungs=_rungs(corpus, _part(record, "ngrams", dict) if "ngrams" in record else {}),
    )


def _losses(evaluations: list) -> tuple[dict[int, float], dict[int, float]]:
    """Training and validation loss by step."""
    if not evaluations:
        raise ValueError("the record holds no evaluation, so there is nothing to draw; the first one is made at step 0")
    train, validation, last = {}, {}, -1
    for entry in evaluations:
        if not isinstance(entry, dict):
            raise ValueError(
                f"the record's evaluations hold {reprlib.repr(entry)}; expected objects with step and train"
            )
        step = _count("evaluation step", entry.get("step"))
        if step <= last:
            raise ValueError(f"the record's evaluations go from step {last} to step {step}; expected rising steps")
        train[step] = _loss(f"training loss at step {step}", entry.get("train"))
        if entry.get("validation") is not None:
            validation[step] = _loss(f"validation loss at step {step}", entry["validation"])
        last = step
    return train, validation


def _rungs(corpus: dict, ngrams: dict) -> dict[str, float]:
    """The ladder's losses by name; uniform guessing is known without counting."""
    if len(ngrams) > MAX_RUNGS:
        raise ValueError(f"the record's ngrams hold {len(ngrams)} losses; expected at most {MAX_RUNGS}")
    vocabulary = max(1, _count("corpus vocabulary", corpus.get("vocabulary")))
    counted = {str(name): _loss(f"ngrams loss {reprlib.repr(name)}", loss) for name, loss in ngrams.items()}
    return {"uniform": math.log(vocabulary)} | counted


def _part(record: dict, key: str, kind: type[T]) -> T:
    value = record.get(key)
    if not isinstance(value, kind):
        raise ValueError(
            f"the record's {key} is {reprlib.repr(value)}; expected a {kind.__name__}, as training.json has"
        )
    return value


def _count(what: str, value: object) -> int:
    """A whole number from 0 to MAX_COUNT; booleans are none."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        raise _unexpected(what, value, f"a whole number from 0 to {MAX_COUNT:,}")
    return value


def _loss(what: str, value: object) -> float:
    """A number from 0 to MAX_LOSS; NaN and booleans are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_LOSS:
        raise _unexpected(what, value, f"a number from 0 to {MAX_LOSS:,}")
    return value


def _unexpected(what: str, value: object, expected: str) -> ValueError:
    return ValueError(f"the record's {what} is {reprlib.repr(value)}; expected {expected}")
