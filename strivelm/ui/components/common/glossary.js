// Terms that explain themselves where they stand: on hover, on a tap, and when the keyboard's focus reaches them.
// What they mean stands in components/glossary.py, which also says how texts made in Python mark a term.
import { make } from "./elements.js";

const MARK = /\[([^[\]]+)\]\(term:([^()]*)\)/g;
const GAP = 6; // pixels between a term and its explanation
const slug = (name) => name.toLowerCase().replaceAll(" ", "-");

// An inline element that shows `shown` and explains the term `name`. Throws for a term that the glossary does not have.
function term(shown, name = shown) {
  return explain(make("span", "", shown), name);
}

// A text in which terms are marked, "2.1 [nats](term:nat)", as a fragment for element.replaceChildren().
function explained(text) {
  const found = document.createDocumentFragment();
  let done = 0;
  for (const { 0: mark, 1: shown, 2: name, index } of text.matchAll(MARK)) {
    found.append(text.slice(done, index), term(shown, name || shown));
    done = index + mark.length;
  }
  found.append(text.slice(done));
  return found;
}

// Makes an element a term.
function explain(element, name) {
  if (!Object.hasOwn(window.strivelm.glossary, name)) throw new Error(`The glossary has no term ${name}.`);
  describe();
  element.classList.add("strivelm-term");
  element.dataset.term = name;
  element.tabIndex = 0;
  element.setAttribute("role", "button");
  element.setAttribute("aria-describedby", `strivelm-term-${slug(name)}`);
  return element;
}

// The explanations of all terms, of which one is in sight: a screen reader finds them whether they are or not.
let box = null;
function describe() {
  if (box) return;
  box = make("div", "strivelm-terms");
  for (const [name, meaning] of Object.entries(window.strivelm.glossary)) {
    const tip = make("div", "strivelm-tip", meaning, { id: `strivelm-term-${slug(name)}`, hidden: true });
    tip.setAttribute("role", "tooltip");
    box.append(tip);
  }
  document.body.append(box);
  listen();
}

let open = null; // the term whose explanation is in sight
let pressed = false; // whether a press opened it, so that it stays when the pointer goes
const tipOf = (one) => document.getElementById(one.getAttribute("aria-describedby"));

function hide() {
  if (!open) return;
  tipOf(open).hidden = true;
  open = null;
  pressed = false;
}

function show(one) {
  if (open !== one) hide();
  open = one;
  place();
}

// Below the term, or above it where there is no room; inside the window in any case.
function place() {
  if (!open?.isConnected || !open.checkVisibility()) return hide();
  const tip = tipOf(open);
  tip.hidden = false;
  const at = open.getClientRects()[0] ?? open.getBoundingClientRect();
  const { width, height } = tip.getBoundingClientRect();
  const [wide, high] = [document.documentElement.clientWidth, window.innerHeight];
  if (at.bottom < 0 || at.top > high) return hide();
  const below = at.bottom + GAP + height <= high || at.top < GAP + height;
  tip.style.left = `${Math.max(8, Math.min(at.left, wide - width - 8))}px`;
  tip.style.top = `${below ? at.bottom + GAP : at.top - GAP - height}px`;
}

function listen() {
  const termOf = (event) => event.target.closest?.(".strivelm-term");
  const inTip = (element) => Boolean(element?.closest?.(".strivelm-tip"));
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const one = termOf(event);
    if (one && one !== open) show(one);
    else if (!one && open && !pressed && !inTip(event.target)) soon();
  });
  // The way from a term to its explanation may lead over something else.
  const soon = () => {
    const was = open;
    setTimeout(() => {
      if (open === was && !pressed && !was?.matches(":hover, :focus") && !tipOf(was).matches(":hover")) hide();
    }, 200);
  };
  // A press on a term is none on what is around it, such as a label or a row.
  document.addEventListener(
    "click",
    (event) => {
      const one = termOf(event);
      if (!one) return void (inTip(event.target) || hide());
      event.preventDefault();
      event.stopPropagation();
      if (open === one && pressed) return hide();
      show(one);
      pressed = true;
    },
    { capture: true },
  );
  document.addEventListener("focusin", (event) => {
    const one = termOf(event);
    if (one?.matches(":focus-visible")) show(one);
    else if (!one && !pressed) hide();
  });
  document.addEventListener("focusout", (event) => termOf(event) === open && !inTip(event.relatedTarget) && hide());
  document.addEventListener(
    "keydown",
    (event) => {
      const one = termOf(event);
      if (event.key === "Escape" && open) hide();
      else if (one && ["Enter", " "].includes(event.key)) (one === open ? hide : show)(one);
      else return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    { capture: true },
  );
  window.addEventListener("scroll", place, { capture: true, passive: true });
  window.addEventListener("resize", place);
}

// Terms that are not made by scripts: those in HTML made in Python, which have all they need but the explanations, and
// the labels of Gradio's components with the class `explains`, which come and go as tabs are opened.
const labels = document.getElementsByClassName?.("explains") ?? [];
function label() {
  for (const component of labels) {
    const name = [...component.classList].find((one) => one.startsWith("explains-"))?.slice("explains-".length);
    const found = Object.keys(window.strivelm.glossary).find((one) => slug(one) === name);
    const text = component.querySelector("[data-testid='block-info'], label > span, legend");
    if (found && text && !text.dataset.term) explain(text, found);
  }
}

function watchLabels() {
  if (document.querySelector("[data-term]") || document.querySelector("gradio-app")) describe();
  if (!document.querySelector("gradio-app")) return;
  let due = false;
  new MutationObserver(() => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => ((due = false), label()));
  }).observe(document.body, { childList: true, subtree: true });
}
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watchLabels);
else if (document.body?.append) watchLabels();

export { term, explained };
