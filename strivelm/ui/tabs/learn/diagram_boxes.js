// Where the boxes stand: id → [x, y, width]; the stream runs down the middle of the left, the halves stand beside it.
const PLACES = {
  tok: [20, 44, 150],
  pos: [190, 44, 150],
  sum: [70, 98, 50],
  ln1: [160, 172, 180],
  qkv: [160, 212, 180],
  heads: [160, 252, 180],
  proj: [160, 292, 180],
  add1: [70, 332, 50],
  ln2: [160, 384, 180],
  up: [160, 424, 180],
  gelu: [160, 464, 180],
  down: [160, 504, 180],
  add2: [70, 544, 50],
  lnf: [20, 626, 150],
  head: [20, 672, 150],
  softmax: [20, 718, 150],
};
const HEIGHT = 30,
  STREAM = 95,
  SIZE = [360, 800];
const svg = (tag, attributes = {}, text = "") => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
};
const path = (d, kind = "") =>
  svg("path", { d, class: `way ${kind}`, "marker-end": kind === "stream" ? "" : "url(#tip)" });

// All lines behind the boxes: how the numbers go.
function ways(layers, layer) {
  const found = [
    svg("text", { x: STREAM, y: 14, class: "label", "text-anchor": "middle" }, "ids"),
    svg("text", { x: 265, y: 14, class: "label", "text-anchor": "middle" }, "positions"),
    path(`M ${STREAM} 20 V 42`),
    path("M 265 20 V 42"),
    path(`M ${STREAM} 74 V 96`),
    path("M 265 74 V 113 H 124"),
    svg("rect", { x: 8, y: 150, width: 344, height: 438, rx: 10, class: "block" }),
    svg("text", { x: 344, y: 602, class: "label", "text-anchor": "end" }, `block ${layer} of 0 to ${layers - 1}`),
    path(`M ${STREAM} 128 V 330`, "stream"),
    path(`M ${STREAM} 362 V 542`, "stream"),
    path(`M ${STREAM} 574 V 624`, "stream"),
  ];
  for (const [from, first, last, to] of [
    [160, "ln1", "proj", "add1"],
    [374, "ln2", "down", "add2"],
  ]) {
    found.push(path(`M ${STREAM} ${from} H 250 V ${PLACES[first][1] - 2}`));
    const names = Object.keys(PLACES),
      chain = names.slice(names.indexOf(first), names.indexOf(last));
    for (const name of chain) found.push(path(`M 250 ${PLACES[name][1] + HEIGHT} v 8`));
    found.push(path(`M 250 ${PLACES[last][1] + HEIGHT} V ${PLACES[to][1] + 15} H 124`));
  }
  for (const name of ["lnf", "head"]) found.push(path(`M ${STREAM} ${PLACES[name][1] + HEIGHT} v 14`));
  // The head is the token embedding's table once more.
  found.push(
    path(`M ${STREAM} 748 V 772`),
    svg("text", { x: STREAM, y: 790, class: "label", "text-anchor": "middle" }, "the next character"),
  );
  const tip = svg("marker", {
    id: "tip",
    viewBox: "0 0 8 8",
    refX: 7,
    refY: 4,
    markerWidth: 6,
    markerHeight: 6,
    orient: "auto",
  });
  tip.append(svg("path", { d: "M 0 0 L 8 4 L 0 8 z", class: "tip" }));
  const defs = svg("defs");
  defs.append(tip);
  return [
    defs,
    ...found,
    svg("text", { x: 20, y: 166, class: "label" }, "residual"),
    svg("text", { x: 20, y: 182, class: "label" }, "stream"),
  ];
}

function box(one, chosen) {
  const [x, y, width] = PLACES[one.id],
    sign = one.id === "sum" || one.id.startsWith("add");
  const made = svg("g", {
    tabindex: chosen ? 0 : -1,
    role: "button",
    "aria-pressed": String(chosen),
    "aria-label": `${one.name}${one.block ? ", in every block" : ""}`,
    class: `box ${chosen ? "chosen" : ""} ${one.tensors ? "learnt" : ""}`,
    "data-id": one.id,
  });
  made.append(
    svg("rect", { x, y, width, height: HEIGHT, rx: sign ? 15 : 6 }),
    svg("text", { x: x + width / 2, y: y + 20, "text-anchor": "middle" }, sign ? "+" : one.name),
  );
  return made;
}

// One vector as small bars up and down from a line, all as high as the largest of them.
function values(flow) {
  const most = Math.max(1e-12, ...flow.values.map(Math.abs)),
    width = 224,
    height = 56,
    each = width / 8;
  const drawn = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    class: "values",
    role: "img",
    "aria-label": `the first ${flow.values.length}: ${flow.values.join(", ")}`,
  });
  drawn.append(svg("line", { x1: 0, x2: width, y1: height / 2, y2: height / 2, class: "zero" }));
  flow.values.forEach((value, i) => {
    const tall = (Math.abs(value) / most) * (height / 2 - 2);
    const one = svg("rect", {
      x: i * each + 3,
      width: each - 6,
      y: value > 0 ? height / 2 - tall : height / 2,
      height: Math.max(0.5, tall),
    });
    one.style.fill = strivelm.colour("diverging", 0.75 * Math.sign(value));
    one.append(svg("title", {}, `number ${i}: ${value}`));
    drawn.append(one);
  });
  return drawn;
}
