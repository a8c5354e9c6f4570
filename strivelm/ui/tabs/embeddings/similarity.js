// Every character against every other, in an order that puts like beside like.
const TREE = 70; // pixels of the tree above the columns
const ORDERS = {
  class: "Ordered by class; the colours at the edges show which.",
  clusters:
    "Ordered by what is most alike: the tree joins the two nearest groups again and again; the higher a bracket, the less alike.",
  given: "Ordered as in the vocabulary.",
};
let value = null;
let classes, table, merges, heights;
let some = []; // the characters that are shown
let names = []; // those characters
let orders = {};
let order = kept("order") in ORDERS ? kept("order") : "class";

const M = () => some.length;
const row = (i) => orders[order][i];
const clustered = () => order === "clusters" && M() > 1;

const map = strivelm.heatMap(at("canvas"), {
  rows: M,
  cols: M,
  value: (i, j) => table[row(i) * M() + row(j)],
  ramp: "diverging",
  row: (i) => glyph(names[row(i)]),
  col: (j) => glyph(names[row(j)]),
  strip: (i) => classColour(classes[some[row(i)]]),
  // Wide enough for every name to be read, if the window is.
  side: (width) => Math.max(Math.min(width - 4, 860), Math.min(M() * 9 + 31, 620)),
  head: () => (clustered() ? TREE : 0),
  above: tree,
  point: read,
  label: () => `Cosine of any two of ${M()} characters. Arrow keys move the crosshair.`,
});

// The tree of clusters above the columns: each bracket joins two, as high as they are apart.
function tree(drawn, { x, edge }) {
  if (!clustered()) return;
  const most = Math.max(...heights) || 1;
  const top = (height) => edge - (height / most) * (TREE - 8);
  const places = new Float64Array(2 * M() - 1);
  const tall = new Float64Array(2 * M() - 1);
  orders.clusters.forEach((point, i) => (places[point] = x(i + 0.5)));
  drawn.strokeStyle = strivelm.css("--body-text-color-subdued");
  drawn.lineWidth = 1;
  drawn.beginPath();
  heights.forEach((height, step) => {
    const [a, b] = [merges[2 * step], merges[2 * step + 1]];
    drawn.moveTo(places[a], top(tall[a]));
    drawn.lineTo(places[a], top(height));
    drawn.lineTo(places[b], top(height));
    drawn.lineTo(places[b], top(tall[b]));
    [places[M() + step], tall[M() + step]] = [(places[a] + places[b]) / 2, height];
  });
  drawn.stroke();
}

function read(i, j) {
  const [a, b] = [row(i), row(j)];
  at(".readout").textContent = `${glyph(names[a])} and ${glyph(names[b])}: cosine ${fixed(table[a * M() + b], 3)}`;
}

const MOST_PAIRS = 12;

// The pairs that are most alike, each a press away from its place on the map.
function alike() {
  const pairs = [];
  for (let i = 0; i < M(); i++) for (let j = 0; j < i; j++) pairs.push([j, i, table[i * M() + j]]);
  pairs.sort((x, y) => y[2] - x[2]);
  at(".alike").hidden = !pairs.length;
  strivelm.bars(
    at(".pairs"),
    pairs.slice(0, MOST_PAIRS).map(([a, b, cosine]) => ({
      name: `${glyph(names[a])} ${glyph(names[b])}`,
      glyph: true,
      press: () => {
        const [i, j] = [a, b].map((point) => orders[order].indexOf(point));
        map.point(i, j);
        read(i, j);
      },
      title: "Show it on the map",
      bars: [strivelm.signed(cosine, classColour(classes[some[a]]))],
      value: fixed(cosine),
    })),
  );
}

function show(next) {
  value = next;
  if (!isShown(value)) return;
  const chars = Array.from(value.chars);
  classes = strivelm.u8(value.classes);
  some = Array.from(strivelm.u16(value.some));
  names = some.map((i) => chars[i]);
  table = strivelm.cosines(value.cosine);
  [merges, heights] = [strivelm.u16(value.merges), strivelm.f32(value.heights)];
  orders = {
    given: some.map((_, i) => i),
    class: Array.from(strivelm.u16(value.by_class)),
    clusters: Array.from(strivelm.u16(value.by_cluster)),
  };
  element.strivelm = { chars: names, cosine: table, orders };
  const known = value.share ? "the most frequent ones" : "the first ones, as it is not known which are frequent";
  at(".said").textContent =
    M() < chars.length
      ? `Of ${whole(chars.length)} characters, ${whole(M())} are shown: ${known}.`
      : "Vectors of the same direction have 1, vectors with nothing in common 0, opposite ones −1.";
  restart();
}

// In another order, or of another model, the crosshair stands nowhere.
function restart() {
  map.cell = [-1, -1];
  at(".readout").textContent = "";
  refresh();
}

function refresh() {
  if (!value) return;
  const ticks = [
    [-1, "−1"],
    [1, "1"],
  ];
  at(".ramp").replaceChildren(strivelm.scaleBar({ ramp: "diverging", ticks, what: "Cosine" }));
  const present = [...new Set(some.map((i) => classes[i]))].sort((a, b) => a - b);
  strivelm.legend(
    at(".key"),
    present.map((number) => ({ text: value.names[number], colour: classColour(number) })),
  );
  at(".how").textContent = `${ORDERS[order]} Arrow keys move the crosshair.`;
  alike();
  map.draw();
}

choice(all("[data-order]"), "order", order, (next) => {
  order = next;
  keep("order", next, "class");
  restart();
});

takeAlong("similarity", "similarity", () => value, {
  python: () => filled(value.python.similarity, { order }),
  png: () => map.picture(),
  csv: () => [
    ["", ...orders[order].map((i) => names[i])],
    ...orders[order].map((i) => [names[i], ...orders[order].map((j) => table[i * M() + j].toFixed(4))]),
  ],
});

start("embeddings.tokens", show, refresh);
