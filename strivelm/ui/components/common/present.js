// Present: the page for a class. Full width, larger type, the header away; arrow keys walk steps; Esc ends it.
//
// What walks: the last that was registered and is there, as a lesson that is open; without one, the steps of the Learn
// tab, or the open tab's sections and then the next tab.
import { chosen } from "./address.js";
import { make } from "./elements.js";

const walkers = [];

// strivelm.steps.register(next, previous, here): functions that go a step on and back, and whether there are steps to
// walk just now (always, where nothing is said). Returns the function that takes them away.
const steps = {
  register(next, previous, here = () => true) {
    const one = { next, previous, here };
    walkers.push(one);
    return () => void walkers.splice(walkers.indexOf(one), 1);
  },
  next: () => walk(1),
  previous: () => walk(-1),
};

const visible = (one) => one.checkVisibility() && !one.disabled;
const inner = () => [
  ...[...document.querySelectorAll("#tabs .tab-wrapper [role=tab]")].filter(
    (one) => !one.closest("#tabs > .tab-wrapper"),
  ),
  ...document.querySelectorAll("#tabs .sections input[type=radio]"),
];

// The one after, or before, that which is chosen.
function beside(all, by) {
  const now = all.findIndex((one) => one.checked || one.getAttribute("aria-selected") === "true");
  return all[now + by];
}

function walk(by) {
  const one = walkers.findLast(({ here }) => here());
  if (one) return by > 0 ? one.next() : one.previous();
  const lesson = document.querySelector(by > 0 ? "#learn-next" : "#learn-back");
  const tabs = [...document.querySelectorAll("#tabs > .tab-wrapper [role=tab]")];
  const to =
    chosen.tab === "learn" && lesson && visible(lesson)
      ? lesson
      : (beside(
          inner().filter((one) => (one.matches("input") ? one.closest("label").checkVisibility() : visible(one))),
          by,
        ) ?? beside(tabs, by));
  to?.click();
}

const presenting = () => document.body.classList.contains("strivelm-presenting");

let bar = null;
function present(on = !presenting()) {
  document.body.classList.toggle("strivelm-presenting", on);
  document.activeElement?.blur();
  bar?.remove();
  bar = null;
  if (!on) return;
  bar = make("div", "strivelm-present");
  for (const [text, label, act] of [
    ["‹", "Step back (←)", steps.previous],
    ["›", "Next step (→)", steps.next],
    ["✕", "End (Esc)", () => present(false)],
  ]) {
    const button = make("button", "", text, { type: "button", title: label, ariaLabel: label });
    button.addEventListener("click", act);
    bar.append(button);
  }
  document.body.append(bar);
  window.scrollTo({ top: 0 });
}

// What takes the arrow keys for itself.
const OWN_KEYS =
  "input, textarea, select, canvas, [contenteditable], [role=listbox], [role=option], [role=tab], [role=group] [tabindex]";
const BACK = ["ArrowLeft", "ArrowUp", "PageUp"];
const ON = ["ArrowRight", "ArrowDown", "PageDown"];

window.addEventListener?.("keydown", (event) => {
  if (!chosen.page || event.defaultPrevented || event.isComposing) return;
  const { code, key, altKey, ctrlKey, metaKey } = event;
  if (altKey && code === "KeyP" && !ctrlKey && !metaKey) present();
  else if (presenting() && key === "Escape") present(false);
  else if (presenting() && !altKey && !ctrlKey && !metaKey && !event.target.closest?.(OWN_KEYS)) {
    // Up and down scroll where there is more to see.
    const scrolls = ["ArrowUp", "ArrowDown"].includes(key);
    if (scrolls || ![...BACK, ...ON].includes(key)) return;
    walk(ON.includes(key) ? 1 : -1);
  } else return;
  event.preventDefault();
});

// -- Ctrl+Enter runs wherever Enter or Shift+Enter does -----------------------------------------
window.addEventListener?.("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !event.target.matches?.("textarea, input")) return;
  event.preventDefault();
  // Of one line Gradio takes Enter alone, of several Shift+Enter; which of them it took, it says by preventDefault().
  for (const shiftKey of [true, false]) {
    const enter = new KeyboardEvent("keypress", {
      key: "Enter",
      code: "Enter",
      shiftKey,
      bubbles: true,
      cancelable: true,
    });
    if (!event.target.dispatchEvent(enter)) return;
  }
});

// -- print: what a handout needs beside the view ----------------------------------------------------------------------
let handout = null;
let wasDark = false;

const settingName = (name) => name.replaceAll("_", " ");

function prepare() {
  if (!chosen.page || handout) return;
  wasDark = document.body.classList.contains("dark");
  document.body.classList.add("strivelm-printing");
  document.body.classList.remove("dark"); // on paper; what is drawn is drawn anew
  const { text, ...rest } = chosen.tabs[chosen.tab] ?? {};
  const tab = document.querySelector("#tabs > .tab-wrapper [role=tab][aria-selected=true]")?.textContent.trim();
  const lines = [
    ["Model", document.querySelector("#header .line dd")?.textContent ?? chosen.model],
    ["View", tab ?? chosen.tab],
    ["Text", text],
    [
      "Settings",
      Object.entries(rest)
        .filter(([, value]) => value !== "")
        .map(([name, value]) => `${settingName(name)} ${value}`)
        .join(", "),
    ],
    ["Link", location.href],
  ];
  handout = make("section", "strivelm-handout");
  handout.append(make("h1", "", "StriveLM"));
  for (const [name, value] of lines) {
    if (value === undefined || value === "") continue;
    const line = make("p");
    line.append(make("b", "", `${name}: `), make("span", "", String(value)));
    handout.append(line);
  }
  (document.querySelector(".gradio-container .contain") ?? document.body).prepend(handout);
}

function restore() {
  handout?.remove();
  handout = null;
  document.body.classList.remove("strivelm-printing");
  if (wasDark) document.body.classList.add("dark");
  wasDark = false;
}

window.addEventListener?.("beforeprint", prepare);
window.addEventListener?.("afterprint", restore);
window.matchMedia?.("print").addEventListener?.("change", ({ matches }) => (matches ? prepare : restore)());

export { steps, present };
