// The columns: what was written in each, where they part, and one place read across all of them.
const box = at(".columns");
const reading = at(".reading");
let shown = { columns: [] };
let letters = []; // each column's characters, one by one
let place = null;
let pinned = false;

// What a character looks like inside the text: a line break is drawn, and breaks the line.
const written = (char) => (char === "\n" ? "⏎\n" : char);
const cell = (column, i) => box.children[column]?.querySelector(".new").children[i];
const list = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);
const mean = (nats) => nats.reduce((sum, one) => sum + one, 0) / nats.length;
// The surprisals by which a text is coloured: those of the model that wrote it, or, of two, of the other one, which does
// not know them all.
let by = "own";
const natsOf = (column) => (by === "other" && shown.others ? shown.others[column] : shown.columns[column].nats);
const ground = (nats) => (nats == null ? "transparent" : strivelm.surprise(nats));

// What is known before the first character.
function begin({ columns, ...head }) {
  const names = (all) => JSON.stringify(all.map((column) => column.name));
  const same = names(shown.columns) === names(columns);
  shown = { ...head, numbers: [], partings: [], ended: "" };
  shown.columns = columns.map((column) => ({ ...column, text: "", nats: [], drawn: [] }));
  letters = columns.map(() => []);
  [place, pinned] = [null, false];
  if (!same) box.replaceChildren(...columns.map(frame));
  colours();
  box.style.setProperty("--many", columns.length);
  columns.forEach(clear);
  legend();
  describe();
}

// What is new of each column.
function grow({ numbers, partings, columns, seconds, ended = "", others = null }) {
  shown.numbers.push(...numbers);
  columns.forEach(({ text, nats, drawn }, i) => {
    const column = shown.columns[i];
    column.text += text;
    column.nats.push(...nats);
    column.drawn.push(...drawn);
    append(i, [...text]);
  });
  shown.partings.push(...partings);
  for (const parting of partings)
    for (const column of parting.groups.flat()) cell(column, parting.at).className = "mark";
  Object.assign(shown, { seconds, ended, others });
  if (by === "other") repaint();
  if (!pinned) place = null;
  describe();
}

function frame(column) {
  const made = make("article", "column");
  made.setAttribute("aria-label", column.name);
  const text = make("div", "text");
  text.tabIndex = 0;
  text.setAttribute("role", "region");
  text.setAttribute("aria-label", `${column.name}: the text`);
  text.append(make("span", "prompt"), make("span", "new"));
  made.append(make("h2", "", column.name), make("p", "about"), make("p", "mean"), text);
  return made;
}

// Of two models each has its colour.
function colours() {
  [...box.children].forEach((made, i) => {
    made.querySelector("h2").style.setProperty("--model", shown.both ? strivelm.modelColour(i) : "none");
    made.querySelector("h2").dataset.both = String(Boolean(shown.both));
  });
}

function clear(column, i) {
  const made = box.children[i];
  const tail = [...shown.prompt].slice(-60);
  made.querySelector(".about").textContent = column.about;
  made.querySelector(".prompt").textContent =
    (tail.length < [...shown.prompt].length ? "…" : "") + tail.map(written).join("");
  made.querySelector(".new").replaceChildren();
}

function append(column, chars) {
  const text = box.children[column].querySelector(".text");
  const atEnd = text.scrollHeight - text.scrollTop - text.clientHeight < 40;
  const nats = natsOf(column);
  for (const char of chars) {
    const span = make("span", "", written(char));
    span.style.background = ground(nats[letters[column].push(char) - 1]);
    text.querySelector(".new").append(span);
  }
  if (atEnd && !shown.ended) text.scrollTop = text.scrollHeight;
}

function repaint() {
  colours();
  shown.columns.forEach((_, i) => {
    const nats = natsOf(i);
    [...box.children[i].querySelector(".new").children].forEach((span, k) => {
      span.style.background = ground(nats[k]);
    });
  });
  if (shown.columns.length) {
    legend();
    read();
  }
}

// What is said of the columns.
function describe() {
  const many = shown.columns.length;
  element.dataset.filled = String(many > 0);
  element.dataset.writing = String(many > 0 && !shown.ended);
  at(".status").textContent = many ? summary() : hint;
  at(".model").textContent = shown.model ? writtenBy(shown) : "";
  seedUsed(at(".keep"), shown.ended ? shown.seed : null);
  at(".parting").textContent = many ? parting() : "";
  at(".legend").hidden = at(".tools").hidden = !many;
  shown.columns.forEach(({ nats }, i) => {
    const average = nats.length
      ? [`${choosing(mean(nats))} (mean ${mean(nats).toFixed(2)} `, term("nats", "nat"), ")"]
      : [" "];
    box.children[i].querySelector(".mean").replaceChildren(...average, ...ofOther(i));
  });
  at(".by").hidden = !shown.others;
  for (const button of element.querySelectorAll("[data-by]"))
    button.setAttribute("aria-pressed", String(button.dataset.by === by));
  read();
}

