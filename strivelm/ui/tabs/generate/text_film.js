// The text at every step of a training: the same prompt and the same random numbers. One question writes all of them;
// where they are here, a move of the timeline's handle shows the step's text at once, and the strip under the text has
// all of them beneath each other.
const FILM_LONGEST = 500; // characters of each text: limits.TOGETHER
const FILM_SHOWN = 160; // characters of a text that a row of the strip has
const strip = at(".film-strip");
const film = { key: "", texts: new Map(), asking: null, waiting: new Map() };

// What writes the text that is shown, if it was written at one go: the arguments of the question, else null.
function filmPlan() {
  if (!shown.head || shown.runs.length !== 1 || shown.chars.some((one) => one.forced)) return null;
  const [{ seed, temperature, top_k, top_p }] = shown.runs;
  const count = Math.max(planned, shown.chars.length);
  if (!count || count > FILM_LONGEST) return null;
  return { prompt: shown.head.prompt, count, seed: String(seed), temperature, top_k: top_k ?? 0, top_p: top_p ?? 1 };
}

// Asks for the texts of all steps, that of the model first; those of other settings than before anew.
function askFilm(plan, model) {
  const refs = strivelm.life().stops.map(([ref]) => ref);
  const key = JSON.stringify([refs, plan]);
  if (film.key === key) return;
  film.asking?.abort();
  noMore();
  Object.assign(film, { key, texts: new Map(), asking: new AbortController() });
  const first = Math.max(0, refs.indexOf(model));
  const away = (ref) => Math.abs(refs.indexOf(ref) - first);
  const of = refs.toSorted((a, b) => away(a) - away(b));
  const part = (found) => {
    if (film.key !== key) return;
    film.texts.set(found.ref, found);
    film.waiting.get(found.ref)?.(found);
    film.waiting.delete(found.ref);
    drawStrip();
  };
  const failed = (error) => {
    if (film.key !== key || error.name === "AbortError") return;
    noMore();
    film.key = "";
    at(".film-said").textContent = error.message;
  };
  const { signal } = film.asking;
  const asked = strivelm.ask("generate.film", plan, { of, signal, lane: "writing", part });
  asked.then(() => film.key === key && noMore(), failed);
  drawStrip();
}

// Nobody waits for a text any longer that has not come.
function noMore() {
  for (const give of film.waiting.values()) give(null);
  film.waiting.clear();
}

// The text of a step, or null where it does not come.
const filmText = (model) =>
  new Promise((give) => {
    film.waiting.get(model)?.(null);
    film.waiting.set(model, give);
  });

// Shows the text of another step in the place of the one that stands there; whether it could.
async function showStep(model, signal) {
  if (arriving) endShow();
  const plan = filmPlan();
  if (!plan || !strivelm.life()?.curves) return false;
  askFilm(plan, model);
  const found = film.texts.get(model) ?? (await filmText(model));
  signal.throwIfAborted();
  if (!found) return false;
  const place = page.scrollTop;
  begin(found.head);
  grow(found);
  draw(true);
  page.scrollTop = place;
  rest();
  return true;
}

// -- the strip ----------------------------------------------------------------------------------------------------------
const inOneLine = (text) => text.replaceAll("\n", "⏎");

function stripRow([ref, step], open) {
  const row = make("li");
  const button = row.appendChild(make("button", "strivelm-flat"));
  button.type = "button";
  button.dataset.ref = ref;
  button.setAttribute("aria-current", String(open));
  button.append(make("b", "step", step.toLocaleString("en")));
  const line = button.appendChild(make("span", "line"));
  const found = film.texts.get(ref);
  line.append(make("span", "prompt", found ? inOneLine(found.head.read) : "…"));
  for (const [char, nats] of found?.characters.slice(0, FILM_SHOWN) ?? []) {
    const one = line.appendChild(make("span", "", inOneLine(char)));
    if (coloured) one.style.backgroundColor = strivelm.surprise(nats);
  }
  button.addEventListener("click", () => strivelm.goTo(ref));
  return row;
}

function drawStrip() {
  const life = strivelm.life();
  strip.hidden = !life || !film.key;
  if (strip.hidden) return;
  at(".film-said").textContent = "";
  const rows = strip.querySelector("ol");
  const now = strivelm.stopNow();
  const drawn = JSON.stringify([film.key, coloured, film.texts.size, document.body.className]);
  if (rows.dataset.drawn === drawn)
    return [...rows.children].forEach((row, i) => row.firstChild.setAttribute("aria-current", String(i === now)));
  rows.dataset.drawn = drawn;
  rows.replaceChildren(...life.stops.map((stop, i) => stripRow(stop, i === now)));
}

// A text has come to rest, of a model that has a life: all steps write it. Where a visitor pays for the GPU's time, only
// once the handle is moved.
function filmRests() {
  if (!strivelm.inPage()) return;
  const plan = filmPlan();
  if (ARRIVES && strivelm.life()?.curves && plan && shown.ended === "complete" && strivelm.stopNow() >= 0)
    askFilm(plan, strivelm.chosen.model);
  drawStrip();
}
