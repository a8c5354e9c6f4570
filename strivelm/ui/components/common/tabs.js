// When views ask: as their tab is opened, when the visitor presses its button, and when another model is opened.
//
// A view says what it does by strivelm.view({ tab, element, look }). What it shows is dimmed while it asks; of two
// questions the later one wins; a view that is out of sight asks when it is seen again.
import { chosen, follow, get, linkedTab, put } from "./address.js";
import { appeared } from "./drawing.js";

const views = new Set();
const texts = {}; // tab → the text that its views work on: what it held when its button was last pressed
let arrived = false;

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
  view.stale = false;
  view.running?.abort();
  const running = (view.running = new AbortController());
  waiting(view.element, true);
  try {
    const waits = (is) => view.running === running && waiting(view.element, is);
    await view.look({ signal: running.signal, model: chosen.model, text: texts[view.tab] ?? "", waits });
    if (view.running === running && view.failed && line(view.tab)?.dataset.kind === "error") say(view.tab);
    view.failed = false;
  } catch (error) {
    if (view.running !== running || error.name === "AbortError") return;
    view.failed = true;
    say(view.tab, "error", error.message);
  } finally {
    if (view.running === running) {
      view.running = null;
      waiting(view.element, false);
    }
  }
}

function wake(view) {
  if (arrived && view.stale && seen(view.element)) look(view);
}

// Has a view ask when there is reason to.
//   tab: whose button and text it follows    element: what is dimmed while it asks
//   look({ signal, model, text, waits }): asks and draws; a promise. What it throws is said under the tab's button. The
//     text is the tab's, if it has one: the same for all of its views, whatever has been typed since its button was
//     pressed. waits(is) dims and undims by itself: what shows a text while it grows has nothing to wait for.
//   eager: whether it works before it is asked    renewed: whether it asks again when another model is opened
//   model(): what happens at once when another model is opened
// Returns { again, stop }: asks anew, as after a choice of the visitor's; gives up what is asked.
function view({ tab, element, look: act, eager = true, renewed = true, model = () => {} }) {
  const asking = { stale: eager, asked: eager, running: null, failed: false };
  const made = { tab, element, look: act, renewed, model, ...asking };
  views.add(made);
  appeared(element, () => wake(made));
  queueMicrotask(() => wake(made));
  const again = () => {
    made.stale = made.asked = true;
    wake(made);
  };
  return { again, stop: () => made.running?.abort() };
}

// A tab's button was pressed.
function run(tab) {
  texts[tab] = get(tab, "text");
  for (const one of views) {
    if (one.tab !== tab) continue;
    one.stale = one.asked = true;
    wake(one);
  }
}

// The values of the components that the address keeps, in the page's order.
function keep(values) {
  chosen.page.linked.forEach(([tab, name, usual], i) => {
    put(tab, name, values[i], usual);
    if (name === "text") texts[tab] = values[i];
  });
}

// The page has read its address: from here on views work.
//   page: { own: the model it was started with, linked: [[tab, name, usual value], …] }
function arrive(page, model, values) {
  Object.assign(chosen, { page, own: page.own, model });
  keep(values);
  arrived = true;
  follow();
  for (const one of views) wake(one);
}

// Another model is open: what is in sight asks again with what the visitor has chosen, the rest when it is seen.
function changed(model, values) {
  if (!arrived || model === chosen.model) return;
  chosen.model = model;
  keep(values);
  for (const one of views) {
    if (!one.element.isConnected) {
      views.delete(one);
      continue;
    }
    one.model();
    if (one.renewed) one.stale = one.asked;
    wake(one);
  }
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
  script(
    element,
    { value },
    () => {},
    () => {},
    {},
  );
}

export { view, run, arrive, changed, restored, say, type, mount };
