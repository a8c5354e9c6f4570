// Which characters are neighbours, what the answer to A − a + b is, and whether neighbours are of one kind.
let value = null;
let chars = [];
let classes, near, nearCosine, average;
let some = []; // the characters whose cosines are here
let place = new Map(); // where each of them stands in the table
let table; // their cosines
const KINDS = ["class", "kind", "case"];
let by = KINDS.includes(kept("kinds")) ? kept("kinds") : KINDS[0];
let pinned = 0;

function neighbours() {
  const k = value.neighbours;
  at(".char").value = glyph(chars[pinned]);
  strivelm.bars(
    at(".near"),
    Array.from({ length: k }, (_, rank) => {
      const j = near[pinned * k + rank];
      const cosine = nearCosine[pinned * k + rank];
      return {
        name: glyph(chars[j]),
        glyph: true,
        press: () => choose(j),
        title: `${value.names[classes[j]]}: show its neighbours`,
        bars: [strivelm.signed(cosine, classColour(classes[j]))],
        value: fixed(cosine, 3),
        ticks: [[average[pinned], `mean of all characters ${fixed(average[pinned], 3)}`]],
      };
    }),
  );
  at(".average").textContent = k
    ? `Cosine, from 0 to 1. The line across the bars is the mean of all other characters: ${fixed(average[pinned], 3)}.`
    : "There is no other character.";
  tellTraining();
}

function choose(i) {
  pinned = i;
  keep("char", chars[i]);
  at(".wrong").textContent = "";
  neighbours();
}

at(".char").addEventListener("change", (event) => {
  const char = typed(event.target.value);
  const i = chars.indexOf(char);
  if (i >= 0) return choose(i);
  at(".wrong").textContent = char ? `The model does not know ${glyph(char)}.` : "Type a character.";
});
at(".char").addEventListener("focus", (event) => event.target.select());

// -- over the training ---------------------------------------------------------------------------------------------------
let course = null; // what "embeddings.training" answers, as numbers, with the steps

function followed(found, steps) {
  course = found && {
    ...found,
    steps,
    chars: Array.from(found.chars),
    near: strivelm.u16(found.near),
    cosine: strivelm.cosines(found.cosine),
  };
  tellTraining();
}

// The neighbours of the chosen character at each step, and how often neighbours are of one class.
function tellTraining() {
  const of = course?.chars.indexOf(chars[pinned]) ?? -1;
  at("div.training").hidden = of < 0;
  at(".purity-training").hidden = !course;
  if (!course) return;
  const now = strivelm.stopNow();
  const { steps, neighbours: k } = course;
  if (of >= 0)
    at(".course").replaceChildren(
      ...steps.map((step, s) => {
        const row = make("li");
        row.setAttribute("aria-current", String(s === now));
        row.append(make("span", "step", whole(step)));
        for (let rank = 0; rank < k; rank++) {
          const i = (s * course.chars.length + of) * k + rank;
          const char = course.chars[course.near[i]];
          const one = make("b", "", glyph(char), { title: `cosine ${fixed(course.cosine[i], 3)}` });
          one.style.color = classColour(classes[chars.indexOf(char)]);
          row.append(one);
        }
        return row;
      }),
    );
  const curve = { steps, values: course.purity, at: now, jump: course.jump, low: 0, high: 1, name: "the share" };
  const words = strivelm.strokes([{ name: "the share", steps, jump: course.jump }], "20 %");
  at(".purity-training").replaceChildren(
    "In training, of classes, the same letter left out: ",
    strivelm.spark({ ...curve, level: course.chance.at(-1), format: percentage }),
    ` The line across it is chance. ${words}`,
  );
}

const fields = [".start", ".minus", ".plus"].map(at);

// cos(x, y) for x = A - a + b, all of length 1: from the cosines of the three with y, and of the three with each other.
function ranking([A, a, b]) {
  const c = (i, j) => table[i * some.length + j];
  const length = Math.sqrt(Math.max(1e-12, c(A, A) + c(a, a) + c(b, b) - 2 * c(A, a) + 2 * c(A, b) - 2 * c(a, b)));
  return some.map((_, i) => [i, (c(A, i) - c(a, i) + c(b, i)) / length]).sort((x, y) => y[1] - x[1] || x[0] - y[0]);
}

function analogy() {
  const asked = fields.map((field) => typed(field.value));
  const given = asked.map((char) => place.get(char) ?? -1);
  const unknown = asked.filter((char, k) => char && given[k] < 0);
  at(".answer").textContent = "?";
  strivelm.bars(at(".ranking"), []);
  if (unknown.length)
    return tell(`Not among the ${whole(some.length)} characters here: ${unknown.map(glyph).join(" ")}`);
  if (given.includes(-1)) return tell("Type three characters.");
  const every = ranking(given);
  const left = every.filter(([i]) => !given.includes(i));
  if (!left.length) return tell("An analogy needs a fourth character.");
  const name = (i) => glyph(chars[some[i]]);
  const answer = left[0][0];
  at(".answer").textContent = name(answer);
  const [A, a, b] = given;
  const step = `the step from ${name(a)} to ${name(A)}`;
  // Without the step: what is nearest to b, with A and a left out as well?
  const [alone] = left.map(([i]) => i).sort((i, j) => table[b * some.length + j] - table[b * some.length + i] || i - j);
  const worth =
    alone === answer
      ? `Without ${step} the nearest to ${name(b)} is ${name(alone)} too, so the step changes nothing here.`
      : `Without ${step} the nearest to ${name(b)} is ${name(alone)}, so the step makes the difference.`;
  const others =
    every[0][0] === answer ? "with them the answer is the same" : `with them the answer would be ${name(every[0][0])}`;
  tell(`${worth} The three characters of the question are left out, as is usual; ${others}.`);
  strivelm.bars(
    at(".ranking"),
    left.map(([i, cosine]) => ({
      name: name(i),
      glyph: true,
      bars: [strivelm.signed(cosine, classColour(classes[some[i]]))],
      value: fixed(cosine, 3),
    })),
  );
}

