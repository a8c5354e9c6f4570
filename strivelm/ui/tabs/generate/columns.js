const at = (name) => element.querySelector(name);
const box = at(".columns"),
  reading = at(".reading");
const make = (tag, className, text = "") =>
  Object.assign(document.createElement(tag), { className, textContent: text });
let shown = { columns: [] },
  place = null,
  pinned = false;

// What a character looks like inside the text: a line break is drawn, and breaks the line.
const written = (char) => (char === "\n" ? "⏎\n" : char);
const cell = (column, i) => box.children[column]?.querySelector(".new").children[i];
const list = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);
const charAt = (column, i) => Array.from(shown.columns[column].text)[i];
const mean = (nats) => nats.reduce((sum, one) => sum + one, 0) / nats.length;

function frame(column) {
  const made = make("article", "column");
  made.setAttribute("aria-label", column.name);
  const text = make("div", "text");
  text.tabIndex = 0;
  text.setAttribute("role", "region");
  text.setAttribute("aria-label", `${column.name}: the text`);
  text.append(make("span", "prompt"), make("span", "new"));
  made.append(make("h2", "", column.name), make("p", "about", column.about), make("p", "mean"), text);
  return made;
}

function fill(made, column, i) {
  const text = made.querySelector(".text"),
    spans = made.querySelector(".new"),
    chars = Array.from(column.text);
  const atEnd = text.scrollHeight - text.scrollTop - text.clientHeight < 40;
  made.querySelector("h2").textContent = column.name;
  made.querySelector(".about").textContent = column.about;
  made.querySelector(".mean").textContent = chars.length
    ? `mean ${mean(column.nats).toFixed(2)} nats (${strivelm.oneIn(mean(column.nats))})`
    : " ";
  const tail = Array.from(shown.prompt).slice(-60);
  made.querySelector(".prompt").textContent =
    (tail.length < Array.from(shown.prompt).length ? "…" : "") + tail.map(written).join("");
  while (spans.children.length > chars.length) spans.lastChild.remove();
  chars.forEach((char, k) => {
    const span = spans.children[k] ?? spans.appendChild(make("span", ""));
    if (span.textContent !== written(char)) span.textContent = written(char);
    span.style.background = strivelm.surprise(column.nats[k]);
    span.className = shown.partings.some((parting) => parting.at === k && parting.groups.flat().includes(i))
      ? "mark"
      : "";
  });
  if (shown.writing && atEnd) text.scrollTop = text.scrollHeight;
}

// One sentence about where the texts part, and one about each group that parts later.
function parting() {
  const name = (group) => list(group.map((column) => shown.columns[column].name));
  const where = (group) => shown.columns[group[0]].where || `in ${name(group)}`;
  const all = shown.columns.length === 2 ? "Both" : `All ${shown.columns.length}`;
  const [first, ...later] = shown.partings;
  if (shown.columns.length < 2) return "";
  if (!first)
    return shown.writing
      ? `${all} are the same so far.`
      : `${all} are the same to the end: the same random numbers fell on the same characters.`;
  const falls = first.groups.map((group) => `on ‘${strivelm.glyph(charAt(group[0], first.at))}’ ${where(group)}`);
  const before =
    first.at === 0
      ? "They differ from the start"
      : first.at === 1
        ? `${all} begin with the same character`
        : `${all} are the same for ${first.at} characters`;
  const rest = later.map(({ at, groups }) => ` ${name(groups.flat().sort())} part at character ${at + 1}.`).join("");
  return `${before}; at character ${first.at + 1} the same random number, ${shown.numbers[first.at].toFixed(4)}, falls ${list(falls)}.${rest}`;
}

