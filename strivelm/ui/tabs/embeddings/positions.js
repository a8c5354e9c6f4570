// The position embeddings: how alike, how long, and the path that they take.
let value = null;
let places = []; // the positions that the matrix shows
let table, path, norms, fromMean, byDistance;
let three = kept("dim", "2") === "3";
let pointed = -1;

const T = () => places.length;
const flat = () => !three || value.components < 3;
const shade = (i) => strivelm.colour("sequential", 0.3 + (0.65 * i) / Math.max(1, value.context - 1));

const matrix = strivelm.heatMap(at(".matrix"), {
  rows: T,
  cols: T,
  value: (i, j) => table[i * T() + j],
  ramp: "diverging",
  row: (i) => String(places[i]),
  col: (j) => String(places[j]),
  every: () => Math.max(1, Math.round(T() / 8)),
  point: (i, j) => {
    at(".readout").textContent = `positions ${places[i]} and ${places[j]}: cosine ${fixed(table[i * T() + j], 3)}`;
  },
  label: () => "Cosine of any two positions. Arrow keys move the crosshair.",
});

const route = strivelm.scatter(at(".path"), {
  size: () => value?.context ?? 0,
  tallest: 470,
  halo: true,
  at: (i) => [0, 1, 2].map((k) => (k < value.components ? path[i * value.components + k] : 0)),
  three: () => !flat(),
  colour: shade,
  radius: () => 7,
  name: String,
  order: () => Array.from({ length: 9 }, (_, k) => Math.round((k * (value.context - 1)) / 8)),
  axes: () => value.explained.map((part, k) => `direction ${k + 1} · ${percentage(part)}`),
  edges: () => Array.from({ length: value.context - 1 }, (_, i) => [i, i + 1, shade(i), 1]),
  marked: () => (pointed >= 0 ? [pointed] : []),
  pick: (i) => {
    pointed = i;
    at(".point").textContent = i < 0 ? "" : `position ${i}`;
    route.draw();
  },
  label: () =>
    joined(
      "The positions on the directions in which they differ most, joined to a path.",
      `Arrow keys ${flat() ? "walk along it" : "turn it"}, plus and minus zoom.`,
    ),
});

const distances = strivelm.lineChart(at(".distance"), () => {
  if (!value) return null;
  const low = Math.min(...byDistance) < 0 ? -1 : 0;
  return {
    series: [{ name: "mean cosine", values: byDistance, colour: strivelm.css("--color-accent") }],
    levels: [{ name: "random vectors", value: 0, colour: strivelm.css("--body-text-color-subdued") }],
    low,
    high: 1,
    tick: (x) => fixed(x, 1),
    x: "distance in characters",
    y: "cosine",
    place: String,
    say: (i) => `distance ${i}: ${fixed(byDistance[i], 3)}`,
  };
});

const lengths = strivelm.lineChart(at(".norms"), () => {
  if (!value) return null;
  const mean = { name: "a character’s, on average", value: value.token_norm };
  return {
    series: [
      { name: "length", values: norms, colour: strivelm.css("--color-accent") },
      { name: "from the mean of all", values: fromMean, colour: strivelm.category(1) },
    ],
    levels: [{ ...mean, colour: strivelm.css("--body-text-color-subdued") }],
    low: 0,
    high: 1.05 * Math.max(value.token_norm, ...norms) || 1,
    tick: (x) => fixed(x, 1),
    x: "position",
    y: "length",
    place: String,
    say: (i) => `position ${i}: ${fixed(norms[i])}, from the mean ${fixed(fromMean[i])}`,
  };
});

