// One head, large: the matrix with the text along its edges, a crosshair, and the value there.
const EDGE = 24; // pixels of the text along the map
const matrix = { cell: 1, rows: null }; // the rows as bytes, null while rollout is not there yet
const matrixMap = strivelm.heatMap(at(".matrix"), {
  rows: length,
  cols: length,
  value: (q, k) => (matrix.rows ? matrix.rows[q][k] / 255 : NaN),
  ramp: "sequential",
  nothing: NONE,
  side: (width) => width,
  get cell() {
    return matrix.cell;
  },
  row: edgeName,
  col: edgeName,
  every: () => Math.max(1, Math.ceil(8 / matrix.cell)), // as many characters as can be read
  triangle: true,
  leaves: true,
  lines: () => [strivelm.css("--color-accent"), strivelm.category(1)], // what reads, what is read
  over(drawn, { x, y, cell, rows }) {
    drawn.strokeStyle = strivelm.css("--border-color-primary");
    drawn.lineWidth = 1;
    drawn.strokeRect(x(0), y(0), rows * cell, rows * cell);
  },
  point(q, k) {
    point(q < 0 ? null : { query: q, key: k });
    drawCrosshair(); // when the pointer is gone, where it was before
  },
  press: pin,
});

function edgeName(i) {
  return strivelm.glyph(chars[i] ?? "").slice(0, 6);
}

// Lays the matrix out in so much room; returns its side in pixels.
function layMatrix(room) {
  const T = length();
  let side = Math.max(160, Math.min(room - EDGE - 4, 640));
  if (T < 12) side = Math.min(side, 44 * Math.max(T, 4)); // a short text needs no large matrix
  matrix.cell = side / T;
  const shades = shadesOf(state.map, state.scale);
  matrix.rows = codesOf(state.map) ? Array.from(chars, (_, q) => shades(q).slice()) : null;
  return side;
}

function drawMatrix() {
  const box = at(".map .box");
  if (!box.clientWidth) return;
  const side = layMatrix(box.clientWidth);
  // The half above the diagonal is empty: the legend is placed there if it fits.
  box.classList.toggle("roomy", side >= 480);
  box.style.setProperty("--aside", `${box.clientWidth - EDGE - side + 8}px`);
  matrixMap.draw();
  drawCrosshair();
  drawLegend();
}

function drawCrosshair() {
  matrixMap.point(query(), key());
  const said = `${titleOf(state.map)}: weights of rows (queries) on columns (keys). ${readout()}`;
  at(".matrix").setAttribute("aria-label", said); // which hears of the exact number as well
}

// The weight at the crosshair: exact after the server was asked, else from its byte in the map.
function readout() {
  const q = query(),
    k = key(),
    precise = exact(state.map, q, k),
    p = value(state.map, q, k);
  const number =
    precise === undefined
      ? `about ${rounded(p)}${isHead(state.map) && strivelm.inPage() ? " (click for the exact weight)" : ""}`
      : `${precise.toPrecision(5)} (exact)`;
  return `${labelled(q)} ${verbOf(state.map)} ${labelled(k)}: ${number}`;
}

function drawLegend() {
  const ticks =
    state.scale === "row"
      ? [
          [0, "0"],
          [0.5, "of the row's largest"],
          [1, "all"],
        ]
      : [0, 0.1, 0.5, 1].map((weight) => [Math.sqrt(weight), String(weight)]);
  at(".legend").replaceChildren(strivelm.scaleBar({ ticks, width: 180 }));
  for (const button of element.querySelectorAll("[data-scale]"))
    button.setAttribute("aria-pressed", String(button.dataset.scale === state.scale));
}

// The large map with its title and scale, to save.
function matrixPicture() {
  if (!at(".map .box").clientWidth) layMatrix(at(".map").parentElement.clientWidth || 640); // out of sight: as in sight
  const scale = state.scale === "row" ? "Colour: √(weight / largest of its row)" : "Colour: √weight, from 0 to 1";
  return matrixMap.picture({
    title: `${titleOf(state.map)}${isHead(state.map) ? `: ${sentenceOf(state.map)}` : ""}`,
    note: `${scale}. Rows are queries, columns are keys. Model: ${shown.model}`,
  });
}
