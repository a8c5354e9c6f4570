// The words of all steps stand in the page from its beginning, as Markdown with formulas, and one step's are shown. What
// they say of the model and the text is filled in as text. Beside them are the tab's buttons.
const tab = element.closest(".learn"); // none in a file of its own

function arrange() {
  if (!tab) return;
  const step = stepNow();
  learn.mark?.(step);
  const answer = shownNow?.step === step ? shownNow : null;
  for (const part of tab.querySelectorAll(".prose [data-step]")) {
    hide(part, part.dataset.step !== step);
    if (!part.hidden) for (const place of part.querySelectorAll("[data-number]")) fill(place, answer);
  }
  const onward = answer?.onward ?? [];
  for (const button of tab.querySelectorAll("[id^=learn-to-]")) hide(button, !onward.includes(button.id.slice(9)));
  for (const ways of tab.querySelectorAll("#learn-onward")) hide(ways, !onward.length);
  disable("#learn-back", step === STEPS[0]);
  disable("#learn-next", step === STEPS.at(-1));
  disable("#learn-try", !answer?.attempt);
  setFormulas();
}

// Only what differs is written, as the observer below hears of it.
function fill(place, answer) {
  const name = place.dataset.number;
  const hidden = element.dataset.asking && answer?.ask.hides.includes(name);
  const text = (hidden ? null : answer?.numbers[name]) ?? "…";
  if (place.textContent !== text) place.textContent = text;
}

function hide(one, is) {
  if (one.hidden !== is) one.hidden = is;
}

function disable(name, is) {
  for (const one of tab.querySelectorAll(name)) if (one.disabled !== is) one.disabled = is;
}

// Gradio sets formulas in fonts of their own, and as long as these are on their way a formula is blank. So until all of
// them are there, and where they never come, it is drawn by the browser itself, from the MathML that stands beside it.
const FACES = ["Main", "Math", "AMS", "Size1", "Size2", "Size3", "Size4"].map(
  (name) => `${name === "Math" ? "italic " : ""}16px KaTeX_${name}`,
);
let fetching = false;
async function setFormulas() {
  if (fetching || tab.dataset.formulas || !tab.querySelector(".katex")) return;
  fetching = true;
  try {
    const faces = await Promise.all(FACES.map((face) => document.fonts.load(face)));
    if (faces.every((found) => found.length)) tab.dataset.formulas = "set";
  } catch {
    tab.dataset.formulas = "unset"; // a font can't be had
  } finally {
    fetching = false;
  }
}

// Gradio puts the tab's components into the page in an order of its own, and formulas in the words after that.
if (tab) new MutationObserver(arrange).observe(tab, { childList: true, subtree: true });
