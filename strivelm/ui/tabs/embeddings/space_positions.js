// The position embeddings: how alike, how long, and the path that they take.
let shown = null,
  places,
  table,
  path,
  three = false;
const T = () => places?.length ?? 0;

const matrix = heat(at("canvas.matrix"), {
  rows: T,
  cols: T,
  value: (i, j) => table[i * T() + j],
  ramp: "diverging",
  shade: (x) => x,
  row: (i) => String(places[i]),
  col: (j) => String(places[j]),
  get every() {
    return Math.max(1, Math.round(T() / 8));
  },
  side: (width) => Math.min(width, 560),
  point: (i, j) => {
    at(".readout").textContent = `positions ${places[i]} and ${places[j]}: cosine ${fixed(table[i * T() + j], 3)}`;
  },
});

const way = scatter(at("canvas.path"), {
  size: () => shown?.context ?? 0,
  tallest: 470,
  halo: true,
  at: (i) => [0, 1, 2].map((k) => (k < shown.components ? path[i * shown.components + k] : 0)),
  three: () => three && shown.components > 2,
  colour: (i) => strivelm.colour("sequential", 0.3 + (0.65 * i) / Math.max(1, shown.context - 1)),
  radius: () => 7,
  name: (i) => String(i),
  faded: () => false,
  order: () => Array.from({ length: 9 }, (_, k) => Math.round((k * (shown.context - 1)) / 8)),
  axes: () => shown.explained.map((part, k) => `PC ${k + 1} · ${percentage(part)}`),
  edges: () =>
    Array.from({ length: shown.context - 1 }, (_, i) => [
      i,
      i + 1,
      strivelm.colour("sequential", 0.3 + (0.65 * i) / shown.context),
      1,
    ]),
  marked: () => (pointed >= 0 ? [pointed] : []),
  pick: (i) => {
    pointed = i;
    at(".point").textContent = i < 0 ? "" : `position ${i}`;
    way.draw();
  },
});
let pointed = -1;

function sentences() {
  const neighbours = shown.by_distance[1],
    random = 1 / Math.sqrt(shown.width);
  at(".said").textContent =
    shown.context < 2
      ? "This model has one position only: there is nothing to tell apart."
      : `Of ${whole(shown.dimensions)} directions in which they could differ they use ${shown.participation.toFixed(1)} in effect (participation ratio; vectors drawn at random would use ${shown.by_chance.toFixed(1)}), and ${whole(shown.components_95)} hold 95 % of their variance.`;
  at(".matrix-said").textContent =
    `${T() < shown.context ? `${T()} of the ${whole(shown.context)} positions, evenly spread. ` : ""}Of their squared length ${percentage(shown.common)} is common to all positions, and so tells none of them apart.`;
  const part = shown.explained.slice(0, way && three ? 3 : 2).reduce((a, b) => a + b, 0);
  at(".path-said").textContent =
    `Principal components, a dot for each position, joined in the order of the text; ${three ? "three" : "two"} explain ${percentage(part)} of the variance${part < 0.5 ? ": what lies together here may lie apart" : ""}. Where the path goes from place to place without leaps, the model knows which positions are near each other.`;
  at(".distance-said").textContent =
    shown.context < 2
      ? ""
      : `The mean cosine of all pairs so many places apart. Neighbours have ${fixed(neighbours)}: ${neighbours > 3 * random ? "to the model they are alike" : "no more alike than vectors drawn at random"}, which have 0, give or take ${fixed(random)}.`;
  const mean = shown.norms.reduce((a, b) => a + b, 0) / shown.context;
  at(".norms-said").textContent =
    `A position’s vector is ${fixed(mean)} long in the mean, a character’s ${fixed(shown.token_norm)}: ${mean < shown.token_norm ? "which character it is weighs more in the sum than where it stands" : "where a character stands weighs more in the sum than which it is"}. Only the distance from the mean of all positions tells them apart.`;
}

function charts() {
  const accent = strivelm.css("--color-accent"),
    other = strivelm.category(1),
    quiet = strivelm.css("--body-text-color-subdued");
  const lowest = Math.min(...shown.by_distance) < 0 ? -1 : 0;
  chart(at(".distance"), {
    series: [
      { name: "mean cosine", values: shown.by_distance, colour: accent },
      { name: "random vectors", values: shown.by_distance.map(() => 0), colour: quiet, dash: "3 4" },
    ],
    low: lowest,
    high: 1,
    ticks: ticks(lowest, 1),
    tick: (x) => fixed(x),
    x: "places apart",
    y: "cosine",
    place: String,
    say: (i) => `${i} apart: ${fixed(shown.by_distance[i], 3)}`,
  });
  const high = Math.ceil(1.05 * Math.max(shown.token_norm, ...shown.norms)) || 1;
  chart(at(".norms"), {
    series: [
      { name: "length", values: shown.norms, colour: accent },
      { name: "from the mean of all", values: shown.from_mean, colour: other },
      {
        name: "a character’s, in the mean",
        values: shown.norms.map(() => shown.token_norm),
        colour: quiet,
        dash: "3 4",
      },
    ],
    low: 0,
    high,
    ticks: ticks(0, high),
    tick: (x) => fixed(x, 1),
    x: "position",
    y: "length",
    place: String,
    say: (i) => `${i}: ${fixed(shown.norms[i])}, from the mean ${fixed(shown.from_mean[i])}`,
  });
}

function draw() {
  shown = JSON.parse(props.value);
  element.querySelector(".space").dataset.state = shown ? "shown" : "empty";
  if (!shown) return;
  places = numbers(shown.shown, "u4");
  table = cosines(shown.cosine);
  path = numbers(shown.path);
  for (const name of ["norms", "from_mean", "by_distance"]) shown[name] = Array.from(numbers(shown[name]));
  at("canvas.matrix").values = { places, cosine: table, path, norms: shown.norms, by_distance: shown.by_distance };
  matrix.cell = [-1, -1];
  at(".readout").textContent = "";
  pointed = -1;
  at(".three").disabled = shown.components < 3;
  again();
}

function again() {
  if (!shown) return;
  at(".ramp").replaceChildren(scale("diverging", ["−1", "1"], "Cosine"));
  at("canvas.matrix").setAttribute("aria-label", "Cosine of any two positions. Arrow keys move the crosshair.");
  at("canvas.path").setAttribute(
    "aria-label",
    "The positions on their principal components, joined to a path. Arrow keys walk along it, or turn it in three dimensions.",
  );
  sentences();
  charts();
  matrix.draw();
  way.draw();
}

turning(
  way,
  () => three,
  (value) => {
    three = value;
    if (shown) sentences();
  },
);

takeAlong("positions", {
  python: () => shown.python,
  png: () => matrix.picture(),
  csv: () => [
    ["position", "norm", "from_mean", "cosine_at_this_distance", ...shown.explained.map((_, k) => `pc${k + 1}`)],
    ...shown.norms.map((norm, i) => [
      i,
      norm,
      shown.from_mean[i],
      shown.by_distance[i],
      ...Array.from(path.subarray(i * shown.components, (i + 1) * shown.components)),
    ]),
  ],
});

watch("value", draw);
draw();
strivelm.redrawn(element, again);
