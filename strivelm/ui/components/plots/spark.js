// A number over the training, as a line small enough to stand beside it: every step that can be opened, evenly on the
// logarithm, with a dot at the open one, a line for chance, and a mark where it changed at one stroke.
const [WIDTH, HEIGHT, EDGE] = [72, 20, 3]; // px
const svg = (tag, attributes) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

// What a reader hears, and sees when pointing at it.
function sparkWords({ steps, values, jump, name, format }) {
  const known = values.map((value, i) => [steps[i], value]).filter(([, value]) => value !== null);
  if (!known.length) return `${name} over the training: not known`;
  const [[first, from], [end, to]] = [known[0], known.at(-1)];
  const step = (n) => n.toLocaleString("en");
  const change = jump == null ? "" : `; most of that between steps ${step(steps[jump])} and ${step(steps[jump + 1])}`;
  return `${name} over the training: ${format(from)} at step ${step(first)}, ${format(to)} at step ${step(end)}${change}`;
}

// The line as an element.
//   steps, values: of each snapshot; null where there is none    at: which is open, -1 for none
//   jump: the snapshot before the change at one stroke, or null    level: a value for a line across, or null
//   low, high: the ends of the scale; where they are left out, those of the values    name, format: for its words
function spark({ steps, values, at = -1, jump = null, level = null, low, high, name, format = (x) => x.toFixed(2) }) {
  const known = [...values, level].filter((value) => Number.isFinite(value));
  const [least, most] = [low ?? Math.min(...known), high ?? Math.max(...known)];
  const last = Math.log1p(Math.max(1, steps.at(-1) ?? 1));
  const x = (i) => EDGE + ((WIDTH - 2 * EDGE) * Math.log1p(steps[i])) / last;
  const y = (value) => HEIGHT - EDGE - ((HEIGHT - 2 * EDGE) * (value - least)) / Math.max(1e-9, most - least);
  const words = sparkWords({ steps, values, jump, name, format });
  const made = svg("svg", { class: "strivelm-spark", width: WIDTH, height: HEIGHT, role: "img", "aria-label": words });
  made.append(svg("title", {}));
  made.firstChild.textContent = words;
  if (Number.isFinite(level))
    made.append(svg("line", { class: "level", x1: 0, x2: WIDTH, y1: y(level), y2: y(level) }));
  if (jump != null)
    made.append(svg("rect", { class: "jump", x: x(jump), width: x(jump + 1) - x(jump), y: 0, height: HEIGHT }));
  const points = values.flatMap((value, i) => (Number.isFinite(value) ? [`${x(i)},${y(value)}`] : []));
  made.append(svg("polyline", { points: points.join(" ") }));
  if (Number.isFinite(values[at])) made.append(svg("circle", { cx: x(at), cy: y(values[at]), r: 2.5 }));
  return made;
}

// What came at one stroke, in a sentence with the rule (strivelm.inspection.phase_change); "" where nothing did.
//   curves: [{ name, steps, jump }, …]    least: by how much a number has to change to be marked
function strokes(curves, least) {
  const step = (n) => n.toLocaleString("en");
  const found = curves.filter(({ jump }) => jump != null);
  if (!found.length) return "";
  const said = found.map(
    ({ name, steps, jump }) => `${name} between steps ${step(steps[jump])} and ${step(steps[jump + 1])}`,
  );
  return `Sudden change: ${said.join("; ")}. Marked is where more than half of all change comes between two neighbouring snapshots, and at least ${least}.`;
}

export { spark, strokes };
