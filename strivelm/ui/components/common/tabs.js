// When views ask: as their tab is opened, when the visitor presses its button, and when another model is opened.
//
// A view says what it does by strivelm.view({ tab, element, look }). What it shows is dimmed while it asks; of two
// questions the later one wins; a view that is out of sight asks when it is seen again.
import { chosen, follow, get, hold, linkedTab, put, release } from "./address.js";
import { appeared } from "./drawing.js";
import { canWrite, prepare } from "./machine.js";

const views = new Set();
const texts = {}; // tab → the text that its views work on: what it held when its button was last pressed
let arrived = false;
let opening = false; // whether another model is on its way: what is shown of the one that is open is dimmed

const seen = (element) => element.isConnected && element.clientWidth > 0;

const line = (tab) => document.querySelector(`#${tab}-message .message`);

// A sentence under a tab's button: kind is "note", "error" or "waiting"; without a text the line is empty.
function say(tab, kind = "", text = "") {
  const there = line(tab);
  if (!there) return;
  there.dataset.kind = text ? kind : "";
  there.textContent = text;
}

function waiting(element, is) {
  element.dataset.waiting = String(is);
  element.setAttribute("aria-busy", String(is));
}

async function look(view) {
  const { walked, stepped } = view;
  view.stale = view.walked = view.stepped = false;
  view.running?.abort();
  const running = (view.running = new AbortController());
  waiting(view.element, true);
  try {
    const waits = (is) => view.running === running && waiting(view.element, is || opening);
    const { signal } = running;
    const { model, beside } = chosen;
    await view.look({ signal, model, beside, text: texts[view.tab] ?? "", walked, stepped, waits });
    if (view.running === running && view.failed && line(view.tab)?.dataset.kind === "error") say(view.tab);
    view.failed = false;
  } catch (error) {
    if (view.running !== running || error.name === "AbortError") return;
    view.failed = true;
    say(view.tab, "error", error.message);
  } finally {
    if (view.running === running) {
      view.running = null;
      waiting(view.element, opening);
    }
  }
}

function wake(view) {
  if (arrived && view.stale && seen(view.element) && (!view.beside || chosen.beside)) look(view);
}

// Has a view ask when there is reason to.
//   tab: whose button and text it follows    element: what is dimmed while it asks
//   look({ signal, model, beside, text, walked, stepped, waits }): asks and draws; a promise. What it throws is said under
//     the tab's button. The text is the tab's, if it has one: the same for all of its views, whatever has been typed
//     since its button was pressed. walked: whether the visitor went back or forward, so that choices are read anew from
//     strivelm.get. stepped: whether another step of the same model's training is open, so that what is shown stays
//     until what is new can take its place. waits(is) dims and undims by itself: what shows a text while it grows has
//     nothing to wait for.
//   eager: whether it works before it is asked    renewed: whether it asks again when another model is opened
//   model(): what happens at once when another model is opened
//   beside: whether it shows two models: it asks when one stands beside the open one (`beside`), and when that changes
// Returns { again, stop }: asks anew, as after a choice of the visitor's; gives up what is asked.
function view({ tab, element, look: act, eager = true, renewed = true, model = () => {}, beside = false }) {
  const asking = { stale: eager, asked: eager, walked: false, stepped: false, running: null, failed: false };
  const made = { tab, element, look: act, renewed, model, beside, ...asking };
  views.add(made);
  appeared(element, () => wake(made));
  queueMicrotask(() => wake(made));
  const again = () => {
    Object.assign(made, { stale: true, asked: true, stepped: false });
    wake(made);
  };
  return { again, stop: () => made.running?.abort() };
}

// A tab's button was pressed.
function run(tab) {
  texts[tab] = get(tab, "text");
  for (const one of views) {
    if (one.tab !== tab) continue;
    Object.assign(one, { stale: true, asked: true, stepped: false });
    wake(one);
  }
}

// The values of the components that the address keeps, in the page's order, and those that are usual for the model.
function keep(usual, values) {
  chosen.page.linked.forEach(([tab, name], i) => {
    put(tab, name, values[i], usual[i]);
    if (name === "text") texts[tab] = values[i];
  });
}

// The page has read its address: from here on views work.
//   page: { own: the model it was started with, linked: [[tab, name], …] }
//   awaited: the link's model, if it has to be fetched first
function arrive(page, awaited, model, usual, values) {
  Object.assign(chosen, { page, own: page.own, model });
  if (!awaited) prepare(model);
  keep(JSON.parse(usual), values);
  arrived = true;
  if (awaited) {
    chosen.awaited = true;
    dim();
    hold();
  }
  follow();
  for (const one of views) wake(one);
}

