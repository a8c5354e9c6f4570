// What all views of this tab share: numbers that come as text, bars, the scale beside a heat map, the chosen character.
const TAB = "embeddings";
const KINDS = { f4: Float32Array, i2: Int16Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array };
const at = (selector) => element.querySelector(selector);
const all = (selector) => [...element.querySelectorAll(selector)];

const numbers = (text, kind = "f4") => new KINDS[kind](strivelm.bytes(text).buffer);
const cosines = (text) => Float32Array.from(numbers(text, "i2"), (x) => x / 32767);
// Nine classes, eight colours: what is none of the others is grey.
const classColour = (number) => (number === 8 ? strivelm.css("--body-text-color-subdued") : strivelm.category(number));
const fixed = (x, digits = 2) =>
  x == null || Number.isNaN(x) ? "–" : (x < 0 ? "−" : "") + Math.abs(x).toFixed(digits);
const percentage = (x) => (x == null || Number.isNaN(x) ? "–" : `${(100 * x).toFixed(1)} %`);
const whole = (x) => x.toLocaleString("en");

function made(tag, name, text, more = {}) {
  const found = Object.assign(document.createElement(tag), more);
  if (name) found.className = name;
  if (text != null) found.textContent = text;
  return found;
}

// A row of a bar chart: who, a bar from 0 (or from the middle, for values from -1 to 1) and the value as text.
// `ticks` are [share, title] of lines across the track; several bars lie one below the other.
function bar({ who, press, title = "", bars, value, ticks = [] }) {
  const row = made("li");
  const name = made(press ? "button" : "span", "who", who, press ? { type: "button", title } : { title });
  if (press) name.addEventListener("click", press);
  const track = made("span", "track");
  for (const [from, to, colour] of bars) {
    const drawn = made("i");
    drawn.style.cssText = `left: ${100 * Math.min(from, to)}%; width: ${100 * Math.abs(to - from)}%; background: ${colour}`;
    track.append(drawn);
  }
  for (const [place, said] of ticks) {
    const line = made("b", "", null, { title: said });
    line.style.left = `calc(${100 * Math.min(1, Math.max(0, place))}% - 1px)`;
    track.append(line);
  }
  const number = made("span", "value");
  number.append(...[value].flat());
  row.append(name, track, number);
  return row;
}

// A bar for a cosine: to the right of nothing, or to the left of it where it is negative.
function cosineBar(cosine, colour) {
  return cosine >= 0 ? [0, cosine, colour] : [0, -cosine, "var(--border-color-primary)"];
}

// A strip of a ramp's colours with its ends named.
function scale(name, labels, what) {
  const box = made("span", "scale");
  const canvas = made("canvas");
  const drawn = strivelm.context(canvas, 160, 10);
  for (let x = 0; x < 160; x++) {
    drawn.fillStyle = strivelm.colour(name, name === "diverging" ? (2 * x) / 159 - 1 : x / 159);
    drawn.fillRect(x, 0, 1.5, 10);
  }
  box.append(what, made("span", "", labels[0]), canvas, made("span", "", labels[1]));
  return box;
}

// The first character of what was typed, or of what stands for one that can't be seen.
const SEEN = { "␣": " ", "␠": " ", "⏎": "\n", "⇥": "\t", "\\n": "\n" };
function typed(text) {
  if (SEEN[text]) return SEEN[text];
  return Array.from(text).at(-1) ?? "";
}

// What the tab's views have in common: the character that was chosen in one of them.
const kept = (name, usual) => strivelm.get(TAB, name) ?? usual;
const keep = (name, value, usual) => strivelm.put(TAB, name, value, usual);

function chosen(chars, usual) {
  const found = chars.indexOf(kept("char", ""));
  return found < 0 ? usual : found;
}

// Where a text says {name}, what stands for it in Python.
const filled = (text, values) =>
  Object.entries(values).reduce((said, [name, value]) => said.replaceAll(`{${name}}`, () => value), text);
const quoted = (text) => JSON.stringify(text);

function takeAlong(name, ways) {
  const file = server?.standalone ? () => server.standalone(props.value) : null;
  strivelm.tools(at(".tools"), name, { ...ways, ...(file ? { html: file } : {}) });
}

// Buttons of which one is pressed; each carries its value in data-NAME.
function choice(buttons, name, value, act) {
  const mark = (now) => buttons.forEach((one) => one.setAttribute("aria-pressed", String(one.dataset[name] === now)));
  for (const one of buttons) one.addEventListener("click", () => (mark(one.dataset[name]), act(one.dataset[name])));
  mark(value);
  return mark;
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
