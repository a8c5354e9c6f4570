// What can be taken along of the columns.
// The coloured texts as a picture: 36 characters a line, which a fixed-width font makes a grid.
function picture() {
  const across = 36;
  const [w, h, gap, top, scale] = [8.4, 20, 28, 58, 2];
  const lines = shown.columns.map((column, i) => {
    const rows = [[]];
    letters[i].forEach((char, k) => {
      rows.at(-1).push([char === "\n" ? "⏎" : char, natsOf(i)[k], k]);
      if (char === "\n" || rows.at(-1).length === across) rows.push([]);
    });
    return rows;
  });
  const canvas = document.createElement("canvas");
  const width = 32 + lines.length * across * w + (lines.length - 1) * gap;
  const height = top + 40 + h * Math.max(...lines.map((rows) => rows.length));
  const context = strivelm.context(canvas, width, height, scale);
  context.fillStyle = strivelm.css("--background-fill-primary");
  context.fillRect(0, 0, canvas.width, canvas.height);
  lines.forEach((rows, i) => {
    const left = 16 + i * (across * w + gap);
    context.fillStyle = strivelm.css("--body-text-color");
    context.font = "700 15px sans-serif";
    context.fillText(shown.columns[i].name, left, 24);
    context.font = "13px sans-serif";
    context.fillText(
      `${shown.columns[i].about}, mean ${mean(shown.columns[i].nats).toFixed(2)} nats`,
      left,
      44,
      across * w,
    );
    context.font = "14px monospace";
    rows.forEach((row, y) =>
      row.forEach(([char, nats, k], x) => {
        context.fillStyle = ground(nats);
        context.fillRect(left + x * w, top + y * h, w + 0.5, h);
        context.fillStyle = strivelm.css("--body-text-color");
        context.fillText(char, left + x * w, top + y * h + 14);
        if (!cell(i, k).classList.contains("mark")) return;
        context.strokeStyle = strivelm.css("--color-accent");
        context.lineWidth = 2;
        context.strokeRect(left + x * w, top + y * h + 1, w, h - 2);
      }),
    );
  });
  context.fillStyle = strivelm.css("--body-text-color-subdued");
  context.font = "12px sans-serif";
  context.fillText(
    `after “${Array.from(shown.prompt).slice(-40).map(strivelm.glyph).join("")}”, model ${shown.model}, seed ${shown.seed}; colour: surprisal, 0 to 6 nats`,
    16,
    height - 14,
    width - 32,
  );
  return canvas;
}

const csv = () => [
  [
    "character",
    "random number",
    ...shown.columns.flatMap(({ name }) => [
      name,
      `${name}: surprisal in nats`,
      `${name}: probability drawn with`,
      ...(shown.others ? [`${name}: surprisal for the other model`] : []),
    ]),
  ],
  ...shown.numbers.map((u, k) => [
    k + 1,
    u,
    ...shown.columns.flatMap((column, i) => [
      letters[i][k],
      column.nats[k],
      column.drawn[k],
      ...(shown.others ? [shown.others[i][k] ?? ""] : []),
    ]),
  ]),
];
const texts = () =>
  shown.columns
    .map((column) => `--- ${column.name}: ${column.about}, seed ${shown.seed}\n${shown.prompt}${column.text}\n`)
    .join("\n");

strivelm.tools(at(".tools"), "strivelm-side-by-side", {
  python: () => shown.python,
  png: picture,
  csv,
  text: texts,
  html: () => strivelm.file("columns", { ...shown, seen: place }),
});
