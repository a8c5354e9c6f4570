// Back and Forward: the visitor goes to an entry of the browser's history, and the page becomes what it was there.
//
// Tab, section, lesson step and model are steps (address.js: put, turn; tabs.js: changed). The components are Gradio's,
// so that they are given their values by an event of a hidden button, and a model is opened by another one.
import { chosen, entered, hold } from "./address.js";
import { bringBeside } from "./beside.js";
import { changed, openModel, walked } from "./tabs.js";

let goal = null; // the entry that the visitor is on the way to

const press = (id) => document.querySelector(`#${id} button, button#${id}`)?.click();
const same = (a, b) => JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());

window.addEventListener?.("popstate", () => {
  if (!chosen.page) return; // a file of its own, or a page that is still being opened
  hold();
  goal = entered();
  if (!chosen.page.tabs.includes(goal.tab)) goal = { ...goal, tab: chosen.page.tabs[0] };
  const now = chosen.tabs[goal.tab] ?? {};
  // A choice that the entry does not know of was made later: then it was not made yet.
  const later = Object.keys(now).filter((name) => !(name in goal.values));
  const usual = Object.fromEntries(later.map((name) => [name, chosen.usual[goal.tab]?.[name] ?? ""]));
  goal.values = { ...goal.values, ...usual };
  goal.differs = !same(now, goal.values);
  press("walk");
});

// What the hidden button's event gives the page: the open tab, and the values of the linked components.
function walk(values) {
  const { tab, values: wanted } = goal;
  chosen.tab = tab;
  chosen.tabs[tab] = { ...wanted };
  const given = values.map((value, i) => {
    const [of, name] = chosen.page.linked[i];
    return of === tab && name in wanted ? wanted[name] : value;
  });
  return [{ __type__: "update", selected: tab }, ...given];
}

// Once the components have them: the model, if another one is open, and then the views.
function there() {
  if (goal.differs) walked(goal.tab);
  if ((goal.beside ?? "") !== chosen.beside) bringBeside(goal.beside ?? "");
  if (!goal.model || goal.model === chosen.model) return changed(chosen.model);
  chosen.awaited = true;
  openModel(goal.model);
  press("walk-model");
}

// The model of the entry, for the event that opens it.
const wantedModel = () => goal?.model ?? chosen.model;

export { walk, there, wantedModel };
