// What the visitor has chosen, tab by tab, and the address that says it: ?model=…&beside=…&tab=…&text=…
//
// The choices are kept here whole; the address names those of the open tab that differ from the usual. It is written in
// the browser alone. A long text stands behind '#', as a proxy refuses requests whose query is long, and Gradio sends
// the query along with each.
const HOME = "generate"; // the tab of an address that names none
const LONGEST_QUERY = 1500; // characters as they are sent; a proxy takes 4,000 or more
const read = () => [...new URLSearchParams(location.search), ...new URLSearchParams(location.hash.slice(1))];
const asked = new Map(read());
const linkedTab = asked.get("tab") || HOME; // whose values the address holds as the page is opened
const ofThePage = ["model", "beside", "tab", "lesson"]; // what is no choice of a tab
// beside: the model that stands beside the open one, "" where none does.
const chosen = {
  model: asked.get("model") ?? "",
  beside: asked.get("beside")?.trim() ?? "",
  own: "",
  tab: linkedTab,
  tabs: {},
  usual: {},
};
// Whether the page was opened by a link that says more than how it looks.
chosen.linked = [...asked.keys()].some((name) => !name.startsWith("__"));
for (const [name, value] of asked)
  if (!ofThePage.includes(name) && !name.startsWith("__")) (chosen.tabs[linkedTab] ??= {})[name] = value;

// The parts of the address: [query, fragment].
function parts() {
  const kept = [...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("__"));
  const { model, beside, own, tab, tabs, usual } = chosen;
  const unusual = ([name, value]) => value != null && String(value) !== String(usual[tab]?.[name] ?? "");
  const names = { model: model === own ? "" : model, beside, tab: tab === HOME ? "" : tab };
  const given = [
    ...Object.entries(names).filter(([, value]) => value),
    ...Object.entries(tabs[tab] ?? {}).filter(unusual),
  ];
  const [short, long] = [[], []];
  for (const pair of given)
    (new URLSearchParams([...kept, ...short, pair]).toString().length > LONGEST_QUERY ? long : short).push(pair);
  return [new URLSearchParams([...kept, ...short]).toString(), new URLSearchParams(long).toString()];
}

// What an entry of the browser's history keeps of the page, in full: the address leaves out what is usual. Gradio's
// lists are proxies, which a history can't hold.
const plain = (values) => JSON.parse(JSON.stringify(values ?? {}));
const entry = () => ({
  model: chosen.model,
  beside: chosen.beside,
  tab: chosen.tab,
  values: plain(chosen.tabs[chosen.tab]),
});

// The entry that the browser has gone to; of one that the visitor typed, what its address says.
function entered() {
  if (history.state?.strivelm) return history.state.strivelm;
  const {
    model = chosen.own,
    beside = "",
    tab = HOME,
    ...rest
  } = Object.fromEntries(read().filter(([name]) => !name.startsWith("__") && name !== "lesson"));
  const typed = ([name, value]) => [name, typeof chosen.usual[tab]?.[name] === "number" ? Number(value) : value];
  return { model, beside, tab, values: Object.fromEntries(Object.entries(rest).map(typed)) };
}

function write() {
  const [query, fragment] = parts();
  const address = `${query ? `?${query}` : location.pathname}${fragment ? `#${fragment}` : ""}`;
  const same = query === location.search.slice(1) && fragment === location.hash.slice(1);
  const step = stepped && !same;
  stepped = false;
  const kept = { ...history.state, strivelm: entry() };
  if (same && JSON.stringify(history.state?.strivelm) === JSON.stringify(kept.strivelm)) return;
  history[step ? "pushState" : "replaceState"](kept, "", address);
  // A Space is shown in a frame; this is how the address around it learns of it
  // (huggingface.co/docs/hub/spaces-handle-url-parameters).
  const spread = { queryString: query, hash: fragment };
  if (window.parent !== window) window.parent.postMessage(spread, "https://huggingface.co");
}

// Writes the address once for all that changes in one moment. A file of its own has no address to keep; before the
// page has read its address, nothing may change it, and while another model is opened or the visitor goes back, what
// changes with that belongs to the next entry.
let due = false,
  ready = false,
  stepped = false, // whether what changed makes a new entry of the browser's history, to which Back leads
  held = false;
function soon() {
  if (due || held || !ready) return;
  due = true;
  queueMicrotask(flush);
}
function flush() {
  if (due && !held) write();
  due = false;
}

// Keeps the address as it is until release(step), which writes it; `step` says whether that makes an entry.
function hold() {
  flush();
  held = true;
}
function release(step = false) {
  held = false;
  stepped = step;
  soon();
}

// Keeps a choice of a tab; `usual` is the value that the address leaves out. With { step: true } another value is a
// step of the browser's history, to which Back leads: for what a visitor takes for another place (a section, a step of a
// lesson), not for a setting. After Back or Forward the tab's views are asked, with `walked` in what look() is given.
function put(tab, name, value, usual = chosen.usual[tab]?.[name] ?? "", { step = false } = {}) {
  const before = String(chosen.tabs[tab]?.[name] ?? usual);
  if (step && tab === chosen.tab && before !== String(value ?? "")) stepping();
  if (name === "text" && value !== chosen.tabs[tab]?.text) {
    if (lately.includes(tab)) lately.splice(lately.indexOf(tab), 1);
    lately.push(tab);
  }
  (chosen.tabs[tab] ??= {})[name] = value ?? "";
  (chosen.usual[tab] ??= {})[name] = usual;
  soon();
}

// Which model stands beside the open one; `step` as of put.
function putBeside(ref, step = false) {
  if (ref === chosen.beside) return;
  if (step) stepping();
  chosen.beside = ref;
  soon();
}

// What has been changed so far belongs to the entry that is left.
function stepping() {
  flush();
  stepped = ready && !held;
}

// A choice of a tab, or undefined where it has not been made.
const get = (tab, name) => (chosen.tabs[tab]?.[name] === "" ? undefined : chosen.tabs[tab]?.[name]);

// What the visitor has written in other tabs than this, the latest first: [[tab, text], …], each text once.
const lately = []; // tabs in the order in which their texts were last changed
function ownTexts(tab) {
  const here = chosen.tabs[tab]?.text;
  const found = new Map();
  for (const other of lately.toReversed()) {
    const text = chosen.tabs[other]?.text;
    const own = text?.trim() && text !== chosen.usual[other]?.text && text !== here;
    if (other !== tab && own && !found.has(text)) found.set(text, other);
  }
  return [...found].map(([text, other]) => [other, text]);
}

// Choices by tab, as JSON, that a file of its own brings along.
function recall(tabs) {
  Object.assign(chosen.tabs, JSON.parse(tabs));
}

// What the link said that the page was opened with, of the tab that it opened.
const linked = (tab, name) => (tab === linkedTab ? asked.get(name) : undefined);

// Which tab is open.
function turn(tab) {
  if (tab !== chosen.tab) stepping();
  chosen.tab = tab;
  soon();
}

// From here on the address follows what is chosen.
function follow() {
  ready = Boolean(document.querySelector("gradio-app"));
  soon();
}

export { chosen, linkedTab, put, putBeside, get, ownTexts, recall, linked, turn, follow, hold, release, entered };
