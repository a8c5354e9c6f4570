// Each step asks first and shows then: a question with an answer that the visitor gives. The server checks it against
// the open model. The figure is veiled until then, or until the visitor wants it shown at once. A step that a link
// opened is shown at once, and can ask all the same.
const card = at(".ask");
const opened = new Set(strivelm.linkedTab === "learn" ? [stepNow()] : []); // steps whose figure is shown
window.addEventListener("popstate", () => {
  const said = new URLSearchParams(location.search);
  if (said.get("tab") === "learn") opened.add(said.get("step") ?? STEPS[0]); // so does who walks the browser's history
});
const verdicts = new Map(); // by what was asked: { right, says, said }
let given = {}; // what the value that is shown was asked with

const question = () => JSON.stringify([shownNow.step, shownNow.model, given]);

function drawAsk() {
  const { ask, step } = shownNow;
  const verdict = verdicts.get(question());
  const asking = Boolean(ask) && strivelm.inPage() && !opened.has(step);
  card.hidden = !ask || !strivelm.inPage();
  if (asking) element.dataset.asking = "true";
  else delete element.dataset.asking;
  for (const part of element.querySelectorAll(".veiled")) part.inert = asking;
  arrange();
  if (card.hidden) return;
  const now = JSON.stringify([question(), asking, Boolean(verdict)]);
  if (card.dataset.now === now) return; // what is being typed stays
  card.dataset.now = now;
  card.classList.toggle("strivelm-marked", asking || Boolean(verdict));
  if (asking) card.replaceChildren(asked(ask), ways(ask), said("Just show me", reveal, "skip"), status());
  else if (verdict) card.replaceChildren(asked(ask), status(verdict));
  else
    card.replaceChildren(
      said("Guess first", () => (opened.delete(step), drawAsk(), card.querySelector("input, button").focus())),
    );
}

const asked = (ask) => make("p", { className: "asked", textContent: ask.says });

function status(verdict) {
  const made = make("p", { className: "verdict", tabIndex: -1 });
  made.setAttribute("role", "status");
  if (verdict) {
    made.dataset.right = String(verdict.right);
    made.append(make("b", { textContent: verdict.right ? "Right. " : `You said ${verdict.said}. Not quite: ` }));
    made.append(verdict.says);
  }
  return made;
}

function said(label, act, className = "") {
  const made = make("button", { type: "button", className: `strivelm-tool ${className}`, textContent: label });
  made.addEventListener("click", act);
  return made;
}

// What the answer is given with.
function ways(ask) {
  const group = make("div", { className: "ways" });
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Your answer");
  if (ask.kind === "choice") {
    group.append(...ask.options.map(([value, label]) => said(label, () => answer(value, label))));
    return group;
  }
  const number = ask.kind === "number";
  const field = make("input", { className: "strivelm-field", type: "text", autocomplete: "off" });
  field.maxLength = number ? 12 : 2;
  if (number) field.inputMode = "decimal";
  field.setAttribute("aria-label", number ? `Your guess ${ask.unit}` : "One character");
  const give = () =>
    answer(number ? field.value.trim() : field.value, number ? `${field.value} ${ask.unit}` : `“${field.value}”`);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    give();
  });
  group.append(field);
  if (ask.unit) group.append(make("span", { textContent: ask.unit }));
  group.append(said("Check", give));
  if (!number)
    group.append(
      said("a space", () => answer(" ", "a space")),
      said("a line break", () => answer("\n", "a line break")),
    );
  return group;
}

async function answer(value, said) {
  const of = question();
  const line = card.querySelector(".verdict");
  try {
    const found = await strivelm.ask("learn.answer", { ...given, answer: value });
    verdicts.set(of, { ...found, said });
    opened.add(shownNow.step);
  } catch (error) {
    line.textContent = error.message;
    return;
  }
  if (of !== question()) return;
  drawAsk();
  card.querySelector(".verdict")?.focus({ preventScroll: true });
  playFilm();
}

function reveal() {
  opened.add(shownNow.step);
  drawAsk();
  at(".strip [tabindex='0'], .controls select, .controls input")?.focus({ preventScroll: true });
  playFilm();
}

// The figure can be pressed through its veil.
element.addEventListener("click", (event) => {
  if (element.dataset.asking && !event.composedPath().includes(card)) reveal();
});
