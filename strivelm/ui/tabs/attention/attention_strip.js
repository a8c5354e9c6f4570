// The text, always visible: point at a character to see which ones it reads, and which ones read it.
const strip = at(".strip");
let letters = [];

function buildStrip() {
  letters = chars.map((char, i) => {
    const letter = make("span", "letter", strivelm.glyph(char));
    letter.id = `attention-letter-${i}`;
    letter.setAttribute("role", "option");
    letter.dataset.at = i;
    letter.classList.toggle("drawn", strivelm.glyph(char) !== char);
    return letter;
  });
  strip.replaceChildren(...letters);
}

function drawStrip() {
  const q = query(),
    k = key(),
    T = length();
  const scale = (p, most) => Math.sqrt(state.scale === "row" && most ? p / most : p);
  const back = rowOf(state.map, q),
    most = Math.max(...back);
  const forward = Array.from({ length: T - q - 1 }, (_, i) => value(state.map, q + 1 + i, q)),
    mostForward = Math.max(...forward, 0);
  letters.forEach((letter, i) => {
    const share = i <= q ? scale(back[i], most) : scale(forward[i - q - 1], mostForward);
    letter.style.setProperty("--share", `${(100 * Math.min(1, share)).toFixed(1)}%`);
    letter.classList.toggle("forward", i > q);
    letter.classList.toggle("query", i === q);
    letter.classList.toggle("key", i === k && k !== q);
    letter.classList.toggle("pinned", i === state.pin);
    letter.setAttribute("aria-selected", String(i === state.pin));
  });
  strip.setAttribute("aria-activedescendant", letters[q].id);
  if (!strip.matches(":hover")) reveal(letters[q]);
  at(".readout").textContent = readout();
  const read = strongest(back, 0),
    by = strongest(forward, q + 1);
  at(".saying").replaceChildren(
    make("b", "", `Predicting the character after ${labelled(q)}`),
    `: ${verbOf(state.map)} ${listed(read)}. `,
    q === T - 1 ? "No later character reads it." : `Most read by ${listed(by)}.`,
  );
}

// Scrolls to the character if the strip is too small for the whole text.
function reveal(letter) {
  const top = letter.offsetTop,
    bottom = top + letter.offsetHeight;
  if (top < strip.scrollTop) strip.scrollTop = top - 4;
  else if (bottom > strip.scrollTop + strip.clientHeight) strip.scrollTop = bottom - strip.clientHeight + 4;
}

// The three with the largest weights, as [index, weight].
const strongest = (row, from) =>
  row
    .map((p, i) => [i + from, p])
    .sort((a, b) => b[1] - a[1])
    .slice(0, 3);
const listed = (pairs) => pairs.map(([i, p]) => `${labelled(i)} ${rounded(p)}`).join(", ");

function walkStrip(event) {
  const T = length(),
    q = query();
  const next = {
    ArrowLeft: q - 1,
    ArrowRight: q + 1,
    ArrowUp: lineFrom(q, -1),
    ArrowDown: lineFrom(q, 1),
    Home: 0,
    End: T - 1,
  }[event.key];
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    return pin(q, null);
  }
  if (event.key === "Escape") return point(null);
  if (next === undefined) return;
  event.preventDefault();
  point({ query: Math.max(0, Math.min(T - 1, next)), key: null });
}

// The character above or below one, on the screen's next line.
function lineFrom(i, direction) {
  const own = letters[i];
  const step = direction > 0 ? 1 : -1;
  let best = i,
    least = Infinity,
    line = null;
  for (let j = i + step; j >= 0 && j < letters.length; j += step) {
    const top = letters[j].offsetTop;
    if (top === own.offsetTop) continue;
    line ??= top;
    if (top !== line) break;
    const far = Math.abs(letters[j].offsetLeft - own.offsetLeft);
    if (far < least) [best, least] = [j, far];
  }
  return best;
}

const letterAt = (event) => event.target.closest?.(".letter");
strip.addEventListener("pointermove", (event) => {
  const letter = letterAt(event);
  if (letter && event.pointerType !== "touch") point({ query: Number(letter.dataset.at), key: null });
});
strip.addEventListener("pointerleave", () => point(null));
strip.addEventListener("blur", () => point(null));
strip.addEventListener("keydown", walkStrip);
strip.addEventListener("click", (event) => letterAt(event) && pin(Number(letterAt(event).dataset.at), null));
