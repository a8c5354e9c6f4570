// Which heads and MLPs are switched off, as "0.1,1.m"; the section's texts are written anew when that changes.
const at = (name) => element.querySelector(name);
const grid = at(".grid");
const FIRST = "0.0"; // what is off until a visitor says otherwise
const NONE = "none"; // how the address says that nothing is
const QUIET = 500; // milliseconds without a press after which the texts are written
let model = { layers: 0, heads: 0 };
let here = FIRST;
let pressed = -QUIET; // when a switch was
const waiting = []; // what goes on when another model's switches are shown

// Links from before MLPs were called "1.m" say "m1".
const fromAddress = (part) => part.replace(/^m(\d+)$/, "$1.m");
const linked = strivelm.get("generate", "off") ?? FIRST;
let off = new Set(linked === NONE ? [] : linked.split(",").map(fromAddress));

const isMLP = (part) => part.endsWith("m");
const named = (part) => (isMLP(part) ? `MLP of layer ${part.split(".")[0]}` : `head ${part}`);
const parts = () =>
  Array.from({ length: model.layers }, (_, layer) => [
    ...Array.from({ length: model.heads }, (_, head) => `${layer}.${head}`),
    `${layer}.m`,
  ]);
const button = (part) => grid.querySelector(`[data-part="${part}"]`);
const ordered = () =>
  parts()
    .flat()
    .filter((part) => off.has(part))
    .join(",");

// For the view of the texts: a promise of what is off of a model, kept once its switches are shown and the visitor pauses.
strivelm.switchedOff = (of, signal) =>
  new Promise((kept, broken) => {
    signal.addEventListener("abort", () => broken(signal.reason));
    const check = () => {
      const rest = pressed + QUIET - performance.now();
      if (model.model !== of) waiting.push(check);
      else if (rest > 0) setTimeout(check, rest);
      else kept(ordered());
    };
    check();
  });

function keep() {
  strivelm.put("generate", "off", ordered() || NONE, FIRST);
}

function show() {
  for (const one of grid.querySelectorAll("button")) {
    const { part } = one.dataset;
    one.setAttribute("aria-pressed", String(off.has(part)));
    one.title = `${named(part)}: ${off.has(part) ? "switched off" : "on"}`;
    one.tabIndex = part === here ? 0 : -1;
  }
  const many = off.size;
  const heads = [...off].filter((part) => !isMLP(part)).length;
  const words = [
    heads && `${heads} of ${model.layers * model.heads} heads`,
    many - heads && `${many - heads} of ${model.layers} MLPs`,
  ].filter(Boolean);
  at(".said").textContent = many
    ? `Switched off: ${words.join(" and ")}.`
    : "Everything is on: both texts will be the same.";
  at(".all").disabled = !many;
}

function changed() {
  pressed = performance.now();
  show();
  keep();
  strivelm.run("heads");
}

function toggle(part) {
  off.has(part) ? off.delete(part) : off.add(part);
  here = part;
  changed();
}

function move(dx, dy) {
  const rows = parts();
  const row = rows.findIndex((found) => found.includes(here));
  const column = rows[row].indexOf(here);
  const clamp = (n, length) => Math.min(Math.max(n, 0), length - 1);
  here = rows[clamp(row + dy, rows.length)][clamp(column + dx, model.heads + 1)];
  show();
  button(here).focus();
}

function draw() {
  model = JSON.parse(props.value);
  const there = new Set(parts().flat());
  off = new Set([...off].filter((part) => there.has(part)));
  if (!there.has(here)) here = FIRST;
  grid.style.setProperty("--columns", model.heads + 1);
  const label = (text, className = "") =>
    Object.assign(document.createElement("span"), { textContent: text, className });
  const head = [
    label(""),
    ...Array.from({ length: model.heads }, (_, k) => label(`head ${k}`, "top")),
    label("MLP", "top"),
  ];
  grid.replaceChildren(
    ...head,
    ...parts().flatMap((row, layer) => [
      label(`layer ${layer}`, "side"),
      ...row.map((part) => {
        const made = Object.assign(document.createElement("button"), {
          type: "button",
          className: isMLP(part) ? "mlp" : "head",
        });
        made.dataset.part = part;
        made.setAttribute("aria-label", `Switch off ${named(part)}`);
        return made;
      }),
    ]),
  );
  show();
  keep();
  for (const check of waiting.splice(0)) check();
}

grid.addEventListener("click", (event) => event.target.dataset.part && toggle(event.target.dataset.part));
grid.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step || !event.target.dataset.part) return;
  event.preventDefault();
  here = event.target.dataset.part;
  move(...step);
});
at(".all").addEventListener("click", () => {
  off.clear();
  changed();
  button(here).focus();
});

watch("value", draw);
draw();
