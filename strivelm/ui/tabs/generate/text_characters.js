// The text itself: its value (text.py tells its parts) as a span for every character.
const page = at(".page");
const written = at(".page .new");
const shown = { head: null, runs: [], chars: [], seconds: 0, ended: "", overlap: null };

const writing = () => Boolean(shown.head) && !shown.ended;
const text = () => shown.chars.map((one) => one.char).join("");
const mean = () => shown.chars.reduce((sum, one) => sum + one.nats, 0) / shown.chars.length;

// The value as a file holds it.
const value = () => ({
  ...shown,
  chars: undefined,
  characters: shown.chars.map(({ char, nats, drawn, others, forced }) => [char, nats, drawn, others, Number(forced)]),
});

function take(found) {
  cut(0);
  Object.assign(shown, found, { characters: undefined });
  append(found.characters);
  writePrompt();
}

// What is known before the first new character: who writes, after what, and how.
function begin({ from, seed, temperature, top_k, top_p, ...head }) {
  cut(from);
  const runs = shown.runs.filter((run) => run.from < from);
  runs.push({ from, seed, temperature, top_k, top_p });
  Object.assign(shown, { head, runs, seconds: 0, ended: "", overlap: null });
  writePrompt();
}

// New characters; those that stay keep their spans, so that what the reader has selected or chosen stays, and a screen
// reader hears only what is new.
function append(characters) {
  const fresh = document.createDocumentFragment();
  for (const [char, nats, drawn, others, forced] of characters) {
    const span = make("span", forced ? "forced" : "", char);
    if (char === "\n" || char === "\t" || char === "\r") span.dataset.shown = strivelm.glyph(char);
    const one = { char, nats, drawn, others, forced: Boolean(forced), span };
    span.strivelm = shown.chars.push(one) - 1;
    paint(one);
    fresh.append(span);
  }
  written.append(fresh);
}

function cut(place) {
  for (const one of shown.chars.splice(place)) one.span.remove();
}

// A prompt of nothing but white space would not be seen at all.
function writePrompt() {
  const pieces = shown.head?.pieces ?? [];
  const blank = !pieces.some(([piece]) => piece.trim());
  at(".page .prompt").replaceChildren(
    ...pieces.map(([piece, kind]) => {
      const part = make(kind === "unknown" ? "s" : "span", kind, piece);
      if (blank) part.textContent = piece.replaceAll("\n", "⏎\n").replaceAll(" ", "␣");
      if (kind === "unknown") part.title = "The model does not know this; it was left out";
      if (kind === "unread") part.title = "Before the model's context: it was not read";
      return part;
    }),
  );
}

// -- colours and underlines -------------------------------------------------------------------------------------------
let coloured = true;

const paint = (one) => (one.span.style.backgroundColor = coloured ? strivelm.surprise(one.nats) : "");
const repaint = () => shown.chars.forEach(paint);

// Which characters stand in runs of at least so many that the training text has too, and the longest of these.
function sharedFrom(least) {
  const inside = new Uint8Array(shown.chars.length);
  let longest = 0;
  for (const [start, length] of shown.overlap?.spans ?? []) {
    if (length < least) continue;
    longest = Math.max(longest, length);
    inside.fill(1, Math.max(0, start), start + length);
  }
  return { inside, longest, share: inside.reduce((sum, one) => sum + one, 0) / Math.max(1, inside.length) };
}
