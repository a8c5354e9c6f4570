// Who is whose neighbour, what stands where A − a + b leads, and whether neighbours are of a kind.
let shown = null,
  chars = [],
  classes,
  near,
  nearCosine,
  average,
  some,
  place,
  table;
let by = "class",
  pinned = 0;

// -- neighbours ---------------------------------------------------------------------------------------------------------
function neighbours() {
  const k = shown.neighbours;
  const rows = Array.from({ length: k }, (_, rank) => [near[pinned * k + rank], nearCosine[pinned * k + rank]]);
  at(".char").value = strivelm.glyph(chars[pinned]);
  at(".near").replaceChildren(
    ...rows.map(([j, cosine]) =>
      bar({
        who: strivelm.glyph(chars[j]),
        press: () => choose(j),
        title: `${shown.names[classes[j]]}: show its neighbours`,
        bars: [cosineBar(cosine, classColour(classes[j]))],
        value: fixed(cosine, 3),
        ticks: [[average[pinned], "mean of all"]],
      }),
    ),
  );
  at(".average").textContent = k
    ? `Cosine, from 0 to 1. The line across the bars is what a character drawn at random has on average: ${fixed(average[pinned], 3)}.`
    : "There is no other character.";
}

function choose(i) {
  pinned = i;
  keep("char", chars[i]);
  at(".wrong").textContent = "";
  neighbours();
}

at(".char").addEventListener("change", (event) => {
  const char = typed(event.target.value),
    i = chars.indexOf(char);
  if (i >= 0) return choose(i);
  at(".wrong").textContent = char ? `The model does not know ${strivelm.glyph(char)}.` : "Type a character.";
});
at(".char").addEventListener("focus", (event) => event.target.select());

// -- analogies ----------------------------------------------------------------------------------------------------------
// cos(x, y) for x = A - a + b, all of length 1: from the cosines of the three with y, and of the three with each other.
function ranking([A, a, b]) {
  const N = some.length,
    c = (i, j) => table[i * N + j];
  const length = Math.sqrt(Math.max(1e-12, c(A, A) + c(a, a) + c(b, b) - 2 * c(A, a) + 2 * c(A, b) - 2 * c(a, b)));
  return some.map((_, i) => [i, (c(A, i) - c(a, i) + c(b, i)) / length]).sort((x, y) => y[1] - x[1] || x[0] - y[0]);
}

const fields = () => [".start", ".minus", ".plus"].map((name) => at(name));

function analogy() {
  const typedIn = fields().map((field) => typed(field.value)),
    given = typedIn.map((char) => place.get(char) ?? -1);
  const unknown = typedIn.filter((_, k) => given[k] < 0);
  at(".answer").textContent = "?";
  at(".ranking").replaceChildren();
  if (unknown.length)
    return void (at(".found").textContent = unknown.some((char) => char)
      ? `Not among the ${whole(some.length)} characters here: ${unknown
          .filter((char) => char)
          .map(strivelm.glyph)
          .join(" ")}`
      : "Type three characters.");
  const every = ranking(given),
    left = every.filter(([i]) => !given.includes(i));
  if (!left.length) return void (at(".found").textContent = "An analogy needs a fourth character.");
  const name = (i) => strivelm.glyph(chars[some[i]]);
  at(".answer").textContent = name(left[0][0]);
  const N = some.length,
    b = given[2];
  // Without the way from a to A: who is nearest to b, with A and a left out as well?
  const alone = some
    .map((_, i) => i)
    .filter((i) => !given.includes(i))
    .sort((i, j) => table[b * N + j] - table[b * N + i])[0];
  at(".found").textContent =
    `${alone === left[0][0] ? `The way from ${name(given[1])} to ${name(given[0])} explains nothing here: ${name(alone)} is already the nearest to ${name(b)} alone.` : `${name(b)} alone has ${name(alone)} nearest: the way from ${name(given[1])} to ${name(given[0])} makes the difference.`} The three given are left out, as usual${every[0][0] === left[0][0] ? ", which changes nothing here" : `; else the answer were ${name(every[0][0])}`}.`;
  at(".ranking").replaceChildren(
    ...left.map(([i, cosine]) =>
      bar({ who: name(i), bars: [cosineBar(cosine, classColour(classes[some[i]]))], value: fixed(cosine, 3) }),
    ),
  );
}

for (const field of fields()) {
  field.addEventListener("focus", () => field.select());
  field.addEventListener("input", () => {
    analogy();
    keep(
      "analogy",
      fields()
        .map((one) => typed(one.value))
        .join(""),
      usualAnalogy(),
    );
  });
}

