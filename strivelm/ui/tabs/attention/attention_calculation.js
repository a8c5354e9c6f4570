// How one weight is computed: query and key, their products, the division, the mask, the softmax; the model's numbers.
let calculated = ""; // which weight the numbers on the screen belong to

function drawNumbers() {
  const box = at(".numbers");
  if (!isHead(state.map)) {
    calculated = "";
    return box.replaceChildren(
      make(
        "p",
        "",
        "This map is computed from those of the heads: choose a head to see how one of its weights is computed.",
      ),
    );
  }
  const name = `${nameOf(state.map)}.${query()}`,
    found = answers.get(name);
  if (found) return tellNumbers(box, found);
  if (state.over) return; // exact numbers are requested only for a pinned character
  calculated = "";
  box.replaceChildren(make("p", "wait", "Loading the exact numbers…"));
  ofRow().then(
    draw,
    (wrong) => `${nameOf(state.map)}.${query()}` === name && box.replaceChildren(make("p", "", wrong.message)),
  );
}

function tellNumbers(box, { query: asks, keys, divisor, scores, attention }) {
  const q = query(),
    k = key(),
    size = asks.length,
    T = length();
  const own = `${state.map} ${q} ${k} ${strivelm.dark()} ${box.clientWidth}`;
  if (calculated === own) return;
  calculated = own;
  const holds = keys.subarray(k * size, (k + 1) * size);
  const products = asks.map((part, i) => part * holds[i]);
  const sum = products.reduce((a, b) => a + b, 0);
  const most = Math.max(...scores.subarray(0, q + 1));
  const powers = Array.from(scores.subarray(0, q + 1), (score) => Math.exp(score - most));
  const total = powers.reduce((a, b) => a + b, 0);
  const later = T - 1 - q;
  const steps = [
    step(`The query of ${labelled(q)}: ${size} numbers`, bars(asks, "query")),
    step(`The key of ${labelled(k)}`, bars(holds, "key")),
    step("The products of their numbers", bars(products, "product"), `They sum to q·k = ${signed(sum)}.`),
    step(
      "Divided by √d_head",
      null,
      `${signed(sum)} / √${size} = ${signed(sum)} / ${fixed(divisor)} = ${signed(sum / divisor)}. The model's own score: ${signed(scores[k])}.`,
    ),
    step(
      "The mask",
      null,
      later
        ? `Of the ${T} characters, the ${later} after ${labelled(q)} are hidden: their scores${masked(scores, q)} become −∞, their weights 0. The next character, which the model has to predict, is one of them.`
        : "No character comes after this one, so nothing is hidden.",
    ),
    step(
      "Softmax over the row",
      row(k, scores, powers, attention),
      `e^score of this key, divided by the sum of all: ${powers[k].toPrecision(4)} / ${total.toPrecision(5)} = ${fixed(powers[k] / total)}. The model's own weight: ${fixed(attention[k])}. (The largest score, ${signed(most)}, is subtracted from all of them first, which does not change the weights.)`,
    ),
    step("Check", null, `The ${q + 1} weights of the row sum to ${attention.reduce((a, b) => a + b, 0).toFixed(6)}.`),
  ];
  box.replaceChildren(
    make(
      "p",
      "how",
      `Why ${titleOf(state.map).toLowerCase()}, predicting the character after ${labelled(q)}, gives ${labelled(k)} the weight ${fixed(attention[k])}. Numbers are the model's own, in float32.`,
    ),
    ...steps,
  );
}

const fixed = (number) => number.toFixed(4);
const signed = (number) => (number < 0 ? "−" : "") + Math.abs(number).toFixed(4);
const masked = (scores, q) => {
  const hidden = [...scores.subarray(q + 1, q + 4)].map(signed);
  return ` (${hidden.join(", ")}${scores.length - q - 1 > 3 ? ", …" : ""})`;
};

function step(title, drawing, text = "") {
  const made = make("div", "step");
  made.append(make("h4", "", title));
  if (drawing) made.append(drawing);
  if (text) made.append(make("p", "", text));
  return made;
}

// Signed numbers as bars; the numbers are in the tooltips and in the label for screen readers.
function bars(numbers, what) {
  const SVG = "http://www.w3.org/2000/svg",
    most = Math.max(...numbers.map(Math.abs), 1e-12),
    height = 44;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${numbers.length * 10} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${what}: ${[...numbers].map((number) => number.toFixed(2)).join(", ")}`);
  numbers.forEach((number, i) => {
    const bar = document.createElementNS(SVG, "rect"),
      tall = Math.max(0.5, (Math.abs(number) / most) * (height / 2 - 1));
    for (const [name, of] of Object.entries({
      x: i * 10 + 1,
      width: 8,
      y: number > 0 ? height / 2 - tall : height / 2,
      height: tall,
      fill: number > 0 ? strivelm.category(0) : strivelm.category(1),
    }))
      bar.setAttribute(name, of);
    const title = document.createElementNS(SVG, "title");
    title.textContent = `${what}, dimension ${i}: ${signed(number)}`;
    bar.append(title);
    svg.append(bar);
  });
  const box = make("div", "bars");
  box.append(svg, make("small", "", `0 in the middle, ±${most.toFixed(2)} at the edges`));
  return box;
}

// The keys with the largest weights of the row, and the chosen one; a click chooses another.
function row(k, scores, powers, attention) {
  const order = [...attention.keys()].sort((a, b) => attention[b] - attention[a]);
  const listed = order.slice(0, 8);
  if (!listed.includes(k)) listed.push(k);
  const table = make("table"),
    body = make("tbody");
  const head = make("tr");
  head.append(...["reads", "score", "e^(score − largest)", "weight", ""].map((text) => make("th", "", text)));
  for (const i of listed) {
    const line = make("tr", i === k ? "own" : ""),
      pick = make("button", "strivelm-tool", labelled(i)),
      cell = make("td"),
      bar = make("td", "weight");
    pick.type = "button";
    pick.setAttribute("aria-pressed", String(i === k));
    pick.addEventListener("click", () => pin(state.pin, i));
    cell.append(pick);
    bar.append(Object.assign(make("i"), { style: `width: ${(100 * attention[i]).toFixed(2)}%` }));
    line.append(
      cell,
      make("td", "", signed(scores[i])),
      make("td", "", powers[i].toPrecision(4)),
      make("td", "", fixed(attention[i])),
      bar,
    );
    body.append(line);
  }
  const others = order.filter((i) => !listed.includes(i));
  if (others.length) {
    const line = make("tr");
    const left = (values) => others.reduce((a, i) => a + values[i], 0);
    line.append(
      make("td", "", `${others.length} others`),
      make("td"),
      make("td", "", left(powers).toPrecision(4)),
      make("td", "", fixed(left(attention))),
      make("td"),
    );
    body.append(line);
  }
  table.append(make("thead"), body);
  table.tHead.append(head);
  return table;
}
