// The state of the view (what is chosen and pointed at), and what is redrawn when it changes.

// `stepped`: whether it is another step of the same model's training: what is chosen stays, also by itself.
function show(next, stepped = false) {
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
  setJudged(shown.judged, stepped);
  if (shown.circuits || before?.model !== shown.model) setCircuits(shown.circuits);
  for (const [name, answer] of Object.entries(shown.answers ?? {})) answers.set(name, decoded(answer));
  state.over = null;
  restore(before, stepped);
  if (!stepped || !sameShape(before)) buildGrid();
  if (before?.text !== shown.text || letters.length !== chars.length) buildStrip();
  draw();
  drawGrid();
  followTraining();
  element.dataset.painted = String(Number(element.dataset.painted ?? 0) + 1);
}

// The maps first; then the heads' patterns on this text; last what does not depend on the text, which takes longest and
// without which the rest can be used.
async function look({ signal, model, stepped, waits }) {
  const ask = (name, given = {}) => strivelm.ask(`attention.${name}`, given, { of: [model], signal });
  const text = strivelm.get("attention", "text") ?? "";
  if (stepped && shown) return lookAtStep(text, { model, signal });
  const found = await ask("maps", { text });
  show(found);
  strivelm.say("attention", "note", found.notes.join("\n"));
  setJudged(await ask("judged", { text: found.text }));
  for (const { canvas, map } of tiles)
    if (nameOf(map) === "rollout" || nameOf(map) === "uniform") paint(canvas, map, state.scale);
  measured();
  waits(false);
  try {
    if (!circuits) setCircuits(await ask("circuits"));
    measured();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    at(".circuits").textContent = error.message;
  }
  element.dataset.judged = shown.text;
}

const sameShape = (other) => other?.layers === shown.layers && other?.heads === shown.heads;

// Another step of the training: all that is to be seen changes at once.
async function lookAtStep(text, { model, signal }) {
  const answers = answersAt(model, text);
  const found = await answers.found;
  const soon = await Promise.race([answers.circuits, new Promise((over) => setTimeout(over, SOON))]);
  signal.throwIfAborted();
  show({ ...found, circuits: soon ?? null }, true);
  strivelm.say("attention", "note", found.notes.join("\n"));
  if (!soon)
    answers.circuits.then((late) => {
      if (shown.model !== found.model || !late) return;
      setCircuits(late);
      measured();
    });
  element.dataset.judged = shown.text;
  setTimeout(askAhead, AHEAD, text);
}

function measured() {
  describeGrid();
  draw();
}

function setJudged(found, stays = false) {
  judged = found ?? null;
  rollouts = judged && strivelm.u8(judged.rollout);
  if (judged && !state.own && !stays) state.map = judged.first ?? 0;
}

function setCircuits(found) {
  circuits = found ?? null;
}

// Initially from the address; later choices are kept if the new text and model have them.
function restore(before, stepped) {
  const said = (name) => (before ? undefined : strivelm.get("attention", name));
  const kept = mapNamed(said("head") ?? (state.own || stepped ? before?.chosen : undefined));
  if (!stepped) state.own = kept !== undefined;
  state.map = kept ?? judged?.first ?? 0;
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
  put("head", state.own ? nameOf(state.map) : "");
  put("at", String(state.pin), String(length() - 1));
  put("key", state.key == null ? "" : String(state.key));
  put("scale", state.scale, "fixed");
  put("show", state.show, "map");
  put("whose", state.whose, "one");
  put("lines", state.lines.map(nameOf).join(","));
}

function choose(map) {
  state.map = map;
  state.own = true;
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
  ["this_word", "inside this word"],
  ["separators", "separators"],
  ["word_beginnings", "word beginnings"],
  ["line_beginnings", "line beginnings"],
  ["speaker_names", "speaker names"],
  ["mean_distance", "characters back"],
  ["entropy", "how spread out"],
];

// All scores of a head that this text can show, each beside that of uniform attention.
function showScores(map) {
  const box = at(".scores");
  at(".does").replaceChildren(strivelm.explained(isHead(map) ? deedOf(map) : TOGETHER[kindOf(map)]));
  at(".copies").replaceChildren(strivelm.explained(isHead(map) ? copiesSentence(map) : ""));
  drawTraining();
  if (!isHead(map) || !judged?.heads) return box.replaceChildren();
  const rows = MEASURED.map(([name, title]) => [title, judged.heads[map].scores[name], judged.uniform[name]]);
  if (circuits?.uniform != null) rows.push(["induction", circuits.induction[map], circuits.uniform]);
  const figure = (number) => number.toFixed(number >= 10 ? 1 : 2);
  const table = make("table"),
    body = make("tbody"),
    head = make("thead"),
    titles = make("tr");
  titles.append(...["attention to", "this head", "uniform"].map((text) => make("th", "", text)));
  head.append(titles);
  for (const [title, ...numbers] of rows.filter(([, own, uniform]) => own != null && uniform != null)) {
    const line = make("tr");
    line.append(make("th", "", title), ...numbers.map((number) => make("td", "", figure(number))));
    body.append(line);
  }
  table.append(head, body);
  box.replaceChildren(table);
}

const kindOf = (map) => nameOf(map).replace(/\d+$/, "");
const TOGETHER = {
  mean: "The mean of the maps of this layer's heads.",
  rollout:
    "From where something can have reached each character, if attention alone moved it ([rollout](term:rollout)). Much comes from the first characters whatever the heads do: compare it with the next map.",
  uniform: "The same if each head of each layer read all characters alike ([uniform](term:uniform)).",
};

