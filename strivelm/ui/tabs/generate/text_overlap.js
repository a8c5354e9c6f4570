// Underlined: what stands word for word in the training text, in runs so long that chance alone does not explain them.
const underlines = () => at(".overlap-switch").getAttribute("aria-pressed") === "true";
const OFTEN = 0.5; // a run that chance gives to half of any text says nothing
const CLEARLY = 1.5; // how many times more than chance is more than chance
const ENOUGH = 20; // characters that it must be more
let lookedUp = null;

async function lookUp() {
  if (!underlines() || shown.overlap || !shown.ended || !strivelm.inPage()) return;
  const { head } = shown;
  lookedUp?.abort();
  lookedUp = new AbortController();
  const given = { read: head.read, text: text() };
  let found;
  try {
    found = await strivelm.ask("generate.overlap", given, { of: [head.model], signal: lookedUp.signal });
  } catch (error) {
    if (error.name === "AbortError") return;
    found = { spans: null, unseen: {}, source: "", note: error.message };
  }
  if (shown.head !== head) return;
  shown.overlap = found;
  underline();
}

// Whether so much of the text stands in runs of a length that chance does not explain it.
const beyondChance = (share, chance) =>
  share >= CLEARLY * chance && (share - chance) * shown.chars.length >= Math.min(ENOUGH, shown.chars.length / 4);

// The length to begin with: the first at which chance is rare and the text stands clearly above it; else the first at
// which chance is rare; else the longest that can be looked up.
function telling() {
  const found = Object.entries(shown.overlap?.unseen ?? {});
  const rare = found.filter(([, chance]) => chance < OFTEN);
  const clear = rare.find(([least, chance]) => beyondChance(sharedFrom(Number(least)).share, chance));
  return (clear ?? rare[0] ?? found.at(-1))?.[0] ?? "";
}

// From how many characters on a run counts: as the visitor says, else as the numbers say.
function lengths() {
  const select = at(".least select");
  const found = Object.keys(shown.overlap?.unseen ?? {});
  if (found.join() !== [...select.options].map((one) => one.value).join())
    select.replaceChildren(...found.map((least) => Object.assign(make("option", "", least), { value: least })));
  const asked = given?.seen?.least ?? field("least");
  select.value = found.includes(asked) ? asked : telling();
}

function underline() {
  lengths();
  const on = underlines();
  const { overlap } = shown;
  const least = Number(at(".least select").value);
  const line = at(".spans");
  const { inside, longest, share } = overlap?.spans && on ? sharedFrom(least) : { inside: [], longest: 0, share: 0 };
  shown.chars.forEach((one, i) => one.span.classList.toggle("shared", Boolean(inside[i])));
  at(".least").hidden = !(on && overlap?.spans && at(".least select").length > 1);
  line.hidden = !(on && overlap);
  if (line.hidden) return;
  if (!overlap.spans) return void (line.textContent = overlap.note);
  const chance = overlap.unseen?.[least];
  const said =
    chance !== undefined && beyondChance(share, chance) ? "more than chance gives" : "about what chance gives";
  line.textContent =
    `${strivelm.percent(share)} of the text stands in ${overlap.source}, in runs of ${least} characters or more` +
    (chance === undefined ? "" : `: ${said}, as ${strivelm.percent(chance)} of text does that it has not learnt from`) +
    `. ${longest ? `The longest run has ${count(longest, "character")}.` : "There is none."} ${overlap.note}`;
}

at(".least select").addEventListener("change", (event) => {
  strivelm.put("generate", "least", event.target.value);
  underline();
});
