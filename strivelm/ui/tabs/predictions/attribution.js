let shown = null; // the view's value
let chars, likely, mark;
const ORDERS = ["largest", "size", "pass"];
const LARGEST = 8; // with "largest" so many parts are shown, the others in one bar
let order = ORDERS.includes(strivelm.get(TAB, "order")) ? strivelm.get(TAB, "order") : ORDERS[0];

function show(value) {
  shown = value;
  at(".view").hidden = !shown;
  if (!shown) return;
  chars = Array.from(shown.text);
  likely = Array.from(shown.likely);
  mark = strip(at(".text"), chars, {
    name: "The text: choose after which character",
    label: (i) => `after ${strivelm.glyph(chars[i])}`,
    ground: () => "transparent",
    point: (i) => mark(i, shown.at),
    choose: (i) => inPage() && choosePlace(i),
  });
  mark(null, shown.at);
  reveal(at(".text"), at(".text .chosen"));
  choices();
  paint();
}

function option(value, text, chosen) {
  const made = make("option", "", text);
  made.value = value;
  made.selected = chosen;
  return made;
}

// Of a large vocabulary the likeliest can be chosen, and what is chosen already.
const OFFERED = 300;

function choices() {
  const p = strivelm.probabilities(shown.p),
    said = likely.map((char, k) => `${named(char)}  ${strivelm.percent(p[k])}`);
  const offered = likely
    .map((char, k) => [char, said[k]])
    .filter(([char], k) => k < OFFERED || char === shown.char || char === shown.against);
  at(".char").replaceChildren(...offered.map(([char, text]) => option(char, text, char === shown.char)));
  const rivals = offered
    .filter(([char]) => char !== shown.char)
    .map(([char, text]) => option(`=${char}`, text, char === shown.against));
  at(".against").replaceChildren(
    option("", "nothing: the logit itself", shown.against === null),
    option("mean", "the mean of all logits", shown.against === "mean"),
    ...rivals,
  );
  for (const select of element.querySelectorAll("select")) select.disabled = !inPage();
}

function paint() {
  if (!shown) return;
  const lone = shown.against === null,
    mean = shown.against === "mean";
  const rival = lone ? "" : mean ? ", above the mean of all" : `, above that of ${named(shown.against)}`;
  at(".what").textContent = `After ${named(chars[shown.at])}: the logit of ${named(shown.char)}${rival}`;
  at(".sum").textContent =
    `The ${shown.parts.length} parts sum to ${fixed(shown.total, 4)}; the model's ${shown.against === null ? "logit" : "lead in logits"} is ${fixed(shown.logit, 4)}.` +
    (shown.against === null
      ? " A lone logit means little: compare it with the mean, or with another character."
      : !mean
        ? ` So ${odds()}.`
        : "");
  for (const button of element.querySelectorAll("[data-order]"))
    button.setAttribute("aria-pressed", String(button.dataset.order === order));
  element.dataset.sum = String(shown.total);
  const box = at(".parts");
  const pairs = drawnParts();
  const most = mostOf(pairs);
  strivelm.bars(
    box,
    pairs.map(([name, value]) => ({
      name: partName(name),
      bars: [strivelm.signed(value / most, sideOf(value), true)],
      value: signed(value),
    })),
  );
  pairs.forEach(([name, value], k) => {
    const row = box.children[k];
    Object.assign(row.dataset, { part: name, value });
    row.classList.toggle("begins", order === "pass" && k > 0 && (/^\d+\.0$/.test(name) || name.startsWith("final")));
  });
}

const sideOf = (value) => strivelm.colour("diverging", value < 0 ? -0.62 : 0.62);

// The lead of one logit over another is the logarithm of the ratio of the two probabilities.
function odds() {
  const ratio = Math.exp(Math.min(Math.abs(shown.logit), 30)),
    [more, less] = shown.logit < 0 ? [shown.against, shown.char] : [shown.char, shown.against];
  const said = Number(ratio.toPrecision(3)).toLocaleString("en");
  return `${named(more)} is ${said} times as probable as ${named(less)}`;
}

