const at = (name) => element.querySelector(name);
const { make, inPage } = strivelm;
let shown = null; // the view's value

const whole = (n) => n.toLocaleString("en");

function show(value) {
  shown = value;
  at(".two").hidden = !shown;
  if (!shown) return;
  nameModels(shown.names);
  at(".verdict").textContent = verdict();
  fill(
    at(".facts"),
    ["", ...shown.names],
    shown.facts.map(([[name, a], [, b]]) => [name, a, b]),
  );
  fill(
    at(".parts"),
    ["part", "formula", ...shown.names],
    [
      ...shown.parts.map(({ name, form, counts }) => [name, form, ...counts.map(whole)]),
      ["all together", "", ...shown.totals.map(whole)],
    ],
    shown.parts.map(({ shapes }) => shapes),
  );
  paintPair();
}

// How many times as large, and where most of what differs is.
function verdict() {
  const [a, b] = shown.totals;
  const differing = shown.facts.filter(([[, x], [, y]]) => x !== y).map(([[name]]) => name.toLowerCase());
  if (!differing.length) return "Both are built alike: no size differs.";
  if (a === b) return `Both have ${whole(a)} numbers. They differ in: ${differing.join(", ")}.`;
  const [large, small] = a > b ? [0, 1] : [1, 0];
  const apart = shown.parts.map(({ name, counts }) => [counts[large] - counts[small], name]);
  const [most, name] = apart.reduce((best, one) => (one[0] > best[0] ? one : best));
  const share = Math.round((100 * most) / Math.abs(a - b));
  const times = Math.max(a, b) / Math.min(a, b);
  return `${shown.names[large]} has ${times >= 1.05 ? `${times.toFixed(times < 10 ? 1 : 0)} times as many` : "a few more"} numbers (${whole(Math.abs(a - b))} more). The most of these, ${share} %, are in its ${name}.`;
}

// A table whose last two columns are the models; what differs between them is bold.
function fill(table, titles, rows, shapes = []) {
  const [head, body] = [make("thead"), make("tbody")];
  const line = make("tr");
  titles.forEach((title, i) => {
    const cell = make("th", "", "", { scope: "col" });
    const which = i - (titles.length - 2);
    cell.append(which < 0 ? title : modelNamed(title, which === 1));
    line.append(cell);
  });
  head.append(line);
  rows.forEach((cells, r) => {
    const row = make("tr");
    const differs = cells.at(-1) !== cells.at(-2);
    row.dataset.differs = String(differs);
    cells.forEach((text, i) => {
      const cell = make(i ? "td" : "th", "", text, i ? {} : { scope: "row" });
      const shape = shapes[r]?.[i - (cells.length - 2)];
      if (shape) cell.title = shape;
      row.append(cell);
    });
    body.append(row);
  });
  table.replaceChildren(head, body);
}

const rows = () => [
  ["what", ...shown.names],
  ...shown.facts.map(([[name, a], [, b]]) => [name, a, b]),
  ...shown.parts.map(({ name, counts }) => [name, ...counts]),
  ["all together", ...shown.totals],
];

// Both tables as they stand.
function picture() {
  const lines = rows();
  const [w, h] = [620, 22];
  return strivelm.picture(
    w,
    lines.length * h + 8,
    (drawn) => {
      drawn.fillStyle = strivelm.css("--body-text-color");
      lines.forEach((cells, i) =>
        cells.forEach((text, k) => {
          const bold = i === 0 || cells[1] !== cells[2];
          drawn.font = `${bold ? 700 : 400} 13px ${strivelm.css("--font") || "sans-serif"}`;
          drawn.fillText(typeof text === "number" ? whole(text) : text, [8, 260, 440][k], 16 + i * h, 176);
        }),
      );
    },
    { title: `${shown.names[0]} beside ${shown.names[1]}`, note: "Bold: what differs" },
  );
}

strivelm.tools(at(".tools"), "two-models-architecture", {
  python: () => shown.python,
  png: picture,
  csv: rows,
  html: () => strivelm.file("learn_beside", shown),
});
strivelm.redrawn(element, () => shown && paintPair());
show(JSON.parse(props.value));
if (inPage()) askOfBoth("learn", "learn.beside", show, () => ({}));
element.strivelm = { value: () => shown };
