// The pictures that are drawn: vectors as strips, attention as a map, curves, and characters in a plane.
const short = (x) =>
  (x === 0
    ? "0"
    : Math.abs(x) >= 1000 || Math.abs(x) < 0.01
      ? x.toExponential(1)
      : String(Number(x.toPrecision(3)))
  ).replace("-", "−");

// What is drawn needs its width, which it has once it is in the page.
const soon = (plot) => requestAnimationFrame(() => plot.draw());

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
    const shade = (_, i) => row.values[i] / most;
    strivelm.heatImage({ rows: 1, cols: row.values.length, ramp: "diverging", shade }, canvas);
  }
  const ends = [
    [-1, short(-most)],
    [1, short(most)],
  ];
  list.append(make("p", { className: "scale" }, strivelm.scaleBar({ ramp: "diverging", ticks: ends, width: 110 })));
  return list;
}

const SIDE = 330; // of a map, in pixels; one of many characters is larger
const EDGE = 26; // of it, beside the cells

// A map of weights, a row a query; the chosen row is framed.
function heat(block) {
  const n = block.size;
  const coded = strivelm.u8(block.data); // of the keys that each query sees, row after row
  const code = (q, k) => (k > q ? NaN : coded[(q * (q + 1)) / 2 + k] / 255);
  const canvas = make("canvas", { className: "strivelm-plot" });
  const said = make("p", { className: "scale" });
  const ends = [
    [0, "0"],
    [1, "1"],
  ];
  const key = strivelm.scaleBar({ ticks: ends, width: 110 });
  const box = make("div", { className: "heat" }, canvas, said);
  const letter = (i) => strivelm.glyph(shownNow.chars[i]);
  const glyph = (i) => `${letter(i)} (${i})`;
  let wide = SIDE;
  const map = strivelm.heatMap(canvas, {
    rows: () => n,
    cols: () => n,
    value: code,
    ramp: "sequential",
    nothing: [0, 0, 0, 0],
    side: (width) => (wide = Math.min(width, Math.max(SIDE, 10 * n + EDGE))),
    every: () => Math.max(1, Math.ceil((10 * n) / (wide - EDGE))), // as many letters as there is room for
    largest: SIDE / 3,
    row: letter,
    col: letter,
    triangle: true,
    leaves: true,
    lines: () => [strivelm.css("--color-accent"), strivelm.category(1)],
    label: () => `${block.title}: ${n} by ${n} weights from 0 to 1`,
    point(q, k) {
      if (q < 0) return rest();
      said.textContent = `${glyph(q)} gives ${glyph(k)} ${strivelm.percent(code(q, k) ** 2)}`;
    },
  });
  function rest() {
    map.point(shownNow.at, -1);
    said.replaceChildren(key, " (the square root of the weight is shown)");
  }
  rest();
  soon(map);
  return box;
}

// The colour of a line or a bar by its number: the page's accent first.
const seriesColour = (i) => (i ? strivelm.category(i) : strivelm.css("--color-accent"));
// A place on an axis; what rounding leaves of a 0 is 0.
const placed = (x) => (Math.round(1000 * x) / 1000 + 0).toLocaleString("en").replace("-", "−");

// Lines over steps or numbers, with dashed levels; names stand at the right.
function curve(block) {
  const { lines, levels } = block;
  const ys = [...lines.flatMap((line) => line.points.map(([, y]) => y)), ...levels.map(([, y]) => y)];
  const longest = lines.reduce((found, line) => (line.points.length > found.length ? line.points : found), []);
  const across = longest.map(([x]) => x);
  const [low, high] = [Math.min(0, ...ys), Math.max(...ys) * 1.04 || 1];
  // Round numbers where points stand there, else the first, the middle and the last.
  const round = strivelm
    .ticks(across[0], across.at(-1), 5)
    .map((tick) => across.findIndex((x) => Math.abs(x - tick) < 1e-6))
    .filter((i) => i >= 0);
  const there = (x) =>
    lines.flatMap(({ name, points }) => points.filter((point) => point[0] === x).map(([, y]) => `${name} ${short(y)}`));
  const place = (i) => placed(across[i]);
  const box = make("div");
  const plot = strivelm.lineChart(box, () => ({
    series: lines.map(({ name, points }, i) => ({
      name,
      values: points.map(([, y]) => y),
      at: points.map(([x]) => x),
      colour: seriesColour(i),
      dots: points.length < 40,
    })),
    levels: levels.map(([name, value]) => ({ name, value })),
    ends: true,
    end: (one) => (one.values ? one.name : `${one.name} ${one.value.toFixed(2)}`),
    low,
    high,
    ticks: strivelm.ticks(low, high, 4),
    tick: short,
    x: block.x,
    y: block.y,
    place,
    places: round.length > 2 ? round : undefined,
    say: (i) => `${block.x} ${place(i)}: ${there(across[i]).join(", ")}`,
    height: 250,
    width: 720,
  }));
  soon(plot);
  return make("div", {}, make("p", { className: "unit", textContent: `up: ${block.y}` }), box);
}

// Characters in a plane, coloured by class; the chosen one has a ring, and so has the one that is pointed at.
function scatter(block) {
  const { points } = block;
  const kinds = [...new Set(points.map(([, , , kind]) => kind))];
  const hue = strivelm.classColour;
  const chosen = points.findIndex(([char]) => char === shownNow.chars[shownNow.at]);
  const canvas = make("canvas", { className: "strivelm-plot" });
  const said = make("p", { className: "scale", textContent: "\u00a0" });
  const key = make("ul");
  let pointed = -1;
  const map = strivelm.scatter(canvas, {
    size: () => points.length,
    at: (i) => [points[i][1], points[i][2], 0],
    name: (i) => strivelm.glyph(points[i][0]),
    colour: (i) => hue(points[i][3]),
    marked: () => [...new Set([pointed, chosen])].filter((i) => i >= 0),
    width: () => Math.min(720, canvas.parentElement.clientWidth),
    tallest: 440,
    label() {
      const ringed = chosen < 0 ? "" : `, ${strivelm.glyph(points[chosen][0])} ringed`;
      return `${block.title}: ${points.length} characters${ringed}`;
    },
    pick(i) {
      if (i === pointed) return;
      pointed = i;
      said.textContent = i < 0 ? "\u00a0" : `${strivelm.glyph(points[i][0])}: ${points[i][3]}`;
      map.draw();
    },
  });
  strivelm.legend(
    key,
    kinds.map((kind) => ({ text: kind, colour: hue(kind) })),
  );
  soon(map);
  return make("div", {}, canvas, said, key);
}

Object.assign(drawers, { vectors, heat, curve, scatter });