const tell = (text) => void (at(".found").textContent = text);

const usualAnalogy = () =>
  ["A", "a", "b", "B"].every((char) => place.has(char))
    ? "Aab"
    : some
        .slice(0, 3)
        .map((i) => chars[i])
        .join("");

for (const field of fields) {
  field.addEventListener("focus", () => field.select());
  field.addEventListener("input", () => {
    analogy();
    keep("analogy", fields.map((one) => typed(one.value)).join(""), usualAnalogy());
  });
}

function caseAnalogies() {
  const { questions, pairs, accuracy, chance, without_offset: without } = value.case;
  if (!questions)
    return void (at(".every").textContent =
      "This vocabulary has no two letters in both cases, so there are no questions about capitals.");
  const verdict =
    accuracy - without < 0.05
      ? "A letter and its capital lie side by side, and the step adds nothing."
      : "So the step does add something.";
  at(".every").textContent = joined(
    `Of all ${whole(questions)} such questions about capitals (${pairs} letters) ${percentage(accuracy)} are answered`,
    `right, by chance ${percentage(chance)}, and by the nearest to b without the step from a to A`,
    `${percentage(without)}. ${verdict}`,
  );
}

function purity() {
  const same = at(".same").checked;
  const found = value.purity.find((one) => one.by === by && one.same_letter === same);
  const leftOut = same
    ? ""
    : joined(
        "The same letter in the other case is left out:",
        "it is often the nearest, and would hide which letters lie together.",
      );
  at(".purity").textContent =
    found.purity == null
      ? "There is no other character to be near."
      : joined(
          `${percentage(found.purity)} of all characters have a nearest neighbour of their ${by};`,
          `by chance ${percentage(found.chance)}.`,
          leftOut,
        );
  strivelm.bars(
    at(".groups"),
    found.groups.map((group, i) => {
      const chance = found.group_chance[i];
      return {
        name: `${group} (${whole(found.sizes[i])})`,
        share: found.group_purity[i],
        value: [percentage(found.group_purity[i]), make("span", "more", ` (chance ${percentage(chance)})`)],
        ticks: chance == null ? [] : [[chance, `by chance ${percentage(chance)}`]],
      };
    }),
  );
}

const groupings = tools("by", [
  ["class", "Class"],
  ["kind", "Kind, in either case"],
  ["case", "Case, of any kind"],
]);
at(".by").append(...groupings);
choice(groupings, "by", by, (next) => {
  by = next;
  keep("kinds", by, KINDS[0]);
  purity();
});
at(".same").checked = kept("same") === "yes";
at(".same").addEventListener("change", () => {
  keep("same", at(".same").checked ? "yes" : "");
  purity();
});

function show(next) {
  value = next;
  if (!isShown(value)) return;
  chars = Array.from(value.chars);
  classes = strivelm.u8(value.classes);
  near = strivelm.u16(value.near);
  nearCosine = strivelm.cosines(value.near_cosine);
  average = strivelm.f32(value.average);
  some = Array.from(strivelm.u16(value.some));
  place = new Map(some.map((i, at) => [chars[i], at]));
  table = strivelm.cosines(value.cosine);
  const asked = Array.from(kept("analogy", usualAnalogy()));
  const given = asked.length === 3 && asked.every((char) => place.has(char)) ? asked : Array.from(usualAnalogy());
  fields.forEach((field, i) => (field.value = given[i] == null ? "" : glyph(given[i])));
  caseAnalogies();
  refresh();
  if (strivelm.inPage()) followTraining("embeddings.training", followed);
}

function refresh() {
  if (!value) return;
  const usual = chars.indexOf("e");
  pinned = chosen(chars, usual < 0 ? 0 : usual);
  neighbours();
  analogy();
  purity();
}

function python() {
  const [start, minus, plus] = fields.map((field) => quoted(typed(field.value)));
  const same = at(".same").checked ? "True" : "False";
  return filled(value.python.neighbours, { char: quoted(chars[pinned]), start, minus, plus, by, same });
}

const rows = () => [
  ["character", "rank", "neighbour", "cosine"],
  ...chars.flatMap((char, i) =>
    Array.from({ length: value.neighbours }, (_, rank) => {
      const at = i * value.neighbours + rank;
      return [char, rank + 1, chars[near[at]], nearCosine[at].toFixed(4)];
    }),
  ),
];

takeAlong("neighbours", "neighbours", () => value, { python, csv: rows });
start("embeddings.tokens", show, refresh);
if (strivelm.inPage()) {
  const follow = () => value && followTraining("embeddings.training", followed);
  strivelm.onLife(element, follow);
  strivelm.appeared(element, follow);
}
