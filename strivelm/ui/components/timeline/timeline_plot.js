// The picture of a training: a tick a snapshot on a logarithmic axis of steps, the loss as a curve, and the lines of the
// n-gram tables, which it crosses one after the other.
const at = (selector) => element.querySelector(selector);
const [TOP, BOTTOM, SIDE, TICK] = [10, 15, 12, 5]; // px around the curve, and of a tick
const APART = 30; // px between the numbers of two steps
const NEAR = 10; // px between two names, one above the other
const TOGETHER = 3; // px between lines that have one name

const drawn = (tag, attributes, text = "") => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
};

const lastStep = ({ stops, losses }) => Math.max(1, stops.at(-1)[1], losses.at(-1)?.[0] ?? 0);

// Where a step lies from left to right, and a loss from top to bottom, in a plot of a size.
function scales(life, width, height) {
  const last = Math.log1p(lastStep(life));
  const values = [...life.losses.map(([, loss]) => loss), ...life.ladder.map(([, nats]) => nats)];
  const [least, most] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
  return {
    x: (step) => SIDE + ((width - 2 * SIDE) * Math.log1p(step)) / last,
    y: (loss) => TOP + ((height - TOP - BOTTOM - TICK) * (most - loss)) / Math.max(1e-9, most - least),
  };
}

// The loss at a step: as measured, else between its neighbours on the axis.
function lossAt({ losses }, step) {
  const after = losses.findIndex(([one]) => one >= step);
  if (after < 0 || !losses.length) return losses.at(-1)?.[1];
  const [s1, l1] = losses[after];
  if (s1 === step || after === 0) return l1;
  const [s0, l0] = losses[after - 1];
  return l0 + ((l1 - l0) * (Math.log1p(step) - Math.log1p(s0))) / (Math.log1p(s1) - Math.log1p(s0));
}

// Where the curve comes below a loss for the first time, between two evaluations on the axis; null if it does not.
function crossing({ losses }, nats) {
  const i = losses.findIndex(([, loss]) => loss < nats);
  if (i <= 0) return null;
  const [[s0, l0], [s1, l1]] = [losses[i - 1], losses[i]];
  const part = (l0 - nats) / (l0 - l1);
  return Math.expm1(Math.log1p(s0) + part * (Math.log1p(s1) - Math.log1p(s0)));
}

// The numbers of the steps under their ticks, as many as there is room for; the last one goes first.
function numbers(life, x, height) {
  const placed = [];
  const found = [];
  for (const [, step] of [life.stops.at(-1), ...life.stops.slice(0, -1)]) {
    if (placed.some((place) => Math.abs(place - x(step)) < APART)) continue;
    placed.push(x(step));
    const end = step === lastStep(life); // it stays inside
    const place = { x: x(step) + (end ? SIDE : 0), "text-anchor": end ? "end" : "middle" };
    found.push(drawn("text", { ...place, y: height - 3, class: "name" }, whole(step)));
  }
  return found;
}

// The names of the tables at the right, each on its line; where lines lie close, side by side.
function names(life, y, width) {
  const rows = [];
  for (const [name, nats] of life.ladder.toSorted((a, b) => b[1] - a[1])) {
    const row = rows.at(-1);
    if (row && y(nats) - row.y < TOGETHER) row.name = `${row.name}, ${name}`;
    else rows.push({ name, y: y(nats) });
  }
  const right = width - SIDE - 12; // clear of the handle on the last step
  let [end, above] = [right, -Infinity];
  return rows.map(({ name, y }) => {
    end = y - above < NEAR ? end : right;
    const text = drawn("text", { x: end, y: y - 2, "text-anchor": "end", class: "name" }, name);
    above = y;
    end -= 5.4 * name.length + 8;
    return text;
  });
}

// Draws it all into the plot; returns mark(i), which puts the handle on a stop.
function drawPlot(life, plot, broken) {
  const [width, height] = [plot.clientWidth, plot.clientHeight];
  const svg = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const { x, y } = scales(life, width, height);
  const floor = height - BOTTOM;
  for (const [, nats] of life.ladder)
    svg.append(drawn("line", { x1: SIDE, x2: width - 2, y1: y(nats), y2: y(nats), class: "rung" }));
  svg.append(...names(life, y, width));
  svg.append(drawn("line", { x1: SIDE, x2: width - SIDE, y1: floor, y2: floor, class: "axis" }));
  const points = life.losses.map(([step, loss]) => `${x(step)},${y(loss)}`).join(" ");
  svg.append(drawn("polyline", { points, class: "loss" }));
  for (const [, nats] of life.ladder) {
    const step = crossing(life, nats);
    if (step !== null) svg.append(drawn("circle", { cx: x(step), cy: y(nats), r: 2.5, class: "crossed" }));
  }
  const ticks = life.stops.map(([, step]) => drawn("line", { x1: x(step), x2: x(step), y1: floor - TICK, y2: floor }));
  ticks.forEach((tick, i) => tick.setAttribute("class", broken.has(i) ? "tick broken" : "tick"));
  svg.append(...numbers(life, x, height));
  const line = drawn("line", { y1: TOP - 6, y2: floor, class: "here" });
  const knob = drawn("circle", { r: 6, class: "knob" });
  svg.append(...ticks, line, knob);
  plot.replaceChildren(svg);
  return (i) => {
    const [, step, loss] = life.stops[i];
    const height = loss ?? lossAt(life, step);
    for (const name of ["x1", "x2"]) line.setAttribute(name, x(step));
    knob.setAttribute("cx", x(step));
    knob.setAttribute("cy", height === undefined ? floor : y(height));
  };
}

// Which stop lies nearest to a place from the left.
function nearest(life, plot, place) {
  const { x } = scales(life, plot.clientWidth, plot.clientHeight);
  const away = life.stops.map(([, step]) => Math.abs(x(step) - place));
  return away.indexOf(Math.min(...away));
}

// What a step is worth, in words: [the whole, the same without marks].
const whole = (n) => n.toLocaleString("en");
function standing(life, i) {
  const [, step, loss] = life.stops[i];
  const where = `Step ${whole(step)} of ${whole(lastStep(life))}`;
  if (loss === null) return [where, where];
  const beaten = life.ladder.filter(([, nats]) => loss < nats).at(-1)?.[0];
  const next = life.ladder.find(([, nats]) => loss >= nats)?.[0];
  const table = (name) => (name === "guessing" ? "blind guessing" : `a ${name} table`);
  const than = [beaten && `better than ${table(beaten)}`, next && `not yet ${table(next)}`].filter(Boolean).join(", ");
  const rest = than ? `: ${than}` : "";
  return [
    `${where} · [loss](term:validation loss) ${loss.toFixed(2)} [nats](term:nat)${rest}`,
    `${where}, loss ${loss.toFixed(2)} nats${rest}`,
  ];
}
