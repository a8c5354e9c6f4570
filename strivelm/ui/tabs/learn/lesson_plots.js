// The pictures that are drawn: vectors as strips, attention as a map, curves, and characters in a plane.
const svg = (tag, attributes = {}, text = "") => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
};
const short = (x) =>
  (x === 0
    ? "0"
    : Math.abs(x) >= 1000 || Math.abs(x) < 0.01
      ? x.toExponential(1)
      : String(Number(x.toPrecision(3)))
  ).replace("-", "−");

// Vectors below each other, all numbers on one scale that is as wide as the largest of them.
function vectors(block) {
  const rows = block.rows.map((row) => ({ ...row, values: strivelm.f32(row.values) }));
  const most = Math.max(1e-12, ...rows.flatMap((row) => Array.from(row.values, Math.abs)));
  const list = make("div", { className: "vectors" });
  for (const row of rows) {
    const canvas = make("canvas", {
      role: "img",
      ariaLabel: `${row.name}: ${row.values.length} numbers from ${row.least} to ${row.most}, length ${row.norm}`,
    });
    const said = make("span", {
      className: "said",
      textContent: `length ${row.norm}, from ${row.least} to ${row.most}`,
    });
    list.append(
      make(
        "div",
        { className: "vector" },
        make("b", {}, ...(row.op ? [make("i", { className: "op", textContent: row.op })] : []), row.name),
        said,
        canvas,
      ),
    );
    canvas.addEventListener("pointermove", (event) => {
      const i = Math.min(
        row.values.length - 1,
        Math.max(0, Math.floor((event.offsetX / canvas.clientWidth) * row.values.length)),
      );
      said.textContent = `number ${i}: ${short(row.values[i])}`;
    });
    canvas.addEventListener(
      "pointerleave",
      () => (said.textContent = `length ${row.norm}, from ${row.least} to ${row.most}`),
    );
    paint(canvas, row.values, most);
  }
  const ramp = make("span", { className: "ramp" });
  ramp.style.background = `linear-gradient(90deg, ${[-1, -0.5, 0, 0.5, 1].map((t) => strivelm.colour("diverging", t)).join(", ")})`;
  list.append(make("p", { className: "scale" }, `${short(-most)} `, ramp, ` ${short(most)}`));
  return list;
}

function paint(canvas, values, most) {
  requestAnimationFrame(() => {
    const width = Math.max(40, canvas.parentElement.clientWidth),
      height = 22;
    const drawn = strivelm.context(canvas, width, height);
    const each = width / values.length;
    values.forEach((value, i) => {
      drawn.fillStyle = strivelm.colour("diverging", value / most);
      drawn.fillRect(i * each, 0, Math.ceil(each), height);
    });
  });
}

