// What the views of the Predictions tab share: what a visitor has chosen, and a text whose characters can be pointed at.
const TAB = "predictions";
const { inPage, make, css } = strivelm;
const at = (name) => element.querySelector(name);
// A character between quotation marks, as it is named in a sentence.
const named = (char) => `‘${strivelm.glyph(char)}’`;

// A number with its sign, and with a true minus.
const signed = (x, digits = 2) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(digits)}`;
// How a part of the model is called: "head 0.1", "MLP of layer 2"; what is neither keeps its name.
const partName = (name) => (/^\d+\.(\d+|m)$/.test(name) ? strivelm.partName(name) : name);

// Among how many equally likely characters somebody chooses who is so unsure.
const amongHowMany = (nats) =>
  nats > 30 ? "∞" : Math.exp(nats) < 10 ? Math.exp(nats).toFixed(1) : Math.round(Math.exp(nats));

const fixed = (x, digits = 2) => (Number.isFinite(x) ? x.toFixed(digits).replace("-", "−") : x > 0 ? "∞" : "–");

// -- what a visitor has chosen -------------------------------------------------------------------------------------------
// It stands in the address: `at`, the place that all views look at; `char` and `against`, the characters whose logits are
// taken apart; `off` and `how`, the parts that are switched off. Each view hears of what another one changes. A view
// outside the page keeps to what it was made with.
const shared = (strivelm.predictions ??= { views: new Set(), text: undefined });

// Calls act when one of these choices was changed, by whichever view.
const onChoice = (names, act) => shared.views.add({ names, act, element });

function choose(choices) {
  for (const [name, value] of Object.entries(choices)) strivelm.put(TAB, name, value);
  for (const view of shared.views) {
    if (!view.element.isConnected) shared.views.delete(view);
    else if (view.names.some((name) => name in choices)) view.act();
  }
}

// Of another text no place was chosen yet, and no character there.
function begin(text) {
  const anew = shared.text !== undefined && shared.text !== text;
  if (anew) for (const name of ["at", "char", "against"]) strivelm.put(TAB, name, "");
  shared.text = text;
}

// The place that the views look at: the chosen one, or `usual` where there is no such place in this text.
function chosenPlace(length, usual = length - 1) {
  const at = Number.parseInt(strivelm.get(TAB, "at") ?? "", 10);
  if (at >= 0 && at < length) return at;
  return inPage() ? usual : (shown.at ?? usual);
}

const choosePlace = (place) => choose({ at: String(place), char: "", against: "" });

// The answer to a question about a text; its notes stand under the tab's button.
async function read(question, given, { text, model, signal }) {
  begin(text);
  const found = await strivelm.ask(`predictions.${question}`, { text, ...given }, { of: [model], signal });
  strivelm.say(TAB, "note", found.notes.join("\n"));
  return found;
}

// The same with what is chosen, as far as the model and the text have it: chosen(answer) gives that as arguments. Which
// parts and characters there are is known from an answer, of another text or model from one without any choice.
let known = "";
async function readChosen(question, chosen, look) {
  const of = JSON.stringify([look.model, look.text]);
  const first = known === of || (look.stepped && shown) ? null : await read(question, {}, look);
  const given = chosen(first ?? shown);
  const found = first && !Object.keys(given).length ? first : await read(question, given, look);
  known = of;
  return found;
}

// -- over the training ---------------------------------------------------------------------------------------------------
// Asks about all steps of the training, of a model that has a life, and calls draw(found, steps) with the answer; with
// null while there is none for what is shown.
function followTraining(draw) {
  const of = strivelm.life();
  const text = shown?.text;
  if (!of?.curves || !text || !element.clientWidth) return draw(null);
  const steps = of.stops.map(([, step]) => step);
  strivelm.overTraining("predictions.training", { text }).then(
    (found) => strivelm.life() === of && shown?.text === text && draw(found && { ...found, steps }),
    () => draw(null),
  );
}

// -- a text whose characters can be pointed at --------------------------------------------------------------------------
// Fills `box` with cells, one a character, and returns a function that marks the cell pointed at and the chosen one.
//   label(i): what a screen reader hears    ground(i): a cell's colour    shown(i): its glyph
//   point(i): the pointer or the arrow keys are on it, null when they left    choose(i): click, tap, Enter
function strip(box, chars, { label, ground, point, choose, name }) {
  box.replaceChildren();
  box.classList.add("strip");
  box.setAttribute("role", "listbox");
  box.setAttribute("aria-label", name);
  box.tabIndex = 0;
  const id = (box.id ||= `strip-${Math.random().toString(36).slice(2)}`);
  const cells = chars.map((char, i) => {
    const cell = make("span", "cell", strivelm.glyph(char));
    cell.id = `${id}-${i}`;
    cell.dataset.i = i;
    cell.setAttribute("role", "option");
    cell.setAttribute("aria-label", label(i));
    cell.style.backgroundColor = ground(i);
    box.append(cell);
    if (char === "\n") box.append(document.createElement("br"));
    return cell;
  });
  let here = -1,
    taken = -1;
  const go = (i) => {
    here = i;
    point(i);
  };
  const cellOf = (event) => event.target.closest?.(".cell");
  box.onpointerover = (event) => cellOf(event) && go(Number(cellOf(event).dataset.i));
  box.onpointerleave = (event) => event.pointerType !== "touch" && ((here = taken), point(null));
  box.onclick = (event) => cellOf(event) && choose(Number(cellOf(event).dataset.i));
  box.onkeydown = (event) => {
    const from = here < 0 ? taken : here;
    const to = {
      ArrowLeft: from - 1,
      ArrowRight: from + 1,
      Home: 0,
      End: cells.length - 1,
      ArrowUp: line(cells, from, -1),
      ArrowDown: line(cells, from, 1),
    }[event.key];
    if (to !== undefined) go(Math.min(cells.length - 1, Math.max(0, to)));
    else if (["Enter", " "].includes(event.key) && from >= 0) choose(from);
    else return;
    event.preventDefault();
    reveal(box, cells[here]);
  };
  return (pointed, chosen) => {
    taken = chosen;
    cells.forEach((cell, i) => {
      cell.classList.toggle("pointed", i === pointed);
      cell.classList.toggle("chosen", i === chosen);
      cell.setAttribute("aria-selected", String(i === chosen));
    });
    if (cells[pointed ?? chosen]) box.setAttribute("aria-activedescendant", cells[pointed ?? chosen].id);
  };
}

// Scrolls a box so that one of its cells is in sight; the page around it stays where it is.
function reveal(box, cell) {
  if (!cell) return;
  const [inner, outer] = [cell.getBoundingClientRect(), box.getBoundingClientRect()];
  if (inner.top < outer.top) box.scrollTop -= outer.top - inner.top;
  if (inner.bottom > outer.bottom) box.scrollTop += inner.bottom - outer.bottom;
}

// The cell nearest to one in the line above or below it.
function line(cells, from, way) {
  const here = cells[from]?.getBoundingClientRect();
  if (!here) return 0;
  let best = from,
    distance = Infinity;
  cells.forEach((cell, i) => {
    const box = cell.getBoundingClientRect();
    const down = way * (box.top - here.top);
    if (down < here.height / 2) return;
    const far = 4 * down + Math.abs(box.left - here.left);
    if (far < distance) [best, distance] = [i, far];
  });
  return best;
}

// What of a row of bars says whether it stands out: in the accent colour, or quietly.
const QUIET = "color-mix(in srgb, var(--body-text-color-subdued) 55%, transparent)";
const standing = (mark) => ({ mark, colour: mark ? "var(--color-accent)" : QUIET });

// A row of ways to take a view along, which are the same for all of them; `kept()` is what a file of the view shows.
function toolbar(name, view, ways, kept = () => shown) {
  strivelm.tools(at(".tools"), name, {
    python: () => shown.python,
    html: () => strivelm.file(view, kept()),
    ...ways,
  });
}
