// The pictures and tables of a step that are made of text and boxes. Each takes a block and gives its element.
let shownNow = null; // the step's value

const shownChars = (text) => [...text].map(strivelm.glyph).join(" ");

function cell(value) {
  if (typeof value === "string") return [document.createTextNode(value)];
  if ("passage" in value)
    return [make("span", { className: "char passage", textContent: value.passage.replaceAll("\n", "⏎ ") })];
  if ("chars" in value) return [make("span", { className: "char", textContent: shownChars(value.chars) })];
  const track = make("span", { className: "gauge" }, make("i", { style: { width: `${100 * value.bar}%` } }));
  return [make("span", { className: "barred" }, track, make("span", { textContent: value.text }))];
}

// A table: of text what is a number stands to the right. With `columns`, the first column names the rows.
function table(block) {
  const numeric = (text) => typeof text === "string" && /^[−\-0-9.,–× e+%<]*$/.test(text);
  const made = make("table", { className: block.columns ? "across" : "" });
  const headed = block.head.some((text) => text);
  const rights = block.head.map(
    (_, i) => headed && block.rows.every((row) => numeric(row[i])) && block.rows.some((row) => row[i]),
  );
  if (headed) {
    const names = block.head.map((text, i) => {
      const right = rights[i];
      const of = { ...(text ? { scope: "col" } : {}), className: right ? "right" : "" };
      const name = make(text ? "th" : "td", of, block.columns ? text : strivelm.explained(text));
      if (block.columns && i === block.mark) name.classList.add("marked");
      return name;
    });
    made.append(make("thead", {}, make("tr", {}, ...names)));
  }
  const rows = block.rows.map((row, r) => {
    const cells = row.map((value, i) => {
      const head = i === 0 && !numeric(value) && typeof value === "string";
      const one = make(head ? "th" : "td", { className: rights[i] ? "right" : "" }, ...cell(value));
      if (head) one.scope = "row";
      if (block.columns && i === block.mark) one.classList.add("marked");
      return one;
    });
    return make("tr", { className: !block.columns && r === block.mark ? "marked" : "" }, ...cells);
  });
  made.append(make("tbody", {}, ...rows));
  return make("div", { className: "scroll" }, made);
}

function bars(block) {
  const [key, list] = [make("ul"), make("ul")];
  if (block.series.length > 1)
    strivelm.legend(
      key,
      block.series.map((text, i) => ({ text, colour: seriesColour(i) })),
    );
  strivelm.bars(
    list,
    block.rows.map(([char, ...values]) => ({
      name: strivelm.glyph(char),
      glyph: true,
      bars: values.map((value, i) => [0, value, seriesColour(i)]),
      value: values.map((value) => make("span", { className: "share", textContent: strivelm.percent(value) })),
    })),
  );
  return make("div", {}, key, list);
}

function vocabulary(block) {
  const most = Math.max(1e-12, ...block.rows.map(([, , share]) => share ?? 0));
  const marked = shownNow.chars[shownNow.at];
  const grid = make("div", { className: "grid", tabIndex: 0, role: "region", ariaLabel: block.title });
  for (const [char, id, share] of block.rows) {
    const one = make("span", {
      title: `id ${id}${share === null ? "" : `: ${strivelm.percent(share)} of the text`}`,
      className: char === marked ? "marked" : "",
    });
    one.append(make("b", { textContent: strivelm.glyph(char) }), make("small", { textContent: id }));
    if (share !== null)
      one.append(make("span", { className: "gauge" }, make("i", { style: { width: `${(100 * share) / most}%` } })));
    grid.append(one);
  }
  return grid;
}

const passage = (block) => make("pre", { textContent: block.text, tabIndex: 0 });

// A written text: the background of each character is its surprisal, of which ln(1 in 100) and more is the deepest.
function written(block) {
  const page = make("div", { className: "page", tabIndex: 0, role: "region", ariaLabel: block.title });
  page.append(make("span", { className: "prompt", textContent: block.prompt }));
  [...block.text].forEach((char, i) => {
    const one = make("span", {
      textContent: char === "\n" ? "⏎\n" : char,
      title: `${strivelm.glyph(char)}: ${block.nats[i]} nats, ${strivelm.oneIn(block.nats[i])}`,
    });
    one.style.background = strivelm.colour("tint", Math.min(1, block.nats[i] / Math.log(100)));
    page.append(one);
  });
  return page;
}

// -- all of them ----------------------------------------------------------------------------------------------------------
const drawers = { table, bars, vocabulary, passage, written };

function drawBlock(block) {
  const note = block.note ? [make("figcaption", {}, strivelm.explained(block.note))] : [];
  const body = drawers[block.kind](block);
  return make("figure", { dataset: { kind: block.kind } }, make("h3", { textContent: block.title }), body, ...note);
}

const rounded = (value) => Number(value.toPrecision(6)); // a 32-bit float has no more digits

const unmarked = (text) => text.replaceAll(/\[([^[\]]+)\]\(term:[^()]*\)/g, "$1");

// The numbers of all tables, one below the other.
const numbers = () =>
  shownNow.blocks.flatMap((block) => {
    const text = (value) => (typeof value === "string" ? value : (value.text ?? value.chars ?? value.passage));
    if (block.kind === "table")
      return [[block.title], block.head.map(unmarked), ...block.rows.map((row) => row.map(text)), []];
    if (block.kind === "bars") return [[block.title], ["character", ...block.series], ...block.rows, []];
    if (block.kind === "vectors")
      return [
        [block.title],
        ...block.rows.map((row) => [row.name, ...Array.from(strivelm.f32(row.values), rounded)]),
        [],
      ];
    if (block.kind === "curve")
      return [
        [block.title],
        ["line", block.x, block.y],
        ...block.lines.flatMap((line) => line.points.map((point) => [line.name, ...point])),
        [],
      ];
    if (block.kind === "vocabulary")
      return [[block.title], ["character", "id", "share"], ...block.rows.map((row) => row.map((x) => x ?? "")), []];
    if (block.kind === "film")
      return [
        [block.title],
        ["step", "validation loss", "writes"],
        ...(block.pictures ?? []).map(({ step, loss, text }) => [step, loss ?? "", text]),
        [],
      ];
    if (block.kind === "scatter") return [[block.title], ["character", "x", "y", "class"], ...block.points, []];
    return [];
  });
