// A line chart on a canvas, read by pointing at it or with the arrow keys.
//
// lineChart(box, describe) fills a box and gives { draw, mark, picture }. describe() is asked at each draw() and gives
// null, where there is nothing to draw, or
//   series      [{ name, values, at, colour, dash, heavy, errors, dots, numbers }, …]
//                 values     numbers; null or NaN leave a gap
//                 at         (optional) where each value stands across; 0, 1, 2 … if left
//                 colour     as CSS has it; dash: (optional) lengths as [3, 4]; heavy: (optional) a thicker line
//                 errors     (optional) half the length of an upright line through each value
//                 dots       (optional) whether each value has a dot; a line of one value has it always
//                 numbers(v) (optional) what is written above each value
//   levels      (optional) [{ name, value, colour }, …] dashed lines from side to side
//   ends        (optional) whether names stand at the right ends of lines and levels, and not in a key below
//   end(one)    (optional) what stands there of a series or level; its name
//   low, high   of the upright axis; ticks (optional) its round numbers; tick(value) how they are written
//   x, y        what the axes are; place(i) what the i-th place across is called
//   places      (optional) which places are named; the first, the middle and the last
//   marker      (optional) a place that has a line while nothing is pointed at
//   centred     (optional) whether places lie in the middle of their share of the width, as bins do
//   say(i)      (optional) what is read out at a place; without it the chart is not pointed at
//   step(i)     (optional) a place was chosen: by a press or an arrow key
//   height      (optional) in pixels; 210      width: (optional) the most; as wide as the box
//   key         (optional) false: no key below; the names of levels stand over their lines
// draw() draws all; mark(i) moves the marker; picture({ title, note }) is a canvas to save.
//
// ticks(low, high, count) are round numbers from low to high, at most `count` steps. apart(places, gap, most) moves
// places, from the top down, so that none lies nearer to the next than `gap`.
import { make } from "../common/elements.js";
import { css, context, pointed } from "../common/drawing.js";
import { legend } from "./bars.js";
import { picture } from "./picture.js";

const SIZE = 12; // of the font
const there = (value) => value != null && Number.isFinite(value);

function ticks(low, high, count = 5) {
  const power = 10 ** (Math.floor(Math.log10((high - low) / count || 1)) - 1);
  for (const step of [1, 2, 5, 10, 20, 50, 100].map((one) => one * power)) {
    const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
    if (last - first > count) continue;
    return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(10)) + 0);
  }
  return [];
}

function apart(places, gap, most = Infinity) {
  const order = places.map((_, i) => i).sort((i, j) => places[i] - places[j]);
  const found = [...places];
  order.forEach((i, rank) => {
    if (rank) found[i] = Math.max(found[i], found[order[rank - 1]] + gap);
  });
  const over = Math.max(0, (found[order.at(-1)] ?? 0) - most);
  return found.map((place) => place - over);
}

// Where things are: a chart's numbers as pixels.
function laidOut(o, width, right) {
  const [left, top, bottom, height] = [44, 12, 36, o.height ?? 210];
  const across = o.series.flatMap((one) => one.values.map((_, i) => one.at?.[i] ?? i));
  const n = Math.max(1, ...o.series.map((one) => one.values.length));
  const [first, last] = across.length ? [Math.min(...across), Math.max(...across)] : [0, 0];
  const room = width - left - right;
  const half = o.centred ? room / n / 2 : 0;
  const x = (at) => left + half + (last > first ? (at - first) / (last - first) : 0.5) * (room - 2 * half);
  const y = (value) => top + (1 - (value - o.low) / (o.high - o.low || 1)) * (height - top - bottom);
  const of = (i) => o.series.reduce((found, one) => found ?? one.at?.[i], undefined) ?? i;
  return { n, left, right: width - right, top, bottom: height - bottom, width, height, x, y, of };
}

