// Lines from a character to those it reads, for several heads at once, as in BertViz's head view.
const SHORT = 64; // the longest text that is shown completely
const MOST_HEADS = 8; // as many as there are distinguishable colours
const threads = { canvas: at(".threads"), height: 240, wide: 0, first: 0, many: 0 };

// The heads shown at first: those named after a pattern, else the chosen one.
function usualLines() {
  const named = everyMap().filter((map) => isHead(map) && patternOf(map)?.named);
  return (named.length ? named : [isHead(state.map) ? state.map : 0]).slice(0, 4);
}

const linesShown = () => (state.lines.length ? state.lines : usualLines());

function drawToggles() {
  const chosen = linesShown();
  const box = at(".chosen-heads");
  if (box.childElementCount !== count()) {
    box.replaceChildren(
      ...Array.from({ length: count() }, (_, map) => {
        const button = make("button", "strivelm-tool", nameOf(map));
        button.type = "button";
        button.dataset.map = map;
        button.addEventListener("click", () => toggle(map));
        return button;
      }),
    );
  }
  [...box.children].forEach((button, map) => {
    const place = chosen.indexOf(map);
    button.setAttribute("aria-pressed", String(place >= 0));
    button.setAttribute("aria-label", `Lines of ${titleOf(map).toLowerCase()}`);
    button.title = sentenceOf(map);
    button.style.setProperty("--own", place >= 0 ? strivelm.category(place) : "transparent");
  });
  for (const button of element.querySelectorAll("[data-whose]")) {
    button.setAttribute("aria-pressed", String(button.dataset.whose === whose()));
    button.disabled = button.dataset.whose === "all" && length() > SHORT;
    button.title = button.disabled ? `For texts of at most ${SHORT} characters` : "";
  }
}

const whose = () => (length() > SHORT ? "one" : state.whose);

function toggle(map) {
  const chosen = linesShown();
  const next = chosen.includes(map) ? chosen.filter((one) => one !== map) : [...chosen, map].slice(-MOST_HEADS);
  if (!next.length) return; // at least one head stays
  state.lines = next;
  keep();
  drawLines();
}

function drawLines() {
  drawToggles();
  const width = at(".lines .box").clientWidth;
  if (!width) return;
  const T = length(),
    q = query();
  threads.many = Math.min(T, SHORT);
  threads.first = Math.max(0, Math.min(T - threads.many, q - Math.floor(threads.many * 0.8)));
  threads.cell = Math.max(9, Math.min(22, (width - 8) / threads.many));
  threads.wide = threads.cell * threads.many;
  renderLines(strivelm.context(threads.canvas, threads.wide, threads.height));
  const heads = linesShown().map(
    (map) =>
      `${nameOf(map)} ${strongest(rowOf(map, q), 0)
        .slice(0, 1)
        .map(([i, p]) => `${labelled(i)} ${rounded(p)}`)}`,
  );
  threads.canvas.setAttribute(
    "aria-label",
    `Lines from the character ${labelled(q)}; most read by each head: ${heads.join("; ")}`,
  );
  const before =
    threads.first &&
    linesShown().map(
      (map) =>
        `${nameOf(map)} ${rounded(
          rowOf(map, q)
            .slice(0, threads.first)
            .reduce((a, b) => a + b, 0),
        )}`,
    );
  at(".window").textContent =
    `After ${labelled(q)}, each head reads most: ${heads.join("; ")}.${threads.first ? ` Characters ${threads.first} to ${threads.first + threads.many - 1} are shown; weight further back: ${before.join(", ")}.` : ""}`;
}

function renderLines(context) {
  const { cell, height, first, many } = threads,
    q = query();
  const x = (i) => (i - first + 0.5) * cell,
    top = 26,
    bottom = height - 26;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let i = first; i < first + many; i++) {
    const seen = i <= q;
    context.fillStyle = strivelm.css(seen || whose() === "all" ? "--body-text-color" : "--body-text-color-subdued");
    context.font = `${i === q ? 700 : 400} ${Math.min(15, cell * 1.15)}px ${strivelm.css("--font-mono") || "monospace"}`;
    const text = strivelm.glyph(chars[i]).slice(0, 6);
    context.fillText(text, x(i), top - 14, cell * 1.3);
    context.fillText(text, x(i), bottom + 14, cell * 1.3);
  }
  context.strokeStyle = strivelm.css("--color-accent");
  context.strokeRect(x(q) - cell / 2, bottom + 4, cell, 20);
  const queries = whose() === "all" ? Array.from({ length: many }, (_, i) => first + i) : [q];
  linesShown().forEach((map, place, all) => {
    context.strokeStyle = strivelm.category(place);
    const aside = (place - (all.length - 1) / 2) * Math.min(2, cell / (all.length + 1)); // beside each other, not on top
    for (const from of queries) {
      for (let to = Math.max(first, 0); to <= from; to++) {
        const p = value(map, from, to);
        if (p < 0.01) continue;
        context.globalAlpha = Math.min(1, Math.sqrt(p)) * (from === q || queries.length === 1 ? 1 : 0.45);
        context.lineWidth = 0.75 + 3 * p;
        context.beginPath();
        context.moveTo(x(from) + aside, bottom);
        context.bezierCurveTo(x(from) + aside, bottom - 60, x(to) + aside, top + 60, x(to) + aside, top);
        context.stroke();
      }
    }
  });
  context.globalAlpha = 1;
}

function threadAt(event) {
  const i = Math.floor(strivelm.pointed(event, threads.canvas)[0] / threads.cell) + threads.first;
  return i >= 0 && i < length() ? i : null;
}

threads.canvas.addEventListener("click", (event) => threadAt(event) != null && pin(threadAt(event), null));
for (const button of element.querySelectorAll("[data-whose]")) {
  button.addEventListener("click", () => {
    state.whose = button.dataset.whose;
    keep();
    drawLines();
  });
}

function linesPicture() {
  const canvas = make("canvas"),
    top = 30;
  const context = strivelm.context(canvas, threads.wide + 16, threads.height + top + 8, 2);
  context.fillStyle = strivelm.css("--body-background-fill");
  context.fillRect(0, 0, threads.wide + 16, threads.height + top + 8);
  context.font = `12px ${strivelm.css("--font") || "sans-serif"}`;
  let x = 8;
  linesShown().forEach((map, place) => {
    context.fillStyle = strivelm.category(place);
    context.fillText(`head ${nameOf(map)}`, x, 18);
    x += 64;
  });
  context.translate(8, top);
  renderLines(context);
  return canvas;
}
