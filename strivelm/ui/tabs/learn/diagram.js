const at = (name) => element.querySelector(name);
const drawing = at("svg");
const make = (tag, props = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), props);
  made.append(...children);
  return made;
};
let shown = null;
let chosen = "tok";
let layer = 0;

function show(next) {
  shown = next;
  at("section").hidden = !shown;
  if (!shown) return;
  layer = Math.min(Number(strivelm.get("learn", "layer") ?? shown.layer) || 0, shown.layers - 1);
  const asked = strivelm.get("learn", "box");
  if (shown.boxes.some(({ id }) => id === asked)) chosen = asked;
  at(".head").textContent =
    `Click a box. The numbers are those of your chosen character, ${strivelm.glyph(shown.char)} at position ${shown.at}. ${shown.letters}.`;
  at("select").replaceChildren(
    ...Array.from({ length: shown.layers }, (_, i) => make("option", { value: i, textContent: i })),
  );
  at(".code").replaceChildren(
    ...shown.source.map(([number, text]) => {
      const line = make(
        "div",
        {},
        make("i", { textContent: number || "" }),
        make("code", { textContent: text || " " }),
      );
      if (number) line.dataset.line = number;
      return line;
    }),
  );
  picture();
}

function picture() {
  const focused = drawing.contains(document.activeElement);
  at("select").value = layer;
  drawing.setAttribute("viewBox", `0 0 ${SIZE.join(" ")}`);
  drawing.replaceChildren(...ways(shown.layers, layer), ...shown.boxes.map((one) => box(one, one.id === chosen)));
  if (focused) drawing.querySelector(".chosen").focus({ preventScroll: true });
  detail();
  mark(chosen);
}

function detail() {
  const one = shown.boxes.find(({ id }) => id === chosen);
  const fact = (name, text) => [make("dt", { textContent: name }), make("dd", { textContent: text })];
  const facts = make(
    "dl",
    {},
    ...fact("Formula", one.formula),
    ...fact("What comes out", `${one.shape} = ${one.sizes}`),
    ...fact("Learnt numbers", one.learnt),
  );
  if (one.tensors) facts.append(...fact("in tensors of", one.tensors));
  const flows = one.flows[one.block ? layer : 0].map((flow) =>
    make(
      "div",
      { className: "flow" },
      make("p", {}, make("b", { textContent: flow.name }), ` ${flow.count} numbers; the first ${flow.values.length}:`),
      values(flow),
      make("p", { textContent: `length ${flow.norm}, from ${flow.least} to ${flow.most}` }),
    ),
  );
  at(".detail").replaceChildren(
    make("h3", { textContent: one.block ? `${one.name} (layer ${layer})` : one.name }),
    make("p", { textContent: one.says }),
    facts,
    ...flows,
  );
  at(".detail").dataset.box = one.id;
}

// Marks the lines of the program that do what a box does, and brings the first into view.
function mark(id) {
  const one = shown.boxes.find((box) => box.id === id),
    lines = new Set(one.lines);
  const code = at(".code");
  let first = null;
  for (const line of code.children) {
    const on = lines.has(Number(line.dataset.line));
    line.classList.toggle("on", on);
    point(line.querySelector("code"), on ? one.code : []);
    if (on) first ??= line;
  }
  if (first) code.scrollTop = first.offsetTop - code.clientHeight / 3;
}

// Underlines in a line what a box does; without anything to find, takes the underline away.
function point(line, codes) {
  const text = line.textContent,
    code = codes.find((part) => text.includes(part));
  const at = code ? text.indexOf(code) : -1;
  line.replaceChildren(
    ...(at < 0 ? [text] : [text.slice(0, at), make("mark", { textContent: code }), text.slice(at + code.length)]),
  );
}

const boxOf = (event) => event.target.closest?.("[data-id]")?.dataset.id;

function choose(id) {
  if (!id) return;
  chosen = id;
  strivelm.put("learn", "box", id, "tok");
  picture();
}

drawing.addEventListener("click", (event) => choose(boxOf(event)));
drawing.addEventListener("pointerover", (event) => boxOf(event) && mark(boxOf(event)));
drawing.addEventListener("pointerleave", () => mark(chosen));
drawing.addEventListener("keydown", (event) => {
  const ids = shown.boxes.map(({ id }) => id),
    now = ids.indexOf(chosen);
  const to = {
    ArrowUp: now - 1,
    ArrowLeft: now - 1,
    ArrowDown: now + 1,
    ArrowRight: now + 1,
    Home: 0,
    End: ids.length - 1,
  }[event.key];
  if (to === undefined || !ids[to]) return;
  event.preventDefault();
  choose(ids[to]);
});
at("select").addEventListener("change", (event) => {
  layer = Number(event.target.value);
  strivelm.put("learn", "layer", String(layer), "");
  picture();
});
strivelm.tools(at(".tools"), "architecture", {
  python: () => shown.python,
  csv: () => [
    ["box", "layer", "vector", "length", "least", "most", "first values"],
    ...shown.boxes.flatMap((one) =>
      one.flows.flatMap((flows, i) =>
        flows.map((flow) => [
          one.name,
          one.block ? i : "",
          flow.name,
          flow.norm,
          flow.least,
          flow.most,
          ...flow.values,
        ]),
      ),
    ),
  ],
  html: () => strivelm.file("diagram", shown),
});
show(JSON.parse(props.value));
if (strivelm.inPage()) follow((step) => show(step.diagram));
strivelm.redrawn(element, () => shown && picture());
