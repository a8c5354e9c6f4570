// Bars: a row each for a name, a bar in a track from 0 to 1, and its number as text. And the key to colours.
//
// bars(box, rows) fills an <ol> or <ul>. A row is
//   name       what is shown of it at its left; with `glyph`, a single character in the page's monospace
//   title      (optional) what is said of the name when it is pointed at
//   press()    (optional) makes the name a button
//   share      how long the bar is, from 0 to 1; in place of it
//   bars       [[from, to, colour], …] several bars, from 0 to 1, one below the other
//   colour     (optional) of the one bar; the accent colour
//   value      the number as text, or elements
//   ticks      (optional) [[place, what it is], …] lines across the track, as for chance; heard by a screen reader
//   mark       (optional) whether the row stands out
// signed(value, colour) is the bar of a value from -1 to 1 as [from, to, colour]: a negative one is drawn as long, in
// grey, or with `middle` to the left of the middle.
//
// legend(box, items) fills a <ul> with what colours mean; an item is { text, colour, dash, press, pressed }: with
// `dash` it is a dashed line, with press() a button that is pressed or not.
import { make } from "../common/elements.js";

const within = (share) => Math.min(1, Math.max(0, share || 0));

function track({ share, bars: several, colour = "var(--color-accent)", ticks = [] }) {
  const drawn = make("span", "track");
  const all = several ?? [[0, share, colour]];
  drawn.style.setProperty("--bars", all.length);
  for (const [from, to, ground] of all) {
    const [left, right] = [within(Math.min(from, to)), within(Math.max(from, to))];
    const bar = make("i");
    bar.style.cssText = `left: ${100 * left}%; width: ${100 * (right - left)}%; background: ${ground}`;
    drawn.append(bar);
  }
  for (const [place, what] of ticks) {
    const line = make("b", "", "", { title: what });
    line.style.left = `calc(${100 * within(place)}% - 1px)`;
    drawn.append(line);
  }
  if (ticks.length) {
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", ticks.map(([, what]) => what).join(", "));
  }
  return drawn;
}

function row(one) {
  const { name, title = "", press, value, glyph = false, mark = false } = one;
  const line = make("li");
  line.dataset.mark = String(Boolean(mark));
  const who = make(press ? "button" : "span", `strivelm-flat who${glyph ? " glyph" : ""}`, name, { title });
  if (press) {
    who.type = "button";
    who.addEventListener("click", press);
  }
  const number = make("span", "value");
  number.append(...[value].flat());
  line.append(who, track(one), number);
  return line;
}

function bars(box, rows) {
  box.classList.add("strivelm-bars");
  box.replaceChildren(...rows.map(row));
}

function signed(value, colour, middle = false) {
  if (middle) return [0.5, 0.5 + within(Math.abs(value)) * Math.sign(value) * 0.5, colour];
  return value >= 0 ? [0, value, colour] : [0, -value, "var(--border-color-primary)"];
}

function legend(box, items) {
  box.classList.add("strivelm-legend");
  box.replaceChildren(
    ...items.map(({ text, colour, dash, press, pressed = false }) => {
      const line = make("li");
      const item = make(press ? "button" : "span", "");
      const dot = make("i", dash ? "dashed" : "");
      dot.style.setProperty("--colour", colour);
      item.append(dot, text);
      if (press) {
        item.type = "button";
        item.setAttribute("aria-pressed", String(pressed));
        item.addEventListener("click", press);
      }
      line.append(item);
      return line;
    }),
  );
}

export { bars, signed, legend };