// Whether the head speaks for the characters that it reads, or against them.
function copiesSentence(map) {
  if (!circuits || circuits.copies[map] === "neither") return "";
  const share = Math.round(100 * circuits.copying[map]);
  return `It ${circuits.copies[map]} what it reads: of the characters that it reads, it raises the [logit](term:logit) of ${share} %, by [chance](term:chance) 50 %.`;
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

const lines = (...parts) =>
  parts
    .flat()
    .filter((line) => line !== null)
    .join("\n");
const beginning = (names, keep = "attention") => [
  "from strivelm import load_model",
  `from strivelm.inspection import ${names}`,
  "",
  shown.load,
  `recorded = trace(model, ${pythonText()}, keep={${keep
    .split(" ")
    .map((name) => `"${name}"`)
    .join(", ")}})`,
];
const byRow = (what) =>
  state.scale === "row" ? `${what} = ${what} / ${what}.amax(-1, keepdim=True)  # each row beside its largest` : null;

// The chosen map, its row of the chosen character, and the scores beside it.
function pythonOfMap() {
  const [layer, head] = [layerOf(state.map), state.map % shown.heads];
  const single = isHead(state.map);
  const kind = kindOf(state.map);
  const of = single
    ? `recorded.attention[${layer}, ${head}]`
    : kind === "mean"
      ? `recorded.attention[${state.map - count()}].mean(0)`
      : `rollout(recorded.attention).${kind === "rollout" ? "weights" : "uniform"}[-1]`;
  const scores = single && length() > 1;
  return lines(
    beginning([scores && "heads", !single && kind !== "mean" && "rollout", "trace"].filter(Boolean).join(", ")),
    `weights = ${of}  # rows: queries; columns: keys`,
    byRow("weights"),
    `print(weights[${state.pin}, : ${state.pin + 1}])`,
    scores
      ? [
          "found = heads(model, recorded)",
          `print(found.verdict[${layer}][${head}], found.closest_score(${layer}, ${head}), found.copying[${layer}, ${head}])`,
          "scores = {}",
          "for name, uniform in found.uniform.items():",
          `    scores[name] = getattr(found, name)[${layer}, ${head}].item(), uniform`,
          "print(scores)  # of this head, and of uniform attention",
        ]
      : [],
  );
}

// The lines of the heads whose lines are shown: from one character, or from all.
function pythonOfLines() {
  const chosen = linesShown().map((map) => `(${layerOf(map)}, ${map % shown.heads})`);
  const from = whose() === "all" ? ":" : `${state.pin}, ${threads.first || ""}: ${state.pin + 1}`;
  return lines(
    beginning("trace"),
    "weights = {}",
    `for layer, head in [${chosen.join(", ")}]:`,
    `    weights[layer, head] = recorded.attention[layer, head, ${from}]`,
    "print(weights)",
  );
}

// All maps, and what each head does.
function pythonOfAll() {
  return lines(
    beginning(length() > 1 ? "heads, rollout, trace" : "rollout, trace"),
    "maps, means = recorded.attention, recorded.attention.mean(1)  # (layer, head, query, key), (layer, query, key)",
    "through = rollout(recorded.attention)  # through.weights[-1], through.uniform[-1]",
    byRow("maps"),
    length() > 1 ? ["found = heads(model, recorded)", "print(found.verdict, found.uniform, found.induction)"] : [],
  );
}

const python = () =>
  state.show === "lines"
    ? pythonOfLines()
    : state.show === "numbers" && isHead(state.map)
      ? pythonOfNumber()
      : pythonOfMap();

// How the number came about that is explained: its row's scores, and the weight.
function pythonOfNumber() {
  return lines(
    beginning("trace", "q k scores attention"),
    `layer, head, query, key = ${layerOf(state.map)}, ${state.map % shown.heads}, ${query()}, ${key()}`,
    "q, keys = recorded.q[layer, head, query], recorded.k[layer, head, : query + 1]",
    "scores = keys @ q / len(q) ** 0.5  # of what the query sees: the mask takes away the rest",
    "weight = scores.softmax(0)[key]",
    "print(scores, weight)",
    "print(recorded.scores[layer, head, query, key], recorded.attention[layer, head, query, key])  # the model's own",
  );
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

strivelm.tools(at(".tools-all"), "attention-heads", { python: pythonOfAll, png: gridPicture, html: page });
strivelm.tools(at(".tools-one"), "attention-head", {
  python,
  png: () => (state.show === "lines" ? linesPicture() : matrixPicture()),
  csv: weightsAsRows,
});

// For tests and scripts: the weights in the view, and the state.
element.strivelm = {
  value: (layer, head, q, k) => value(layer * shown.heads + head, q, k),
  of: (name, q, k) => value(mapNamed(name), q, k),
  exact: (layer, head, q, k) => exact(layer * shown.heads + head, q, k),
  word: (layer, head) => sentenceOf(layer * shown.heads + head),
  judged: () => element.dataset.judged, // the text of which all is there
  state: () => ({ ...state, head: nameOf(state.map), text: shown?.text, lines: shown ? linesShown().map(nameOf) : [] }),
};

strivelm.redrawn(element, () => {
  draw();
  if (shown) drawGrid();
});
show(JSON.parse(props.value));
if (strivelm.inPage()) {
  strivelm.view({ tab: "attention", element, look });
  strivelm.onLife(element, followTraining);
}
