// The grid of the logit lens: at each depth and place the likeliest character, on its probability's ground.
const CELL = 24; // pixels
const HEAD = 32; // above the cells for the text, below them for what comes next
const NO_LINES = ["transparent", "transparent"];

// The numbers of one lens as the grid takes them.
function lensOf(value) {
  const chars = Array.from(value.text);
  const [top, topP, kl] = [Array.from(value.top), strivelm.probabilities(value.top_p), strivelm.f32(value.kl)];
  const index = (d, i, k) => (d * chars.length + i) * value.many + k;
  return {
    chars,
    depths: value.depths,
    many: value.many,
    vocabulary: value.many_chars,
    appears: value.appears,
    settles: value.settles,
    p: (d, i, k) => topP[index(d, i, k)],
    char: (d, i, k) => top[index(d, i, k)],
    kl: (d, i) => kl[d * chars.length + i],
  };
}

// The map on a canvas in a box that scrolls. In `given`:
//   lens()         what is drawn, null where nothing is    whole(): whether all of it is, for a picture
//   chosen()       the place that all views look at        label(): what a screen reader hears
//   point, press   as of strivelm.heatMap, with a depth and a place
function lensMap(canvas, box, { lens, whole, chosen, label, point, press }) {
  const length = () => (whole() ? Math.min(lens().chars.length, mostPlaces()) : lens().chars.length);
  const map = strivelm.heatMap(canvas, {
    rows: () => lens()?.depths.length ?? 0,
    cols: length,
    value: (d, i) => lens().p(d, i, 0),
    ramp: "sequential",
    cell: CELL,
    gap: 1,
    side: (width) => (whole() ? CELL * length() + 2 : width),
    scrolled: () => (whole() ? 0 : box.scrollLeft),
    write: (d, i) => strivelm.glyph(lens().char(d, i, 0)),
    head: () => HEAD,
    foot: () => HEAD,
    above: (drawn, plan) => writeText(drawn, plan, 0, HEAD / 2),
    below: (drawn, plan) => writeText(drawn, plan, 1, plan.y(plan.rows) + HEAD / 2),
    over: (drawn, plan) => {
      signs(drawn, plan, lens());
      staircase(drawn, plan, lens().settles);
      if (whole()) return;
      frame(drawn, plan, chosen(), 0, plan.rows, 1.5);
      if (map.cell[0] >= 0) frame(drawn, plan, map.cell[1], map.cell[0], 1, 2.5);
    },
    lines: () => NO_LINES, // a frame around the cell says where the crosshair is
    leaves: true,
    point,
    press,
    label,
  });

  // The text, or with `ahead` of 1 what it says next, in the columns in sight.
  function writeText(drawn, { from, to, x }, ahead, y) {
    drawn.textAlign = "center";
    drawn.textBaseline = "middle";
    drawn.fillStyle = css("--body-text-color");
    for (let i = from; i < Math.min(to, lens().chars.length - ahead); i++) {
      const text = strivelm.glyph(lens().chars[i + ahead]);
      drawn.font = `${text.length > 1 ? 7 : 15}px ${css("--font-mono") || "monospace"}`;
      drawn.fillText(text, x(i) + CELL / 2, y);
    }
  }
  return map;
}

// A canvas holds some 30,000 pixels across, and a picture has two for each of the screen's.
const mostPlaces = () => Math.floor(28_800 / CELL / 2 / (window.devicePixelRatio || 1));

// A line below what the text says next, a dot where the final answer appears for the first time.
function signs(drawn, { rows, from, to, x, y }, lens) {
  const ramp = strivelm.ramp("sequential");
  for (let i = from; i < to; i++)
    for (let d = 0; d < rows; d++) {
      drawn.fillStyle = strivelm.inkOn(ramp[Math.round(255 * lens.p(d, i, 0))]);
      if (lens.char(d, i, 0) === lens.chars[i + 1]) drawn.fillRect(x(i) + CELL / 2 - 6, y(d) + CELL - 5, 11, 1.5);
      if (d !== lens.appears[i]) continue;
      drawn.beginPath();
      drawn.arc(x(i) + 3.5, y(d) + 4, 1.8, 0, 2 * Math.PI);
      drawn.fill();
    }
}

// Above it the answer still changes, below it it is the final one.
function staircase(drawn, { from, to, x, y }, settles) {
  drawn.strokeStyle = strivelm.category(1);
  drawn.lineWidth = 3;
  drawn.beginPath();
  for (let i = from; i < to; i++) {
    const height = y(settles[i]) - 0.5;
    drawn[i === from ? "moveTo" : "lineTo"](x(i) - 0.5, height);
    drawn.lineTo(x(i) + CELL - 0.5, height);
  }
  drawn.stroke();
}

// Around cells of a column; seen on any ground: an inner line in the page's colour, an outer one in the ink's.
function frame(drawn, { from, to, x, y }, i, d, rows, width) {
  if (i < from || i >= to) return;
  for (const [colour, thick] of [
    ["--background-fill-primary", width + 2.5],
    ["--body-text-color", width],
  ]) {
    drawn.strokeStyle = css(colour);
    drawn.lineWidth = thick;
    drawn.strokeRect(x(i) - 0.5, y(d) - 0.5, CELL, rows * CELL);
  }
}