function lineChart(box, describe) {
  const canvas = make("canvas", "strivelm-plot", "", { tabIndex: 0 });
  const key = make("ul");
  const readout = make("output", "readout");
  readout.setAttribute("aria-live", "polite");
  canvas.setAttribute("role", "img");
  box.classList.add("strivelm-chart");
  box.replaceChildren(canvas, key, readout);
  let o = null;
  let plan = null;
  let here = -1;
  let marker = null;

  function draw() {
    o = describe();
    const room = o && Math.min(box.clientWidth, o.width ?? Infinity);
    if (!room) return;
    marker = o.marker ?? null;
    plan = laidOut(o, room, o.ends ? ends().room : 12);
    canvas.tabIndex = o.say ? 0 : -1;
    canvas.setAttribute("aria-label", label());
    repaint();
    const items = o.ends || o.key === false ? [] : [...o.series, ...(o.levels ?? [])];
    legend(
      key,
      items.map((one) => ({ text: one.name, colour: one.colour, dash: one.dash ?? !one.values })),
    );
  }

  const repaint = () => paint(context(canvas, plan.width, plan.height));
  const named = () => [...o.series, ...(o.levels ?? [])].map((one) => one.name);
  const label = () => `${o.y} by ${o.x}: ${named().join(", ")}.${o.say ? " Arrow keys read it out." : ""}`;

  function paint(drawn) {
    const { left, right, top, bottom, x, y } = plan;
    const [quiet, rule] = [css("--body-text-color-subdued"), css("--border-color-primary")];
    paintAxes(drawn, quiet, rule);
    for (const { value, colour = quiet } of o.levels ?? [])
      stroke(
        drawn,
        [
          [left, y(value)],
          [right, y(value)],
        ],
        colour,
        1,
        [4, 4],
      );
    for (const one of o.series) paintSeries(drawn, one);
    if (o.ends) paintEnds(drawn, quiet);
    else if (o.key === false)
      for (const { name, value, colour = quiet } of o.levels ?? [])
        write(drawn, name, right, y(value) - 9, "right", colour);
    const at = here >= 0 ? here : marker;
    if (at == null) return;
    stroke(
      drawn,
      [
        [x(plan.of(at)), top],
        [x(plan.of(at)), bottom],
      ],
      css("--body-text-color"),
      1,
    );
  }

  function stroke(drawn, points, colour, width, dash = []) {
    drawn.strokeStyle = colour;
    drawn.lineWidth = width;
    drawn.setLineDash(dash);
    drawn.beginPath();
    let open = false;
    for (const point of points) {
      if (point) drawn[open ? "lineTo" : "moveTo"](...point);
      open = Boolean(point);
    }
    drawn.stroke();
    drawn.setLineDash([]);
  }

  function write(drawn, text, x, y, align, colour, weight = 400) {
    drawn.font = `${weight} ${SIZE}px ${css("--font") || "sans-serif"}`;
    drawn.fillStyle = colour;
    drawn.textAlign = align;
    drawn.textBaseline = "middle";
    drawn.fillText(text, x, y);
  }

  function paintAxes(drawn, quiet, rule) {
    const { left, right, bottom, n, x, y } = plan;
    for (const value of o.ticks ?? ticks(o.low, o.high)) {
      const height = Math.round(y(value)) + 0.5;
      stroke(
        drawn,
        [
          [left, height],
          [right, height],
        ],
        rule,
        1,
      );
      write(drawn, (o.tick ?? String)(value), left - 6, y(value), "right", quiet);
    }
    for (const i of o.places ?? new Set([0, n >> 1, n - 1])) {
      const align = o.centred || n < 2 ? "center" : i === 0 ? "left" : i === n - 1 ? "right" : "center";
      write(drawn, o.place(i), x(plan.of(i)), bottom + 12, align, quiet);
    }
    write(drawn, o.x, (left + right) / 2, plan.height - 8, "center", quiet);
  }

  function paintSeries(drawn, one) {
    const { x, y } = plan;
    const points = one.values.map((value, i) => (there(value) ? [x(one.at?.[i] ?? i), y(value)] : null));
    stroke(drawn, points, one.colour, one.heavy ? 2.5 : one.dash ? 1.5 : 2, one.dash);
    drawn.fillStyle = one.colour;
    const dots = one.dots || points.filter(Boolean).length === 1;
    points.forEach((point, i) => {
      if (!point) return;
      const error = one.errors?.[i];
      if (there(error)) {
        const long = Math.abs(y(one.values[i] - error) - y(one.values[i] + error));
        drawn.fillRect(point[0] - 1, y(one.values[i] + error), 2, Math.max(1, long));
      }
      if (dots) {
        drawn.beginPath();
        drawn.arc(...point, one.errors ? 4 : 3, 0, 2 * Math.PI);
        drawn.fill();
      }
      if (one.numbers)
        write(drawn, one.numbers(one.values[i]), point[0], y(one.values[i] + (error || 0)) - 10, "center", one.colour);
    });
  }

  // What stands at the right of lines and levels, and how much room that takes.
  function ends() {
    const last = (one) => (one.values ? one.values.findLast(there) : one.value);
    const named = [...o.series, ...(o.levels ?? [])]
      .filter((one) => there(last(one)))
      .map((one) => ({ ...one, text: (o.end ?? ((each) => each.name))(one), value: last(one) }));
    const drawn = canvas.getContext("2d");
    drawn.font = `700 ${SIZE}px ${css("--font") || "sans-serif"}`;
    return { named, room: 14 + Math.max(0, ...named.map((one) => drawn.measureText(one.text).width)) };
  }

  function paintEnds(drawn, quiet) {
    const { named } = ends();
    const heights = apart(
      named.map((one) => plan.y(one.value)),
      14,
      plan.bottom,
    );
    named.forEach(({ text, colour = quiet, heavy }, i) =>
      write(drawn, text, plan.right + 6, heights[i], "left", colour, heavy ? 700 : 400),
    );
  }

  function go(i) {
    here = Math.min(plan.n - 1, Math.max(0, i));
    readout.textContent = o.say(here);
    repaint();
  }

  function leave() {
    here = -1;
    readout.textContent = "";
    if (plan) repaint();
  }

  // The place nearest to the pointer.
  function under(event) {
    const at = pointed(event, canvas)[0];
    let best = 0;
    for (let i = 1; i < plan.n; i++)
      if (Math.abs(plan.x(plan.of(i)) - at) < Math.abs(plan.x(plan.of(best)) - at)) best = i;
    return best;
  }

  canvas.addEventListener("pointermove", (event) => plan && o.say && go(under(event)));
  canvas.addEventListener("pointerdown", (event) => plan && o.step?.(under(event)));
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("blur", leave);
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way || !plan || !o.say) return;
    event.preventDefault();
    go((here >= 0 ? here : (marker ?? -1)) + way);
    o.step?.(here);
  });

  return {
    draw,
    picture(titles) {
      // The place may be out of sight, or never have been seen.
      if (box.clientWidth < 120) {
        o = describe();
        plan = laidOut(o, 640, o.ends ? ends().room : 12);
      }
      return picture(plan.width, plan.height, paint, titles);
    },
    mark: (i) => {
      marker = i;
      if (plan) repaint();
    },
  };
}

export { lineChart, ticks, apart };
