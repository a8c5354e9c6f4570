// Every character against every other, in an order that puts like beside like.
let shown = null,
  classes,
  some,
  table,
  orders,
  order = "class",
  names = [];
const canvas = at("canvas.plot");
const M = () => some?.length ?? 0;
const TREE = 70;
const row = (i) => orders[order][i];

const map = heat(canvas, {
  rows: M,
  cols: M,
  value: (i, j) => table[row(i) * M() + row(j)],
  ramp: "diverging",
  shade: (x) => x,
  row: (i) => strivelm.glyph(names[row(i)]),
  col: (j) => strivelm.glyph(names[row(j)]),
  strip: (i) => classColour(classes[some[row(i)]]),
  // Wide enough for every name to be read, if the window is.
  side: (width) => Math.max(Math.min(width - 4, 780), Math.min(M() * 9 + 31, 620)),
  head: () => (order === "clusters" && M() > 1 ? TREE : 0),
  above: tree,
  point: read,
});

// The tree of clusters above the columns: each bracket joins two, as high as they are apart.
function tree(drawn, left, bottom, cell) {
  if (order !== "clusters" || M() < 2) return;
  const merges = numbers(shown.merges, "u2"),
    heights = numbers(shown.heights);
  const most = Math.max(...heights) || 1,
    top = (height) => bottom - (height / most) * (TREE - 8);
  const places = new Float64Array(2 * M() - 1),
    tall = new Float64Array(2 * M() - 1);
  orders.clusters.forEach((point, i) => (places[point] = left + (i + 0.5) * cell));
  drawn.strokeStyle = strivelm.css("--body-text-color-subdued");
  drawn.lineWidth = 1;
  drawn.beginPath();
  heights.forEach((height, step) => {
    const [a, b] = [merges[2 * step], merges[2 * step + 1]],
      into = M() + step;
    drawn.moveTo(places[a], top(tall[a]));
    drawn.lineTo(places[a], top(height));
    drawn.lineTo(places[b], top(height));
    drawn.lineTo(places[b], top(tall[b]));
    [places[into], tall[into]] = [(places[a] + places[b]) / 2, height];
  });
  drawn.stroke();
}

function read(i, j) {
  const [a, b] = [row(i), row(j)];
  at(".readout").textContent =
    `${strivelm.glyph(names[a])} and ${strivelm.glyph(names[b])}: cosine ${fixed(table[a * M() + b], 3)}`;
}

function draw() {
  shown = JSON.parse(props.value);
  element.querySelector(".space").dataset.state = shown ? "shown" : "empty";
  if (!shown) return;
  const chars = Array.from(shown.chars);
  classes = numbers(shown.classes, "u1");
  some = Array.from(numbers(shown.some, "u2"));
  names = some.map((i) => chars[i]);
  table = cosines(shown.cosine);
  orders = {
    given: some.map((_, i) => i),
    class: Array.from(numbers(shown.by_class, "u2")),
    clusters: Array.from(numbers(shown.by_cluster, "u2")),
  };
  canvas.values = { chars: names, cosine: table, orders };
  map.cell = [-1, -1];
  at(".readout").textContent = "";
  const known = shown.share ? "the most frequent ones" : "the first ones, as nobody counted which are frequent";
  at(".said").textContent =
    M() < chars.length
      ? `Of ${whole(chars.length)} characters, ${whole(M())} are shown: ${known}.`
      : "Equal directions are 1, directions with nothing in common 0, opposite ones −1.";
  at(".ramp").replaceChildren(scale("diverging", ["−1", "1"], "Cosine"));
  const present = [...new Set(some.map((i) => classes[i]))].sort((a, b) => a - b);
  at(".legend").replaceChildren(
    ...present.map((number) => {
      const item = made("li"),
        span = made("span"),
        dot = made("i");
      dot.style.background = classColour(number);
      span.append(dot, shown.names[number]);
      item.append(span);
      return item;
    }),
  );
  again();
}

function again() {
  if (!shown) return;
  at(".key").textContent =
    `${{ class: "Ordered by class, which the colours at the edges tell.", clusters: "Ordered by clustering (average linkage on 1 − cosine); the tree above shows who was joined with whom, the higher the less alike.", given: "Ordered as in the vocabulary." }[order]} Arrow keys move the crosshair.`;
  canvas.setAttribute("aria-label", `Cosine of any two of ${M()} characters. Arrow keys move the crosshair.`);
  map.draw();
}

order = ["class", "clusters", "given"].includes(kept("order")) ? kept("order") : "class";
choice(all("[data-order]"), "order", order, (value) => {
  order = value;
  keep("order", value, "class");
  map.cell = [-1, -1];
  at(".readout").textContent = "";
  again();
});

takeAlong("similarity", {
  python: () => filled(shown.python, { char: quoted(names[0]), order }),
  png: () => map.picture(),
  csv: () => [
    ["", ...orders[order].map((i) => names[i])],
    ...orders[order].map((i) => [names[i], ...orders[order].map((j) => table[i * M() + j].toFixed(4))]),
  ],
});

watch("value", draw);
draw();
strivelm.redrawn(element, again);