function sorted() {
  const pairs = shown.names.map((name, k) => [name, shown.parts[k]]);
  return order === "pass" ? pairs : pairs.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
}

// The bars as they are shown: the largest ones and the sum of the others, or all.
function drawnParts() {
  const pairs = sorted();
  if (order !== "largest" || pairs.length <= LARGEST + 1) return pairs;
  const others = pairs.slice(LARGEST).reduce((total, [, value]) => total + value, 0);
  return [...pairs.slice(0, LARGEST), [`the other ${pairs.length - LARGEST} together`, others]];
}

const mostOf = (pairs) => Math.max(1, ...pairs.map(([, value]) => Math.abs(value)));

for (const button of element.querySelectorAll("[data-order]"))
  button.addEventListener("click", () => {
    order = button.dataset.order;
    strivelm.put(TAB, "order", order, ORDERS[0]);
    paint();
  });

at(".char").addEventListener("change", ({ target: { value } }) => {
  const char = value === likely[0] ? "" : value;
  choose(strivelm.get(TAB, "against") === `=${value}` ? { char, against: "" } : { char });
});
at(".against").addEventListener("change", ({ target: { value } }) => choose({ against: value }));

// What is chosen, as arguments: a place and characters that this text and this model have.
function chosenHere({ text, likely }) {
  const [length, characters] = [Array.from(text).length, new Set(likely)];
  const [place, char, against = ""] = [
    chosenPlace(length),
    ...["char", "against"].map((name) => strivelm.get(TAB, name)),
  ];
  const given = {};
  if (place !== length - 1) given.at = place;
  if (characters.has(char)) given.char = char;
  if (against === "mean") given.against = against;
  else if (against.startsWith("=") && characters.has(against.slice(1))) given.against = against.slice(1);
  return given;
}

function picture() {
  const pairs = drawnParts(),
    w = 760,
    h = 18,
    left = 170,
    canvas = document.createElement("canvas"),
    height = 70 + pairs.length * h;
  const drawn = strivelm.context(canvas, w, height, 2),
    most = mostOf(pairs),
    half = (w - left - 90) / 2;
  drawn.fillStyle = css("--background-fill-primary");
  drawn.fillRect(0, 0, w, height);
  drawn.fillStyle = css("--body-text-color");
  const family = getComputedStyle(element).fontFamily;
  drawn.font = `700 15px ${family}`;
  drawn.fillText(at(".what").textContent, 16, 26);
  drawn.font = `12px ${family}`;
  drawn.fillText(`sum ${fixed(shown.total, 4)}, logit ${fixed(shown.logit, 4)}`, 16, 46);
  pairs.forEach(([name, value], k) => {
    const y = 62 + k * h,
      wide = (half * Math.abs(value)) / most;
    drawn.fillStyle = sideOf(value);
    drawn.fillRect(left + half - (value < 0 ? wide : 0), y, wide, h - 5);
    drawn.fillStyle = css("--body-text-color");
    drawn.textAlign = "right";
    drawn.fillText(partName(name), left - 10, y + 11);
    drawn.fillText(signed(value), w - 20, y + 11);
  });
  return canvas;
}

const PYTHON = {
  pass: "print(found.parts, found.total, found.logit)",
  size: "print(sorted(found.parts.items(), key=lambda part: -abs(part[1])), found.total, found.logit)",
  largest:
    "largest = sorted(found.parts.items(), key=lambda part: -abs(part[1]))[:8]\nprint(largest, found.total - sum(value for _, value in largest), found.logit)",
};

toolbar("logit-attribution", "attribution", {
  python: () => `${shown.python}\n${PYTHON[order]}`,
  png: picture,
  csv: () => [["part", "logits"], ...sorted(), ["sum", shown.total], ["logit", shown.logit]],
});
strivelm.redrawn(element, paint);
show(JSON.parse(props.value));
if (inPage()) {
  const look = async (look) => show(await readChosen("attribution", chosenHere, look));
  const { again } = strivelm.view({ tab: TAB, element, look });
  onChoice(["at", "char", "against"], again);
}