function read() {
  box.querySelectorAll(".here").forEach((one) => one.classList.remove("here"));
  const length = shown.numbers?.length ?? 0;
  reading.hidden = !length;
  if (!length) return;
  if (place === null || place >= length) place = Math.min(shown.partings[0]?.at ?? 0, length - 1);
  const table = make("table", "");
  const head = table.appendChild(
    make("caption", "", `Character ${place + 1}, random number ${shown.numbers[place].toFixed(4)}`),
  );
  head.append(make("i", "", " · point, tap, or ← → for another"));
  const titles = table.createTHead().insertRow();
  titles.insertCell();
  for (const title of ["character", "surprisal", "drawn with"])
    titles.append(Object.assign(make("th", "", title), { scope: "col" }));
  const body = table.createTBody();
  shown.columns.forEach((column, i) => {
    const row = body.insertRow();
    row.append(Object.assign(make("th", "", column.name), { scope: "row" }));
    const ground = row.insertCell();
    const glyph = ground.appendChild(make("b", "", strivelm.glyph(charAt(i, place))));
    glyph.style.background = strivelm.surprise(column.nats[place]);
    row.insertCell().textContent = `${column.nats[place].toFixed(2)} nats, ${strivelm.oneIn(column.nats[place])}`;
    row.insertCell().textContent = strivelm.percent(column.drawn[place]);
    cell(i, place)?.classList.add("here");
  });
  reading.replaceChildren(table);
}

function draw() {
  const before = shown;
  shown = JSON.parse(props.value);
  element.dataset.filled = String(shown.columns.length > 0);
  element.dataset.writing = String(shown.writing);
  at(".status").textContent = shown.status;
  at(".model").textContent = shown.model ?? "";
  const names = (value) => JSON.stringify(value.columns.map((column) => column.name));
  const goesOn =
    names(before) === names(shown) &&
    shown.columns.every((column, i) => column.text.startsWith(before.columns[i].text));
  if (!goesOn) [place, pinned] = [null, false];
  else if (!pinned) place = null;
  if (names(before) !== names(shown) || box.children.length !== shown.columns.length)
    box.replaceChildren(...shown.columns.map(frame));
  box.style.setProperty("--many", shown.columns.length);
  shown.columns.forEach((column, i) => fill(box.children[i], column, i));
  at(".parting").textContent = shown.columns.length ? parting() : "";
  at(".legend").hidden = at(".tools").hidden = !shown.columns.length;
  if (!shown.columns.length) return void reading.replaceChildren();
  const key = document.createElement("div");
  strivelm.surpriseKey(key);
  const loss = shown.loss == null ? "" : `; this model's validation loss is ${shown.loss.toFixed(2)}`;
  const notes = make(
    "p",
    "",
    `Guessing among all ${shown.vocabulary.toLocaleString("en")}: ${shown.uniform.toFixed(2)} nats${loss}.`,
  );
  if (shown.partings.length) notes.append(" ", make("span", "framed", "a"), " first character that differs");
  at(".legend").replaceChildren(key, notes);
  read();
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

// The coloured texts as a picture: 36 characters a line, which a fixed-width font makes a grid.
function picture() {
  const across = 36,
    w = 8.4,
    h = 20,
    gap = 28,
    top = 58,
    scale = 2;
  const lines = shown.columns.map((column) => {
    const rows = [[]];
    Array.from(column.text).forEach((char, k) => {
      rows.at(-1).push([char === "\n" ? "⏎" : char, column.nats[k], k]);
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
        context.fillStyle = strivelm.surprise(nats);
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
    ...shown.columns.flatMap(({ name }) => [name, `${name}: surprisal in nats`, `${name}: probability drawn with`]),
  ],
  ...shown.numbers.map((u, k) => [
    k + 1,
    u,
    ...shown.columns.flatMap((column, i) => [charAt(i, k), column.nats[k], column.drawn[k]]),
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
  ...(server.standalone ? { html: () => server.standalone(props.value) } : {}),
});
watch("value", draw);
draw();
// Nobody meets an empty section.
strivelm.appeared(element, () => shown.run && strivelm.press(shown.run));
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