// A map of weights, a row a query; the chosen row is framed.
function heat(block) {
  const n = block.size;
  const coded = strivelm.u8(block.data); // of the keys that each query sees, row after row
  const code = (q, k) => coded[(q * (q + 1)) / 2 + k] / 255;
  const canvas = make("canvas", { role: "img", ariaLabel: `${block.title}: ${n} by ${n} weights from 0 to 1` });
  const said = make("p", { className: "scale" });
  const legend = () => {
    const ramp = make("span", { className: "ramp" });
    ramp.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map((t) => strivelm.colour("sequential", t)).join(", ")})`;
    said.replaceChildren("0 ", ramp, " 1 (the square root of the weight is shown)");
  };
  legend();
  const box = make("div", { className: "heat" }, canvas, said);
  const size = () => Math.min(420, box.clientWidth || 320);
  requestAnimationFrame(() => {
    const side = size(),
      each = side / n,
      drawn = strivelm.context(canvas, side, side);
    for (let q = 0; q < n; q++)
      for (let k = 0; k <= q; k++) {
        drawn.fillStyle = strivelm.colour("sequential", code(q, k));
        drawn.fillRect(k * each, q * each, Math.ceil(each), Math.ceil(each));
      }
    drawn.strokeStyle = strivelm.css("--color-accent");
    drawn.lineWidth = 2;
    drawn.strokeRect(1, shownNow.at * each + 1, Math.max(2, (shownNow.at + 1) * each - 2), Math.max(2, each - 2));
  });
  canvas.addEventListener("pointermove", (event) => {
    const k = Math.floor((event.offsetX / canvas.clientWidth) * n),
      q = Math.floor((event.offsetY / canvas.clientHeight) * n);
    const weight = code(q, k) ** 2,
      glyph = (i) => `${strivelm.glyph(shownNow.chars[i])} (${i})`;
    if (k <= q && q < n && shownNow.chars[q])
      said.textContent = `${glyph(q)} gives ${glyph(k)} ${strivelm.percent(weight)}`;
    else legend();
  });
  canvas.addEventListener("pointerleave", legend);
  return box;
}

// Lines over steps or numbers, with dashed levels whose names stand at the right.
function curve(block) {
  const points = block.lines.flatMap((line) => line.points),
    W = 560,
    H = 250,
    left = 44,
    right = block.levels.length ? 92 : 16,
    top = 12,
    bottom = 40;
  const [x0, x1] = [Math.min(...points.map(([x]) => x)), Math.max(...points.map(([x]) => x))];
  const ys = [...points.map(([, y]) => y), ...block.levels.map(([, y]) => y)];
  const y0 = Math.min(0, ...ys),
    y1 = Math.max(...ys) * 1.04 || 1;
  const X = (x) => left + ((W - left - right) * (x - x0)) / (x1 - x0 || 1),
    Y = (y) => H - bottom - ((H - top - bottom) * (y - y0)) / (y1 - y0);
  const drawn = svg("svg", {
    viewBox: `0 0 ${W} ${H}`,
    role: "img",
    "aria-label": `${block.title}: ${block.lines.map((line) => `${line.name} from ${short(line.points[0][1])} to ${short(line.points.at(-1)[1])}`).join("; ")}`,
  });
  for (const [a, b, ticks] of [
    [x0, x1, 5],
    [y0, y1, 4],
  ].map(([from, to, n]) => [from, to, rounds(from, to, n)])) {
    const across = a === x0 && b === x1;
    for (const t of ticks) {
      if (!across || a !== y0)
        drawn.append(
          across
            ? svg("line", { x1: X(t), x2: X(t), y1: H - bottom, y2: H - bottom + 4, class: "axis" })
            : svg("line", { x1: left, x2: W - right, y1: Y(t), y2: Y(t), class: "rule" }),
        );
      drawn.append(
        across
          ? svg(
              "text",
              { x: X(t), y: H - bottom + 17, "text-anchor": "middle" },
              t.toLocaleString("en").replace("-", "−"),
            )
          : svg("text", { x: left - 6, y: Y(t) + 4, "text-anchor": "end" }, short(t)),
      );
    }
  }
  drawn.append(svg("text", { x: (left + W - right) / 2, y: H - 6, "text-anchor": "middle", class: "name" }, block.x));
  let last = -100;
  for (const [name, y] of [...block.levels].sort((a, b) => b[1] - a[1])) {
    drawn.append(svg("line", { x1: left, x2: W - right, y1: Y(y), y2: Y(y), class: "level" }));
    last = Math.max(Y(y) + 4, last + 13); // names never lie on each other
    drawn.append(svg("text", { x: W - right + 6, y: last }, `${name} ${y.toFixed(2)}`));
  }
  block.lines.forEach((line, i) => {
    drawn.append(
      svg("polyline", {
        points: line.points.map(([x, y]) => `${X(x).toFixed(1)},${Y(y).toFixed(1)}`).join(" "),
        class: `line line${i}`,
      }),
    );
    if (line.points.length < 40)
      for (const [x, y] of line.points)
        drawn.append(dot(X(x), Y(y), i, `${line.name}, ${block.x} ${x.toLocaleString("en")}: ${short(y)}`));
  });
  const key = make(
    "p",
    { className: "key" },
    ...block.lines.map((line, i) => make("span", {}, make("i", { className: `line${i}` }), line.name)),
    make("span", { className: "unit", textContent: `up: ${block.y}` }),
  );
  return make("div", {}, key, make("div", { className: "scroll" }, drawn));
}

function dot(x, y, i, text) {
  const made = svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 3, class: `dot line${i}` });
  made.append(svg("title", {}, text));
  return made;
}

// Round numbers from one to another, about n of them.
function rounds(from, to, n) {
  const rough = (to - from) / n || 1,
    power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((s) => s * power >= rough) * power;
  const found = [];
  for (let t = Math.ceil(from / step) * step; t <= to + 1e-9; t += step) found.push(Number(t.toPrecision(10)));
  return found;
}

const HUES = [0, 1, 2, 3, 4, 6, 7]; // of the categories those that text can have

// Characters in a plane, coloured by class; the chosen one has a ring.
function scatter(block) {
  const W = 560,
    H = 380,
    pad = 18,
    xs = block.points.map(([, x]) => x),
    ys = block.points.map(([, , y]) => y);
  const scale = Math.max(Math.max(...xs) - Math.min(...xs), ((Math.max(...ys) - Math.min(...ys)) * W) / H) || 1;
  const middle = (all) => (Math.max(...all) + Math.min(...all)) / 2;
  const X = (x) => W / 2 + ((x - middle(xs)) / scale) * (W - 2 * pad),
    Y = (y) => H / 2 - ((y - middle(ys)) / scale) * (W - 2 * pad);
  const kinds = [...new Set(block.points.map(([, , , kind]) => kind))];
  const drawn = svg("svg", {
    viewBox: `0 0 ${W} ${H}`,
    role: "img",
    "aria-label": `${block.title}: ${block.points.length} characters`,
  });
  for (const [char, x, y, kind] of block.points) {
    const chosen = char === shownNow.chars[shownNow.at];
    if (chosen) drawn.append(svg("circle", { cx: X(x), cy: Y(y), r: 11, class: "ring" }));
    const one = svg("text", { x: X(x), y: Y(y) + 5, "text-anchor": "middle", class: "point" }, strivelm.glyph(char));
    one.style.fill = strivelm.category(HUES[kinds.indexOf(kind) % HUES.length]);
    one.append(svg("title", {}, `${strivelm.glyph(char)}: ${kind}`));
    drawn.append(one);
  }
  const key = make(
    "p",
    { className: "key" },
    ...kinds.map((kind, i) =>
      make("span", { style: { color: strivelm.category(HUES[i % HUES.length]) }, textContent: kind }),
    ),
  );
  return make("div", {}, make("div", { className: "scroll" }, drawn), key);
}

Object.assign(drawers, { vectors, heat, curve, scatter });
