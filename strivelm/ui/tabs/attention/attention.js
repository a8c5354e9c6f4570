// The state of the view (what is chosen and pointed at), and what is redrawn when it changes.

function show(next) {
  const before = shown;
  shown = next;
  at(".empty").hidden = Boolean(shown);
  at(".whole").hidden = !shown;
  if (!shown) return;
  chars = [...shown.text];
  maps = strivelm.u8(shown.maps);
  answers.clear();
  asked.clear();
  calculated = "";
  setJudged(shown.judged);
  if (shown.circuits || before?.model !== shown.model) setCircuits(shown.circuits);
  for (const [name, answer] of Object.entries(shown.answers ?? {})) answers.set(name, decoded(answer));
  state.over = null;
  restore(before);
  buildGrid();
  buildStrip();
  draw();
  drawGrid();
  element.dataset.painted = String(Number(element.dataset.painted ?? 0) + 1);
}

// The maps first; then the heads' patterns on this text; last what does not depend on the text.
async function look({ signal, model }) {
  const ask = (name, given = {}) => strivelm.ask(`attention.${name}`, given, { of: [model], signal });
  const found = await ask("maps", { text: strivelm.get("attention", "text") ?? "" });
  show(found);
  strivelm.say("attention", "note", found.notes.join("\n"));
  setJudged(await ask("judged", { text: found.text }));
  for (const { canvas, map } of tiles)
    if (nameOf(map) === "rollout" || nameOf(map) === "uniform") paint(canvas, map, state.scale);
  measured();
  if (!circuits) setCircuits(await ask("circuits"));
  measured();
}

function measured() {
  describeGrid();
  draw();
}

function setJudged(found) {
  judged = found ?? null;
  rollouts = judged && strivelm.u8(judged.rollout);
}

function setCircuits(found) {
  circuits = found ?? null;
}

// Initially from the address; later choices are kept if the new text and model have them.
function restore(before) {
  const said = (name) => (before ? undefined : strivelm.get("attention", name));
  const kept = mapNamed(said("head") ?? before?.chosen);
  state.map = kept ?? 0;
  const at = Number(said("at") ?? NaN);
  const same = before?.text === shown.text;
  state.pin = at >= 0 && at < length() ? Math.floor(at) : same ? state.pin : length() - 1;
  const key = Number(said("key") ?? NaN);
  state.key = key >= 0 && key <= state.pin ? Math.floor(key) : same ? state.key : null;
  if (said("scale") === "row") state.scale = "row";
  if (["lines", "numbers"].includes(said("show"))) state.show = said("show");
  if (said("whose") === "all") state.whose = "all";
  const lines = before ? state.lines : (said("lines") ?? "").split(",").map(mapNamed);
  state.lines = lines.filter((map) => map !== undefined && isHead(map)).slice(0, MOST_HEADS);
  shown.chosen = nameOf(state.map);
  keep();
}

function keep() {
  shown.chosen = nameOf(state.map);
  for (const lines of element.querySelectorAll(".strivelm-python")) lines.remove(); // of what was chosen before
  const put = (name, value, usual) => strivelm.put("attention", name, value, usual);
  put("head", nameOf(state.map), "0.0");
  put("at", String(state.pin), String(length() - 1));
  put("key", state.key == null ? "" : String(state.key));
  put("scale", state.scale, "fixed");
  put("show", state.show, "map");
  put("whose", state.whose, "one");
  put("lines", state.lines.map(nameOf).join(","));
}

function choose(map) {
  state.map = map;
  keep();
  describeGrid();
  draw();
}

// What the pointer or the cursor is over, until it goes: { query, key }, or null.
function point(over) {
  const same = over?.query === state.over?.query && over?.key === state.over?.key;
  state.over = over;
  if (!same) follow();
}

function pin(query, key) {
  state.pin = query;
  state.key = key;
  state.over = null;
  keep();
  draw();
  // exact numbers for a pinned character
  if (isHead(state.map) && strivelm.inPage()) ofRow().then(follow, () => {});
}

// Draws what depends on where the pointer is; the maps stay.
function follow() {
  drawStrip();
  if (state.show === "map") drawCrosshair();
  if (state.show === "lines") drawLines();
  if (state.show === "numbers") drawNumbers();
}

function draw() {
  if (!shown) return;
  at(".whole").style.setProperty("--ahead", strivelm.category(1)); // orange beside the accent's teal, in any theme
  at(".name").textContent = titleOf(state.map);
  showScores(state.map);
  for (const button of element.querySelectorAll("[data-show]")) {
    button.setAttribute("aria-pressed", String(button.dataset.show === state.show));
    at(`.${button.dataset.show}`).hidden = button.dataset.show !== state.show;
  }
  at(".scale").hidden = state.show !== "map";
  at(".which").hidden = state.show !== "lines";
  drawStrip();
  if (state.show === "map") drawMatrix();
  else follow();
}

const MEASURED = [
  ["previous_character", "previous character"],
  ["first_position", "first position"],
  ["itself", "itself"],
  ["same_character", "same character"],
  ["mean_distance", "characters back"],
  ["entropy", "spread (entropy)"],
];