// How much a text surprises the model that did not write it, of two.
function ofOther(column) {
  const known = shown.others?.[column].filter((nats) => nats != null);
  if (!known?.length) return [];
  return [`; ${shown.columns[1 - column].name} finds it a surprise of ${mean(known).toFixed(2)} `, term("nats", "nat")];
}

for (const button of element.querySelectorAll("[data-by]"))
  button.addEventListener("click", () => {
    by = button.dataset.by;
    repaint();
    describe();
  });

// Why the texts ended, how long they are, and the seed that brings them back.
function summary() {
  if (!shown.ended) return "Writing…";
  const many = shown.columns.length;
  const length = shown.numbers.length;
  const reason =
    { complete: "Finished", time: `Time is up after ${Math.round(shown.seconds)} seconds` }[shown.ended] ?? "Stopped";
  const where = many === 1 ? "" : ` in each of ${many} columns`;
  return `${reason}: ${length.toLocaleString("en")} character${length === 1 ? "" : "s"}${where}, seed ${shown.seed}`;
}

// One sentence about where the texts part, and one about each group that parts later.
function parting() {
  const name = (group) => list(group.map((column) => shown.columns[column].name));
  const where = (group) => shown.columns[group[0]].where || `in ${name(group)}`;
  const all = shown.columns.length === 2 ? "Both" : `All ${shown.columns.length}`;
  const [first, ...later] = shown.partings;
  if (shown.columns.length < 2) return "";
  if (!first)
    return shown.ended
      ? `${all} are the same to the end: the same random numbers fell on the same characters.`
      : `${all} are the same so far.`;
  const falls = first.groups.map((group) => `on ‘${strivelm.glyph(letters[group[0]][first.at])}’ ${where(group)}`);
  const before =
    first.at === 0
      ? "They differ from the start"
      : first.at === 1
        ? `${all} begin with the same character`
        : `${all} are the same for ${first.at} characters`;
  const rest = later.map(({ at, groups }) => ` ${name(groups.flat().sort())} part at character ${at + 1}.`).join("");
  return `${before}; at character ${first.at + 1} the same random number, ${shown.numbers[first.at].toFixed(4)}, falls ${list(falls)}.${rest}`;
}

function legend() {
  const key = document.createElement("div");
  strivelm.surpriseKey(key);
  const guess =
    `Guessing among all ${shown.vocabulary.toLocaleString("en")}: ${shown.uniform.toFixed(2)} [nats](term:nat)` +
    (shown.loss == null ? "." : `; this model's [validation loss](term:validation loss) is ${shown.loss.toFixed(2)}.`);
  const notes = make("p");
  notes.append(strivelm.explained(guess), " ");
  notes.append(make("span", "framed", "a"), " first character that differs");
  at(".legend").replaceChildren(key, notes);
}

// -- one place in all columns -----------------------------------------------------------------------------------------
function read() {
  box.querySelectorAll(".here").forEach((one) => one.classList.remove("here"));
  const length = shown.numbers?.length ?? 0;
  reading.hidden = !length;
  if (!length) return void reading.replaceChildren();
  if (place === null || place >= length) place = Math.min(shown.partings[0]?.at ?? 0, length - 1);
  const table = make("table");
  const head = table.appendChild(
    make("caption", "", `Character ${place + 1}, random number ${shown.numbers[place].toFixed(4)}`),
  );
  head.append(make("i", "", " · point, tap, or ← → for another"));
  const titles = table.createTHead().insertRow();
  titles.insertCell();
  for (const title of ["character", "how expected", "drawn with"])
    titles.append(Object.assign(make("th", "", title), { scope: "col" }));
  const body = table.createTBody();
  shown.columns.forEach((column, i) => {
    const row = body.insertRow();
    row.append(Object.assign(make("th", "", column.name), { scope: "row" }));
    const ground = row.insertCell();
    const glyph = ground.appendChild(make("b", "", strivelm.glyph(letters[i][place])));
    glyph.style.background = strivelm.surprise(column.nats[place]);
    const nats = column.nats[place];
    row
      .insertCell()
      .append(`${expectation(nats)}: ${strivelm.oneIn(nats)} (${nats.toFixed(2)} `, term("nats", "nat"), ")");
    row.insertCell().textContent = strivelm.percent(column.drawn[place]);
    cell(i, place)?.classList.add("here");
  });
  reading.replaceChildren(table);
}

const indexOf = (target) => {
  const span = target.closest?.(".new > span");
  return span ? [...span.parentNode.children].indexOf(span) : null;
};

function go(to, pin) {
  place = to;
  pinned ||= pin;
  read();
}

box.addEventListener(
  "pointerover",
  (event) => event.pointerType === "mouse" && indexOf(event.target) !== null && go(indexOf(event.target), true),
);
box.addEventListener("click", (event) => indexOf(event.target) !== null && go(indexOf(event.target), true));
box.addEventListener("keydown", (event) => {
  const length = shown.numbers?.length ?? 0;
  const to = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: length - 1 }[event.key];
  if (to === undefined || !length) return;
  event.preventDefault();
  go(Math.min(Math.max(to, 0), length - 1), true);
  const column = event.target.closest(".column");
  cell([...box.children].indexOf(column), place)?.scrollIntoView({ block: "nearest" });
});