// A model was chosen, and is on its way: no view stands under another model's name, however long it takes.
function openModel(ref) {
  if (!arrived || !ref?.trim() || ref.trim() === chosen.model) return;
  dim();
  hold();
}

function dim() {
  opening = true;
  for (const { element, renewed, beside } of views) if (renewed && (!beside || chosen.beside)) waiting(element, true); // of two models, only where there are two
}

// Another model is open: what is in sight asks again with what the visitor has chosen, the rest when it is seen. Or the
// one that was chosen could not be opened, and all stays as it is.
function changed(model, usual, values) {
  if (!arrived) return;
  opening = false;
  const other = model !== chosen.model;
  ahead = false;
  if (other) {
    chosen.model = model;
    keep(JSON.parse(usual), values);
  }
  for (const one of views) {
    if (!one.element.isConnected) {
      views.delete(one);
      continue;
    }
    if (other) one.model();
    if (other && one.renewed) Object.assign(one, { stale: one.asked, stepped: false });
    if (!one.stale && !one.running) waiting(one.element, false);
    wake(one);
  }
  // Opening another model is a step of the browser's history, unless a link or a step back wanted that model.
  release(other && !chosen.awaited);
  chosen.awaited = false;
}

// A second model was chosen, and is on its way to stand beside the open one.
function besideComes() {
  for (const { element, beside } of views) if (beside) waiting(element, true);
}

// Another one stands there (or none), or, where `other` is false, the one that was chosen could not be opened.
function besideChanged(other = true) {
  for (const one of views) {
    if (!one.beside) continue;
    if (other) {
      one.running?.abort();
      Object.assign(one, { stale: one.asked, stepped: false });
    }
    if (!one.stale && !one.running) waiting(one.element, opening);
    wake(one);
  }
}

// Another step of the open model's training is looked at (components/timeline): what is in sight asks at once, the rest
// when it is seen. The promise is kept when what is in sight has been drawn. The page's components and the address
// follow when that has come to rest: by settled().
let ahead = false; // whether a step is open that the page's components don't know of yet
function stepTo(model) {
  if (!arrived || model === chosen.model) return Promise.resolve();
  hold();
  ahead = true;
  chosen.model = model;
  const asked = [];
  for (const one of views) {
    one.model();
    if (!one.renewed) continue;
    Object.assign(one, { stale: one.asked, stepped: true });
    if (one.stale && seen(one.element) && (!one.beside || chosen.beside)) asked.push(look(one));
  }
  return Promise.all(asked);
}

const stepped = () => ahead;
const isOpening = () => opening; // whether another model was chosen, and is on its way

// The page's components know of it: it is a step of the browser's history.
function settled() {
  ahead = false;
  release(true);
}

// The visitor went back or forward, to other choices of a tab: its views are to ask again.
function walked(tab) {
  texts[tab] = get(tab, "text");
  for (const one of views) if (one.tab === tab) Object.assign(one, { stale: one.asked, walked: true });
}

// The values of linked components as the address has them: what stands behind '#' was not sent to the server. Which tab
// is open does not matter: Gradio opens the first one, and says so, before it opens the link's.
function restored(page, values) {
  const long = new URLSearchParams(location.hash.slice(1));
  return values.map((value, i) => {
    const [tab, name] = page.linked[i];
    return tab === linkedTab && long.has(name) ? long.get(name) : value;
  });
}

// Gives a Gradio text field a value, as if it had been typed.
function type(id, value) {
  const field = document.querySelector(`#${id} textarea, #${id} input`);
  if (!field) return;
  const prototype = field.matches("textarea") ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
  Object.getOwnPropertyDescriptor(prototype, "value").set.call(field, value);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// Runs a view's script outside the page; there it is never given another value. As the page does, it is light or dark as
// the address says (?__theme=dark), else as the reader's machine is.
function mount(element, value, script) {
  const theme = matchMedia("(prefers-color-scheme: dark)");
  const wanted = new URLSearchParams(location.search).get("__theme");
  const toggle = () => document.body.classList.toggle("dark", wanted ? wanted === "dark" : theme.matches);
  theme.addEventListener("change", toggle);
  toggle();
  arrived = canWrite();
  script(
    element,
    { value },
    () => {},
    () => {},
    {},
  );
}

export {
  view,
  run,
  arrive,
  openModel,
  changed,
  besideComes,
  besideChanged,
  stepTo,
  stepped,
  settled,
  isOpening,
  walked,
  restored,
  say,
  type,
  mount,
};