// All scores of a head, each beside that of uniform attention.
function showScores(map) {
  const box = at(".scores");
  at(".does").textContent = isHead(map) && judged ? sentenceOf(map) : "";
  if (!isHead(map)) {
    return box.replaceChildren(
      make(
        "p",
        "",
        map < count() + shown.layers
          ? "The mean of the layer's maps."
          : "Rollout (Abnar & Zuidema 2020): the layers' mean maps and the residual stream, multiplied through the layers. With a causal mask, weight always gathers at the first characters: compare it with the rollout of uniform attention.",
      ),
    );
  }
  if (!judged?.heads) return box.replaceChildren();
  const rows = MEASURED.map(([name, title]) => [title, judged.heads[map].scores[name], judged.uniform[name]]);
  if (circuits?.uniform != null) rows.push(["induction", circuits.induction[map], circuits.uniform]);
  const figure = (number) => (number == null ? "–" : number.toFixed(number >= 10 ? 1 : 2));
  const table = make("table"),
    body = make("tbody"),
    head = make("thead"),
    titles = make("tr");
  titles.append(...["", "this head", "uniform"].map((text) => make("th", "", text)));
  head.append(titles);
  for (const [title, ...numbers] of rows) {
    const line = make("tr");
    line.append(make("th", "", title), ...numbers.map((number) => make("td", "", figure(number))));
    body.append(line);
  }
  table.append(head, body);
  box.replaceChildren(table);
  if (circuits && circuits.copies[map] !== "neither")
    box.append(
      make(
        "p",
        "",
        `It ${circuits.copies[map]} what it reads: it raises the logit of ${Math.round(100 * circuits.copying[map])} % of the characters that it reads (chance: 50 %).`,
      ),
    );
}

for (const button of element.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => {
    state.show = button.dataset.show;
    keep();
    draw();
  });
}
for (const button of element.querySelectorAll("[data-scale]")) {
  button.addEventListener("click", () => {
    state.scale = button.dataset.scale;
    keep();
    draw();
    drawGrid();
  });
}
at(".grid").addEventListener("keydown", walkGrid);
at(".together").addEventListener("keydown", walkGrid);

// -- export --------------------------------------------------------------------------------------------------------------
const quoted = (text) =>
  JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

function python() {
  const lines = [
    "from strivelm import load_model",
    "from strivelm.inspection import patterns, rollout, trace",
    "",
    shown.load,
    `recorded = trace(model, ${pythonText()}, keep={"attention"})`,
  ];
  const of = isHead(state.map)
    ? `recorded.attention[${layerOf(state.map)}, ${state.map % shown.heads}]`
    : nameOf(state.map).startsWith("mean")
      ? `recorded.attention[${state.map - count()}].mean(0)`
      : `rollout(recorded.attention).${nameOf(state.map) === "rollout" ? "weights" : "uniform"}[-1]`;
  lines.push(`weights = ${of}  # rows: queries; columns: keys`, `print(weights[${state.pin}, :${state.pin + 1}])`);
  if (length() > 1)
    lines.push("found = patterns(recorded.attention, recorded.ids)", "print(found.verdict, found.uniform)");
  return lines.join("\n");
}

// How the number came about that is explained: its row's scores, and the weight.
function pythonOfNumber() {
  return [
    "from strivelm import load_model",
    "from strivelm.inspection import trace",
    "",
    shown.load,
    `recorded = trace(model, ${pythonText()}, keep={"q", "k", "scores", "attention"})`,
    `layer, head, query, key = ${layerOf(state.map)}, ${state.map % shown.heads}, ${query()}, ${key()}`,
    "q, keys = recorded.q[layer, head, query], recorded.k[layer, head, : query + 1]",
    "scores = keys @ q / len(q) ** 0.5  # of what the query sees: the mask takes away the rest",
    "weight = scores.softmax(0)[key]",
    "print(scores, weight)",
    "print(recorded.scores[layer, head, query, key], recorded.attention[layer, head, query, key])  # the model's own",
  ].join("\n");
}

// Python and JSON write strings alike, but for characters beyond U+FFFF, which Python writes as \U and eight digits.
const pythonText = () =>
  `"${chars.map((char) => (char.codePointAt(0) > 0xffff ? `\\U${char.codePointAt(0).toString(16).padStart(8, "0")}` : quoted(char).slice(1, -1))).join("")}"`;

async function weightsAsRows() {
  const { weights } = await ofMap();
  const rows = [["query", "query_character", "key", "key_character", "weight"]];
  for (let q = 0, i = 0; q < length(); q++)
    for (let k = 0; k <= q; k++, i++) rows.push([q, chars[q], k, chars[k], weights[i]]);
  return rows;
}

// The view as a file, with the exact numbers received so far.
const page = () => strivelm.file("attention", { ...shown, judged, circuits });

strivelm.tools(at(".tools-all"), "attention-heads", { python, png: gridPicture, html: page });
strivelm.tools(at(".tools-one"), "attention-head", {
  python: () => (state.show === "numbers" && isHead(state.map) ? pythonOfNumber() : python()),
  png: () => (state.show === "lines" ? linesPicture() : matrixPicture()),
  csv: weightsAsRows,
});

// For tests and scripts: the weights in the view, and the state.
element.strivelm = {
  value: (layer, head, q, k) => value(layer * shown.heads + head, q, k),
  of: (name, q, k) => value(mapNamed(name), q, k),
  exact: (layer, head, q, k) => exact(layer * shown.heads + head, q, k),
  word: (layer, head) => sentenceOf(layer * shown.heads + head),
  state: () => ({ ...state, head: nameOf(state.map), text: shown?.text, lines: shown ? linesShown().map(nameOf) : [] }),
};

strivelm.redrawn(element, () => {
  draw();
  if (shown) drawGrid();
});
show(JSON.parse(props.value));
if (strivelm.inPage()) strivelm.view({ tab: "attention", element, look });
