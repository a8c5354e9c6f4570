// What the views of this tab share: how numbers are written, the chosen character, controls, and how a view asks.
const { make, glyph, classColour } = strivelm;
const TAB = "embeddings";
const at = (selector) => element.querySelector(selector);
const all = (selector) => [...element.querySelectorAll(selector)];

const missing = (x) => x == null || Number.isNaN(x);
const fixed = (x, digits = 2) => (missing(x) ? "–" : (x < 0 ? "−" : "") + Math.abs(x).toFixed(digits));
const percentage = (x) => (missing(x) ? "–" : `${(100 * x).toFixed(1)} %`);
const whole = (x) => x.toLocaleString("en");
const joined = (...sentences) => sentences.filter(Boolean).join(" ");
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

// What the visitor has chosen; the address keeps it.
const kept = (name, usual) => strivelm.get(TAB, name) ?? usual;
const keep = (name, value, usual) => strivelm.put(TAB, name, value, usual);

// Which of these characters is chosen, in any of the views; the usual one where none is.
function chosen(chars, usual) {
  const found = chars.indexOf(kept("char", ""));
  return found < 0 ? usual : found;
}

// The last character of what was typed, or of what stands for one that can't be seen.
const SEEN = { "␣": " ", "␠": " ", "⏎": "\n", "⇥": "\t", "\\n": "\n" };
const typed = (text) => SEEN[text] ?? Array.from(text).at(-1) ?? "";

// Python lines with what is chosen in place of {name}; JSON and Python write a character alike.
const filled = (text, values) =>
  Object.entries(values).reduce((lines, [name, value]) => lines.replaceAll(`{${name}}`, () => value), text);
const quoted = (text) => JSON.stringify(text);

// The row of buttons under a view. The file takes `value()` along, which is what show() was given.
function takeAlong(name, view, value, ways) {
  strivelm.tools(at(".tools"), name, { ...ways, html: () => strivelm.file(view, value()) });
}

// Buttons of which one is pressed; each carries its value in data-NAME. Gives the function that marks one.
function choice(buttons, name, value, act) {
  const mark = (pressed) =>
    buttons.forEach((one) => one.setAttribute("aria-pressed", String(one.dataset[name] === pressed)));
  for (const one of buttons) one.addEventListener("click", () => (mark(one.dataset[name]), act(one.dataset[name])));
  mark(value);
  return mark;
}

// Such buttons, from [value, label] each.
const tools = (name, choices) =>
  choices.map(([value, label]) => {
    const button = make("button", "strivelm-tool", label, { type: "button" });
    button.dataset[name] = value;
    return button;
  });

// The buttons above a map: flat or not, zoom, reset. Gives the function that marks which of the first is on.
function lookControls(map, is, set) {
  const buttons = [at(".two"), at(".three")];
  const mark = () => buttons.forEach((one, i) => one.setAttribute("aria-pressed", String(is() === (i === 1))));
  buttons.forEach((one, i) => one.addEventListener("click", () => (set(i === 1), mark(), map.draw())));
  at(".in").addEventListener("click", () => map.zoom(1.3));
  at(".out").addEventListener("click", () => map.zoom(1 / 1.3));
  at(".reset").addEventListener("click", () => map.reset());
  mark();
  return mark;
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Whether there is something to show; without it the view says only what it is about.
const isShown = (value) => {
  at(".view").dataset.state = value ? "shown" : "empty";
  return Boolean(value);
};

// Asks about all steps of the training, of a model that has a life, and calls draw(found, steps) with the answer; with
// null where there is none.
function followTraining(question, draw) {
  const of = strivelm.life();
  if (!of?.curves || !element.clientWidth) return draw(null);
  const steps = of.stops.map(([, step]) => step);
  strivelm.overTraining(question).then(
    (found) => strivelm.life() === of && draw(found, steps),
    () => draw(null),
  );
}

// Shows what the view was made with, and in the page what the server answers: given() are the question's arguments.
// What is shown already is not asked for again.
function start(question, show, refresh, given = () => ({})) {
  show(JSON.parse(props.value));
  strivelm.redrawn(element, refresh);
  if (!strivelm.inPage()) return;
  let answered = "";
  strivelm.view({
    tab: TAB,
    element,
    look: async ({ signal, model }) => {
      const asked = given();
      const key = JSON.stringify([model, asked]);
      if (key === answered) return;
      show(await strivelm.ask(question, asked, { of: [model], signal }));
      answered = key;
    },
  });
}
