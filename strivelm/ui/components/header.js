const at = (name) => element.querySelector(name);

function fact([name, value]) {
  const pair = document.createElement("div");
  pair.appendChild(document.createElement("dt")).textContent = name;
  pair.appendChild(document.createElement("dd")).textContent = value;
  return pair;
}

function rung([name, nats, place]) {
  const step = document.createElement("li");
  step.style.left = `${100 * place}%`;
  step.title = `${name}: ${nats} nats per character`;
  step.dataset.model = String(name === "this model");
  const label = step.appendChild(document.createElement("span"));
  label.append(name, " ");
  label.appendChild(document.createElement("b")).textContent = nats;
  return step;
}

// Names that would stand in each other go down a row, with a longer tick; the one nearer to the model stays above.
function stagger() {
  const ladder = at(".ladder");
  const edge = ladder.getBoundingClientRect();
  if (!edge.width) return;
  const rows = [];
  for (const step of [...ladder.children].reverse()) {
    const label = step.firstElementChild;
    label.style.translate = "";
    const { left, right } = label.getBoundingClientRect();
    // A name at an end of the ruler stays inside it.
    const shift = Math.max(0, edge.left - 36 - left) - Math.max(0, right - edge.right - 36);
    label.style.translate = `${shift}px`;
    const [from, to] = [left + shift - 4, right + shift + 4];
    const free = rows.findIndex((row) => row.every(([a, b]) => to <= a || from >= b));
    const row = free < 0 ? rows.length : free;
    (rows[row] ??= []).push([from, to]);
    step.style.setProperty("--row", row);
  }
  ladder.style.setProperty("--rows", rows.length);
}

function draw(shown = JSON.parse(props.value)) {
  at(".line dl").replaceChildren(fact(shown.name));
  // The last part goes first where there is little room.
  const [last, ...parts] = shown.short.toReversed();
  const end = Object.assign(document.createElement("span"), { className: "last" });
  end.append(" · ", strivelm.explained(last));
  at(".short").replaceChildren(strivelm.explained(parts.toReversed().join(" · ")), ...(parts.length ? [end] : [last]));
  at(".more dl").replaceChildren(...shown.facts.map(fact));
  at(".meaning").textContent = shown.meaning;
  at(".measured").replaceChildren(strivelm.explained(shown.measured.replace("nats", "[nats](term:nat)")));
  at(".ladder").replaceChildren(...shown.ladder.map(rung));
  stagger();
}

// Folded in the page, where the view has room of its own; in a file or a notebook it is all that there is.
function fold(open) {
  at(".more").hidden = !open;
  at(".line .fold").setAttribute("aria-expanded", String(open));
  at(".line .fold").textContent = open ? "Less" : "More";
  if (open) stagger();
}
at(".line .fold").addEventListener("click", () => fold(at(".more").hidden));
fold(!strivelm.inPage());

// A second model, in the page alone (components/beside).
at(".add").hidden = !strivelm.inPage();
at(".add").addEventListener("click", () => strivelm.pickBeside(true));

// The whole glossary, made when it is asked for.
at(".all").addEventListener("click", () => {
  const list = at(".words dl");
  list.hidden = !list.hidden;
  at(".all").setAttribute("aria-expanded", String(!list.hidden));
  if (!list.children.length) list.append(...Object.entries(strivelm.glossary).map(fact));
});

// -- three doors, for who comes without a link, until one goes through any --------------------------------------------
const doors = at(".doors");
doors.hidden = !strivelm.inPage() || strivelm.chosen.linked;
for (const door of doors.querySelectorAll("button"))
  door.addEventListener("click", () => {
    document.querySelector(`#tabs > .tab-wrapper [role=tab][data-tab-id="${door.dataset.tab}"]`)?.click();
    doors.hidden = true;
    if (door.dataset.tab === "generate") document.querySelector("#prompt textarea")?.focus();
  });
if (strivelm.inPage())
  document.addEventListener("click", ({ target, isTrusted }) => {
    if (isTrusted && target.closest?.("#tabs button, #model, .chip, #timeline")) doors.hidden = true;
  });

watch("value", () => draw());
draw();
strivelm.showModel = draw; // for the timeline, which is ahead of the page's components while its handle moves
new ResizeObserver(stagger).observe(at(".ladder"));
document.fonts?.ready.then(stagger);