function sentences() {
  const { context, width, dimensions, participation, by_chance: random, components_95: enough } = value;
  at(".said").textContent =
    context < 2
      ? "This model has one position only: there is nothing to tell apart."
      : joined(
          `The vectors could differ in ${whole(dimensions)} directions.`,
          `In effect they use ${participation.toFixed(1)} of them; random vectors would use ${random.toFixed(1)}.`,
          `${whole(enough)} directions hold 95 % of all differences.`,
        );
  const part = T() < context ? `Shown are ${T()} of the ${whole(context)} positions, evenly spread.` : "";
  at(".matrix-said").textContent = joined(
    part,
    `All positions have a part in common, ${percentage(value.common)} of their squared length;`,
    "that part can’t tell them apart.",
  );
  pathSentence();
  const spread = 1 / Math.sqrt(width);
  const alike = byDistance[1] > 3 * spread ? "they are alike" : "no more than random vectors have";
  at(".distance-said").textContent =
    context < 2
      ? ""
      : joined(
          "The mean cosine of all pairs of positions that are so far apart.",
          `Positions next to each other have ${fixed(byDistance[1])}: ${alike}.`,
          `Random vectors have 0, give or take ${fixed(spread)}.`,
        );
  const mean = sum(norms) / context;
  const heavier =
    mean < value.token_norm
      ? "which character it is weighs more in their sum than where it stands"
      : "where a character stands weighs more in their sum than which it is";
  at(".norms-said").textContent = joined(
    `A position’s vector is ${fixed(mean)} long on average, a character’s ${fixed(value.token_norm)}: ${heavier}.`,
    "Only what differs from the mean of all positions can tell them apart.",
  );
}

function pathSentence() {
  const part = sum(value.explained.slice(0, flat() ? 2 : 3));
  const warning = part < 0.5 ? "; positions that are near each other here may lie apart in the others" : "";
  at(".path-said").textContent = joined(
    "A dot for each position, joined in the order of the text, on the",
    `${flat() ? "two" : "three"} directions in which they differ most, with ${percentage(part)} of all differences${warning}.`,
    "Where the path has no leaps, the model knows which positions are near each other.",
  );
}

// Lengths and directions over the training.
function followed(found, steps) {
  const said = at(".training");
  said.hidden = !found;
  if (!found) return;
  const now = strivelm.stopNow();
  const curve = (values, name, format) => strivelm.spark({ steps, values, at: now, low: 0, name, format });
  said.replaceChildren(
    "In training: mean length ",
    curve(found.norm, "the mean length"),
    ", from the mean of all ",
    curve(found.from_mean, "the mean distance from the mean of all"),
    ", directions used ",
    curve(found.participation, "the directions used", (x) => x.toFixed(1)),
  );
}

function show(next) {
  value = next;
  if (!isShown(value)) return;
  places = Array.from(strivelm.u32(value.shown));
  table = strivelm.cosines(value.cosine);
  path = strivelm.f32(value.path);
  [norms, fromMean, byDistance] = ["norms", "from_mean", "by_distance"].map((name) =>
    Array.from(strivelm.f32(value[name])),
  );
  element.strivelm = { places, cosine: table, path, norms, byDistance };
  matrix.cell = [-1, -1];
  at(".readout").textContent = at(".point").textContent = "";
  pointed = -1;
  at(".two").parentElement.hidden = value.components < 3;
  refresh();
  if (strivelm.inPage()) followTraining("embeddings.positions_training", followed);
}

function refresh() {
  if (!value) return;
  three = kept("dim", "2") === "3";
  mark();
  const ticks = [
    [-1, "−1"],
    [1, "1"],
  ];
  at(".ramp").replaceChildren(strivelm.scaleBar({ ramp: "diverging", ticks, what: "Cosine" }));
  sentences();
  for (const plot of [distances, lengths, matrix, route]) plot.draw();
}

const mark = lookControls(
  route,
  () => three,
  (is) => {
    three = is;
    keep("dim", three ? "3" : "2", "2");
    if (value) pathSentence();
  },
);

// The four plots in one picture, as they stand.
const pictures = () =>
  strivelm.beside(
    [
      matrix.picture({ title: "Cosine of any two positions" }),
      route.picture({ title: "The path from the first position to the last" }),
      distances.picture({ title: "Cosine by distance" }),
      lengths.picture({ title: "Lengths" }),
    ],
    2,
  );

takeAlong("positions", "positions", () => value, {
  python: () => filled(value.python, { dimensions: flat() ? Math.min(2, value.components) : 3 }),
  png: pictures,
  csv: () => [
    ["position", "norm", "from_mean", "cosine_at_this_distance", ...value.explained.map((_, k) => `pc${k + 1}`)],
    ...norms.map((norm, i) => [
      i,
      norm,
      fromMean[i],
      byDistance[i],
      ...path.subarray(i * value.components, (i + 1) * value.components),
    ]),
  ],
});

start("embeddings.positions", show, refresh);
if (strivelm.inPage())
  strivelm.onLife(element, () => value && followTraining("embeddings.positions_training", followed));
