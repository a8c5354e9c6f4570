// The text itself: what the sheet says (views/text.py tells its lines), and a span for every character.
const at = (name) => element.querySelector(name);
const page = at(".page");
const written = at(".page .new");
const sheet = { head: null, runs: [], chars: [], seconds: 0, ended: "", known: null, value: "" };

const writing = () => Boolean(sheet.head) && !sheet.ended;
const text = () => sheet.chars.map((one) => one.char).join("");
const mean = () => sheet.chars.reduce((sum, one) => sum + one.nats, 0) / sheet.chars.length;

// Takes in what is new of the view's value. While a text grows that is its end; else characters that stay keep their
// spans, so that what the reader has selected or chosen stays, and a screen reader hears only what is new.
function take(value) {
  const grows = sheet.value && value.startsWith(sheet.value);
  const lines = (grows ? value.slice(sheet.value.length) : value).split("\n");
  let place = grows ? sheet.chars.length : 0;
  if (!grows) Object.assign(sheet, { head: null, runs: [], seconds: 0, ended: "", known: null });
  const head = sheet.head,
    fresh = document.createDocumentFragment();
  for (const line of lines) {
    if (!line) continue;
    if (line[0] === "[") {
      if (sheet.chars[place]?.line !== line) {
        cut(place);
        fresh.append(add(line));
      }
      place++;
      continue;
    }
    const said = JSON.parse(line);
    if ("model" in said) sheet.head = said;
    else if ("from" in said) (([sheet.ended, sheet.known] = ["", null]), sheet.runs.push(said));
    else if ("spans" in said) sheet.known = said;
    else [sheet.seconds, sheet.ended] = [said.seconds ?? sheet.seconds, said.ended ?? ""];
  }
  cut(place);
  written.append(fresh);
  sheet.value = value;
  if (sheet.head !== head) writePrompt();
  return grows;
}

function add(line) {
  const [char, nats, drawn, others, forced] = JSON.parse(line);
  const span = document.createElement("span");
  span.textContent = char;
  if (char === "\n" || char === "\t" || char === "\r") span.dataset.shown = strivelm.glyph(char);
  if (forced) span.className = "forced";
  const one = { line, char, nats, drawn, others, forced: Boolean(forced), span };
  span.strivelm = sheet.chars.push(one) - 1;
  paint(one);
  return span;
}

function cut(place) {
  for (const one of sheet.chars.splice(place)) one.span.remove();
}

// A prompt of nothing but white space would not be seen at all.
function writePrompt() {
  const pieces = sheet.head?.prompt ?? [];
  const blank = !pieces.some(([piece]) => piece.trim());
  at(".page .prompt").replaceChildren(
    ...pieces.map(([piece, kind]) => {
      const part = document.createElement(kind === "unknown" ? "s" : "span");
      part.className = kind;
      part.textContent = blank ? piece.replaceAll("\n", "⏎\n").replaceAll(" ", "␣") : piece;
      if (kind === "unknown") part.title = "The model does not know this; it was left out";
      if (kind === "unread") part.title = "Before the model's context: it was not read";
      return part;
    }),
  );
}

// -- colours and underlines -------------------------------------------------------------------------------------------
let coloured = true;

const paint = (one) => (one.span.style.backgroundColor = coloured ? strivelm.surprise(one.nats) : "");
const repaint = () => sheet.chars.forEach(paint);

// Which characters stand in runs of at least so many that the training text has too, and the longest of these.
function knownFrom(least) {
  const inside = new Uint8Array(sheet.chars.length);
  let longest = 0;
  for (const [start, length] of sheet.known?.spans ?? []) {
    if (length < least) continue;
    longest = Math.max(longest, length);
    inside.fill(1, Math.max(0, start), start + length);
  }
  return { inside, longest, share: inside.reduce((sum, one) => sum + one, 0) / Math.max(1, inside.length) };
}
