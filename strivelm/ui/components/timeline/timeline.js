// The timeline: its handle, its button, and what it says.
const plot = at(".plot");
let mark = () => {};

function note(text) {
  at(".note").textContent = text;
}

// What stands on the handle, and on the button.
function show() {
  const [words, said] = standing(life, goal);
  const numbers = { "aria-valuemin": 0, "aria-valuemax": last(), "aria-valuenow": goal, "aria-valuetext": said };
  for (const [name, value] of Object.entries(numbers)) plot.setAttribute(name, value);
  at(".where").replaceChildren(slow ? `Opening step ${whole(life.stops[goal][1])}…` : strivelm.explained(words));
  at(".play").textContent = playing ? "❚❚ Pause" : "▶ Play";
  mark(goal);
}

function draw() {
  if (!life || !plot.clientWidth) return;
  mark = drawPlot(life, plot, broken);
  show();
}

// Takes another life, or none; `model` is the open one.
function take(found, model) {
  life = found?.stops ? found : null;
  broken.clear();
  known.clear();
  at("section").hidden = !life;
  at(".offer").hidden = !found?.offer;
  at(".offer").dataset.ref = found?.offer ?? "";
  note("");
  if (!life) return (stop(), says());
  life.curves = life.together;
  at(".curves").hidden = life.curves || !strivelm.inPage();
  says();
  goal = stopOf(model);
  draw();
}

// What the views hear of it.
const says = () =>
  strivelm.lived(life && { of: life.of, stops: life.stops, curves: life.curves, stopOf }, (ref) => {
    stop();
    go(life.stops.findIndex(([one]) => one === ref));
  });

// -- the handle -----------------------------------------------------------------------------------------------------------
const placed = (event) => nearest(life, plot, event.clientX - plot.getBoundingClientRect().left);

plot.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  plot.setPointerCapture(event.pointerId);
  held = true;
  stop();
  go(placed(event));
});
plot.addEventListener("pointermove", (event) => held && placed(event) !== goal && go(placed(event)));
for (const kind of ["pointerup", "pointercancel"])
  plot.addEventListener(kind, () => {
    held = false;
    rest();
  });
plot.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const to = {
    ArrowRight: goal + 1,
    ArrowUp: goal + 1,
    ArrowLeft: goal - 1,
    ArrowDown: goal - 1,
    PageUp: goal + 3,
    PageDown: goal - 3,
    Home: 0,
    End: last(),
  }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  stop();
  go(Math.min(last(), Math.max(0, to)));
});
// Asking about all steps opens them all, which a visitor has to want where they are large or far away.
at(".curves").addEventListener("click", () => {
  life.curves = true;
  at(".curves").hidden = true;
  says();
});
at(".play").addEventListener("click", () => (playing ? stop() : play()));

// A life that is small and near is opened whole as soon as somebody turns to it, so that no step is waited for.
async function warm() {
  const of = life;
  if (!of?.together || of.warm) return;
  of.warm = true;
  for (const [ref] of of.stops) if (life === of) await opens(ref).catch(() => {});
}
for (const kind of ["pointerenter", "focusin"]) at("section").addEventListener(kind, warm);

// The small model that can be seen learning: it is opened at its first step, and plays.
let playsThen = "";
at(".offer button").addEventListener("click", () => {
  settling = playsThen = at(".offer").dataset.ref;
  offered = true;
  strivelm.openModel(playsThen);
  document.querySelector("#timeline-rest button, button#timeline-rest")?.click();
});

// -- in the page --------------------------------------------------------------------------------------------------------
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const baseOf = (model) => model.split("@")[0];
let of = null; // whose life is on show, or that it has none

async function look({ signal, model }) {
  if (of === baseOf(model)) return moved();
  let found = null;
  let wrong = "";
  try {
    found = await strivelm.ask("model.life", {}, { of: [model], signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    wrong = error.message;
  }
  of = baseOf(model);
  take(found, model);
  note(wrong);
  if (life && playsThen === model) {
    warm();
    if (!calm.matches) play();
  }
  playsThen = "";
}

// Another model is open, by a move of the handle or otherwise.
function moved() {
  const { model } = strivelm.chosen;
  if (model === mine) return;
  if (mine) strivelm.showModel?.(); // what the page says of it goes before what the handle said last
  mine = "";
  if (baseOf(model) !== of) {
    of = null;
    take(null);
    return asking.again();
  }
  if (!life) return;
  goal = stopOf(model);
  stop();
}

const given = JSON.parse(props.value);
if (given) of = baseOf(given.open);
take(given, given?.open);
new ResizeObserver(draw).observe(plot);
strivelm.redrawn(plot, draw);
element.strivelm = {
  state: () => ({ goal, step: life?.stops[goal][1], playing: Boolean(playing), moving: Boolean(moving) }),
};
const asking = strivelm.inPage() ? strivelm.view({ tab: "", element, look, renewed: false, model: moved }) : null;