const usualAnalogy = () =>
  ["A", "a", "b", "B"].every((char) => place.has(char))
    ? "Aab"
    : some
        .slice(0, 3)
        .map((i) => chars[i])
        .join("");

function caseAnalogies() {
  const found = shown.case;
  at(".every").textContent = !found.questions
    ? "This vocabulary has no two letters in both cases, so capitals can't be asked for."
    : `All ${whole(found.questions)} such questions about capitals (${found.pairs} letters): ${percentage(found.accuracy)} right at once; by chance ${percentage(found.chance)}; by b’s nearest alone, without the way from a to A, ${percentage(found.without_offset)}. ${found.accuracy - found.without_offset < 0.05 ? "So small and capital letters lie side by side, and the offset adds nothing." : "So the offset adds something."}`;
}

// -- purity -------------------------------------------------------------------------------------------------------------
function purity() {
  const found = shown.purity.find((one) => one.by === by && one.same_letter === at(".same").checked);
  at(".purity").textContent =
    found.purity == null
      ? "There is no other character to be near."
      : `${percentage(found.purity)} of all characters have a nearest neighbour of their ${{ class: "class", kind: "kind", case: "case" }[by]}; by chance ${percentage(found.chance)}.${at(".same").checked ? "" : " A letter’s own other case is left out: it is often the nearest, and hides whether the letter lies among its like."}`;
  const rows = found.groups.map((group, i) => [group, found.sizes[i], found.group_purity[i], found.group_chance[i]]);
  at(".groups").replaceChildren(
    ...rows.map(([group, size, share, chance]) => {
      const more = made("span", "more", ` (chance ${percentage(chance)})`);
      return bar({
        who: `${group} (${whole(size)})`,
        bars: [[0, share ?? 0, "var(--color-accent)"]],
        value: [percentage(share), more],
        ticks: chance == null ? [] : [[chance, "by chance"]],
      });
    }),
  );
}

const groupings = [
  ["class", "Class"],
  ["kind", "Kind, whatever the case"],
  ["case", "Case, whatever the kind"],
].map(([value, label]) => {
  const button = made("button", "strivelm-tool", label, { type: "button" });
  button.dataset.by = value;
  return button;
});
at(".by").append(...groupings);
choice(groupings, "by", by, (value) => ((by = value), purity()));
at(".same").addEventListener("change", purity);

function draw() {
  shown = JSON.parse(props.value);
  element.querySelector(".space").dataset.state = shown ? "shown" : "empty";
  if (!shown) return;
  chars = Array.from(shown.chars);
  classes = numbers(shown.classes, "u1");
  near = numbers(shown.near, "u2");
  nearCosine = cosines(shown.near_cosine);
  average = numbers(shown.average);
  some = Array.from(numbers(shown.some, "u2"));
  place = new Map(some.map((i, at) => [chars[i], at]));
  table = cosines(shown.cosine);
  element.values = {
    ranking: (text) =>
      ranking(Array.from(text).map((char) => place.get(char))).map(([i, cosine]) => [chars[some[i]], cosine]),
  };
  const asked = Array.from(kept("analogy", usualAnalogy()));
  const given = asked.length === 3 && asked.every((char) => place.has(char)) ? asked : Array.from(usualAnalogy());
  fields().forEach((field, i) => (field.value = given[i] == null ? "" : strivelm.glyph(given[i])));
  caseAnalogies();
  again();
}

function again() {
  if (!shown) return;
  const usual = chars.indexOf("e");
  pinned = chosen(chars, usual < 0 ? 0 : usual);
  neighbours();
  analogy();
  purity();
}

takeAlong("neighbours", {
  python: () => {
    const [start, minus, plus] = fields().map((field) => quoted(typed(field.value)));
    return `${filled(shown.python, { char: quoted(chars[pinned]), order: "class" })}\n\n${filled(shown.python_analogy, { start, minus, plus })}`;
  },
  csv: () => [
    ["character", "rank", "neighbour", "cosine"],
    ...chars.flatMap((char, i) =>
      Array.from({ length: shown.neighbours }, (_, rank) => [
        char,
        rank + 1,
        chars[near[i * shown.neighbours + rank]],
        nearCosine[i * shown.neighbours + rank].toFixed(4),
      ]),
    ),
  ],
});

watch("value", draw);
draw();
strivelm.redrawn(element, again);
