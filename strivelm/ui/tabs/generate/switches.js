const at = (name) => element.querySelector(name);
const grid = at(".grid");
const FIRST = "0.0"; // what is off, as in the field, until a visitor says otherwise
let model = { layers: 0, heads: 0 },
  off = new Set(),
  here = FIRST,
  waiting = 0;

const named = (part) => (part.startsWith("m") ? `MLP of layer ${part.slice(1)}` : `head ${part}`);
const parts = () =>
  Array.from({ length: model.layers }, (_, layer) => [
    ...Array.from({ length: model.heads }, (_, head) => `${layer}.${head}`),
    `m${layer}`,
  ]);
const button = (part) => grid.querySelector(`[data-part="${part}"]`);

function show() {
  for (const one of grid.querySelectorAll("button")) {
    const { part } = one.dataset;
    one.setAttribute("aria-pressed", String(off.has(part)));
    one.title = `${named(part)}: ${off.has(part) ? "switched off" : "on"}`;
    one.tabIndex = part === here ? 0 : -1;
  }
  const many = off.size,
    heads = [...off].filter((part) => !part.startsWith("m")).length;
  const words = [
    heads && `${heads} of ${model.layers * model.heads} heads`,
    many - heads && `${many - heads} of ${model.layers} MLPs`,
  ].filter(Boolean);
  at(".said").textContent = many
    ? `Switched off: ${words.join(" and ")}.`
    : "Everything is on: both texts will be the same.";
  at(".all").disabled = !many;
}

// Tells the page what is off and, when the visitor pauses, has both texts written anew.
function tell() {
  const order = parts()
    .flat()
    .filter((part) => off.has(part))
    .join(",");
  strivelm.type(model.field, order || "none"); // the field is kept in the address
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    strivelm.press(model.stop, 0);
    strivelm.press(model.run);
  }, 500);
}

function toggle(part) {
  off.has(part) ? off.delete(part) : off.add(part);
  here = part;
  show();
  tell();
}

function move(dx, dy) {
  const rows = parts(),
    row = rows.findIndex((found) => found.includes(here)),
    column = rows[row].indexOf(here);
  const clamp = (n, length) => Math.min(Math.max(n, 0), length - 1);
  here = rows[clamp(row + dy, rows.length)][clamp(column + dx, model.heads + 1)];
  show();
  button(here).focus();
}

function draw() {
  model = JSON.parse(props.value);
  const there = new Set(parts().flat());
  const known = [...off].filter((part) => there.has(part));
  // What an address named, or another model had, and this one has not.
  if (known.length < off.size && model.field) strivelm.type(model.field, known.join(",") || "none");
  off = new Set(known);
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
          className: part.startsWith("m") ? "mlp" : "head",
        });
        made.dataset.part = part;
        made.setAttribute("aria-label", `Switch off ${named(part)}`);
        return made;
      }),
    ]),
  );
  show();
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
  show();
  tell();
  button(here).focus();
});

const said = strivelm.get("generate", "off") ?? FIRST;
off = new Set(said === "none" ? [] : said.split(","));
watch("value", draw);
draw();
