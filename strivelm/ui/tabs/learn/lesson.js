function show(next) {
  shownNow = next;
  at("section").hidden = !shownNow;
  if (!shownNow) return;
  element.dataset.step = shownNow.step;
  element.dataset.model = shownNow.model;
  at(".notes").textContent = shownNow.notes.join(" ");
  at(".notes").hidden = !shownNow.notes.length;
  drawStrip(shownNow);
  drawControls(shownNow);
  for (const lines of element.querySelectorAll(".strivelm-python")) lines.remove(); // of what was shown before
  at(".blocks").replaceChildren(...shownNow.blocks.map(drawBlock));
  drawAsk();
  playFilm();
}

// -- asking -------------------------------------------------------------------------------------------------------------
let asking = false;
let moved = false; // a slider went on while the answer to an earlier place of it was awaited

async function look({ signal, model }) {
  arrange();
  [asking, moved] = [true, false];
  try {
    const asking = { text: strivelm.get("learn", "text") ?? "", ...settings() };
    learn.shown = await strivelm.ask("learn.step", asking, { of: [model], signal });
    given = asking;
    for (const draw of learn.drawers.values()) draw(learn.shown);
    arrange();
    bring();
  } finally {
    if (!signal.aborted) {
      asking = false;
      if (moved) queueMicrotask(again);
    }
  }
}

const asks = strivelm.inPage()
  ? strivelm.view({ tab: "learn", element: element.closest("#learn-shown") ?? element, look })
  : null;

function again() {
  asks?.again();
}

// While a slider is dragged, one answer is awaited at a time, and then the place is asked for where it is by then.
function againWhenFree() {
  moved = asking;
  if (!asking) again();
}

// Opens a step by its id, or so many steps on.
function go(to) {
  const step = typeof to === "number" ? STEPS[STEPS.indexOf(stepNow()) + to] : to;
  if (!STEPS.includes(step)) return;
  keep({ step });
  arrange();
  again();
}

// What 'Try this' has changed is brought into sight, if it is not there.
let changed = null;
function bring() {
  const { top, bottom } = changed?.getBoundingClientRect() ?? {};
  if (changed && (top < 0 || bottom < 80 || top > 0.6 * innerHeight))
    changed.scrollIntoView({ block: "start", behavior: calm.matches ? "auto" : "smooth" });
  changed = null;
}

// Does what 'Try this' says: settings at once, a text as if it had been typed.
function attempt() {
  const { text, ...chosen } = shownNow?.attempt ?? {};
  if (shownNow) opened.add(shownNow.step);
  changed = "box" in chosen ? document.querySelector("#learn-diagram") : element;
  if (text !== undefined) {
    strivelm.type("learn-text", text);
    keep({ text, at: "" }); // of another text a character with something to show is looked at
  }
  keep({ ...(text === undefined && shownNow ? place() : {}), ...chosen });
  again();
}

strivelm.tools(at(".tools"), "lesson", {
  python: () => shownNow.python,
  csv: () => numbers(),
  html: () => strivelm.file("lesson", shownNow),
});
show(JSON.parse(props.value));
if (strivelm.inPage()) {
  Object.assign(learn, { go, attempt, stepNow });
  follow(show);
  arrange();
}
strivelm.redrawn(element, () => show(shownNow));
