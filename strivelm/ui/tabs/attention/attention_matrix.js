// One head, large: the matrix with the text along its edges, a crosshair, and the value there.
const matrix = { canvas: at(".matrix"), base: document.createElement("canvas"), edge: 24, side: 0 };

function sizeMatrix(width) {
  const T = length();
  matrix.side = Math.max(160, Math.min(width - matrix.edge - 2, 640));
  if (T < 12) matrix.side = Math.min(matrix.side, 44 * Math.max(T, 4)); // a short text needs no large matrix
  matrix.cell = matrix.side / T;
  // The half above the diagonal is empty: the legend is placed there if it fits.
  const box = at(".map .box");
  box.classList.toggle("roomy", matrix.side >= 480);
  box.style.setProperty("--aside", `${box.clientWidth - matrix.edge - matrix.side + 8}px`);
}

function drawMatrix() {
  paint(matrix.base, state.map, state.scale);
  const width = at(".map .box").clientWidth;
  if (!width) return;
  sizeMatrix(width);
  drawCrosshair();
  drawLegend();
}

// Redraws the large canvas, which is cheap enough for each move of the pointer.
function drawCrosshair() {
  if (!matrix.side) return;
  const full = matrix.side + matrix.edge;
  renderMatrix(strivelm.context(matrix.canvas, full, full), query(), key());
  matrix.canvas.setAttribute(
    "aria-label",
    `${titleOf(state.map)}: weights of rows (queries) on columns (keys). ${readout()}`,
  );
}

function renderMatrix(context, q, k) {
  const { edge, side, cell } = matrix,
    T = length();
  const ink = strivelm.css("--body-text-color"),
    faint = strivelm.css("--body-text-color-subdued");
  context.imageSmoothingEnabled = cell < 1;
  context.drawImage(matrix.base, edge, edge, side, side);
  context.strokeStyle = strivelm.css("--border-color-primary");
  context.lineWidth = 1;
  context.strokeRect(edge, edge, side, side);
  // as many labels as are readable, the chosen ones always
  const every = Math.max(1, Math.ceil(10 / cell));
  context.textAlign = "center";
  context.textBaseline = "middle";
  const font = (bold) =>
    `${bold ? 700 : 400} ${Math.min(14, Math.max(10, cell * 0.95))}px ${strivelm.css("--font-mono") || "monospace"}`;
  for (let i = 0; i < T; i++) {
    const middle = edge + (i + 0.5) * cell;
    const across = i === k,
      down = i === q;
    for (const [chosen, x, y] of [
      [across, middle, edge / 2 + 2],
      [down, edge / 2 + 2, middle],
    ]) {
      const near = Math.abs(i - (x === middle ? k : q)) * cell < 11;
      if (!chosen && (i % every || near)) continue;
      context.font = font(chosen);
      context.fillStyle = chosen ? ink : faint;
      context.fillText(strivelm.glyph(chars[i]).slice(0, 6), x, y, Math.max(14, cell));
    }
  }
  // the crosshair: the query's row, the key's column
  context.strokeStyle = strivelm.css("--color-accent");
  context.lineWidth = 1.5;
  context.strokeRect(edge, edge + q * cell, (q + 1) * cell, cell);
  context.strokeStyle = strivelm.category(1);
  context.strokeRect(edge + k * cell, edge + k * cell, cell, (T - k) * cell);
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

// A tooltip on the error of a weight from its byte, at most √p/255 + 1/510²; empty for an exact one.
function precision() {
  if (exact(state.map, query(), key()) !== undefined) return "";
  const p = value(state.map, query(), key());
  return `${p.toFixed(3)} ± ${(Math.sqrt(p) / 255 + 1 / 510 ** 2).toFixed(4)}: the maps have 8 bits for each weight`;
}

function drawLegend() {
  const canvas = at(".ramp"),
    width = 180,
    context = strivelm.context(canvas, width, 10);
  for (let x = 0; x < width; x++) {
    context.fillStyle = strivelm.colour("sequential", x / (width - 1));
    context.fillRect(x, 0, 1, 10);
  }
  const label = state.scale === "row" ? ["0", "of the row's largest", "all"] : ["0", "0.1", "0.5", "1"];
  const places = state.scale === "row" ? [0, 0.5, 1] : [0, Math.sqrt(0.1), Math.sqrt(0.5), 1];
  at(".ticks").replaceChildren(
    ...label.map((text, i) => Object.assign(make("span", "", text), { style: `left: ${100 * places[i]}%` })),
  );
  for (const button of element.querySelectorAll("[data-scale]"))
    button.setAttribute("aria-pressed", String(button.dataset.scale === state.scale));
}

function place(event) {
  const box = matrix.canvas.getBoundingClientRect(),
    T = length();
  const q = Math.floor((event.clientY - box.top - matrix.edge) / matrix.cell),
    k = Math.floor((event.clientX - box.left - matrix.edge) / matrix.cell);
  return q >= 0 && q < T && k >= 0 && k <= q ? { query: q, key: k } : null;
}

function walkMatrix(event) {
  const q = query(),
    k = key(),
    T = length();
  const to = { ArrowUp: [q - 1, k], ArrowDown: [q + 1, k], ArrowLeft: [q, k - 1], ArrowRight: [q, k + 1] }[event.key];
  if (event.key === "Enter") return pin(q, k);
  if (event.key === "Escape") return point(null);
  if (!to) return;
  event.preventDefault();
  const next = Math.max(0, Math.min(T - 1, to[0]));
  point({ query: next, key: Math.max(0, Math.min(next, to[1])) });
}

matrix.canvas.addEventListener("pointermove", (event) => event.pointerType !== "touch" && point(place(event)));
matrix.canvas.addEventListener("pointerleave", () => point(null));
matrix.canvas.addEventListener("blur", () => point(null));
matrix.canvas.addEventListener("keydown", walkMatrix);
matrix.canvas.addEventListener("click", (event) => {
  const found = place(event);
  if (found) pin(found.query, found.key);
});

// The large map with its title and scale, at twice the screen's resolution.
function matrixPicture() {
  const canvas = make("canvas"),
    full = matrix.side + matrix.edge,
    top = 48;
  const context = strivelm.context(canvas, full + 16, full + top + 16, 2);
  context.fillStyle = strivelm.css("--body-background-fill");
  context.fillRect(0, 0, full + 16, full + top + 16);
  context.fillStyle = strivelm.css("--body-text-color");
  context.font = `700 14px ${strivelm.css("--font") || "sans-serif"}`;
  context.fillText(`${titleOf(state.map)}${isHead(state.map) ? `: ${sentenceOf(state.map)}` : ""}`, 8, 20, full);
  context.font = `12px ${strivelm.css("--font") || "sans-serif"}`;
  context.fillText(
    `${state.scale === "row" ? "Colour: √(weight / largest of its row)" : "Colour: √weight, from 0 to 1"}. Rows are queries, columns are keys. Model: ${shown.model}`,
    8,
    38,
    full,
  );
  context.translate(8, top);
  renderMatrix(context, query(), key());
  return canvas;
}
