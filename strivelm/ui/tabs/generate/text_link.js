// The text in the address, so that a link writes it again to the character: which seed was drawn for it, what was
// forced, how long it has become, and under which settings where these changed on the way.
const KEPT = ["drawn", "forced", "length", "runs"];
const SETTINGS = ["seed", "temperature", "top_k", "top_p"];
const LONGEST_CALL = 2000; // characters that one question may ask for
let kept = ["", "", "", ""]; // what the address says of the text that is shown

const said = () => KEPT.map((name) => String(field(name) ?? ""));

// Parts of the text that were written under the same settings, as [settings, how many characters].
function parts() {
  const found = [];
  shown.runs.forEach((run, i) => {
    const many = (shown.runs[i + 1]?.from ?? shown.chars.length) - run.from;
    const same = found.length && SETTINGS.every((name) => found.at(-1)[0][name] === run[name]);
    if (same) found.at(-1)[1] += many;
    else if (many > 0) found.push([run, many]);
  });
  return found;
}

// Says in the address what is written: while it grows the end that it is to have, then the one that it has.
function keepLink(forced, end) {
  const pairs = [...forced].map(([place, char]) => `${place}:${char}`);
  const all = parts();
  const runs = all.map(([run]) => [run.from, run.seed, run.temperature, run.top_k ?? 0, run.top_p ?? 1].join(":"));
  const [first] = shown.runs;
  const told = [
    String(first.seed) === field("seed") ? "" : String(first.seed),
    pairs.join(","),
    end === field("count") ? "" : String(end),
    all.length > 1 ? runs.join(",") : "",
  ];
  KEPT.forEach((name, i) => strivelm.put("generate", name, told[i]));
  kept = said();
}

// Whether the address still says what was kept of the text that is shown.
const isKept = () => said().join("\n") === kept.join("\n");

// Whether the text that is shown is the one of the address, so that it need not be written again.
function asLinked(model) {
  if (shown.head?.model !== model || !shown.ended || !isKept() || shown.head.prompt !== prompt()) return false;
  const { runs, end } = fromLink();
  return end === shown.chars.length && SETTINGS.every((name) => String(runs[0][name]) === String(shown.runs[0][name]));
}

// The text of the address: { runs, forced, end }.
function fromLink() {
  const [drawn, forced, length, runs] = said();
  const end = /^\d+$/.test(length) ? Number(length) : field("count");
  const usual = { ...sampling(), seed: field("seed") ?? drawn };
  const found = runs
    .split(",")
    .map((run) => run.split(":").map(Number))
    .filter((run) => run.length === 5 && run.every(Number.isFinite) && run[0] < end)
    .map(([from, seed, temperature, top_k, top_p]) => ({ from, seed: String(seed), temperature, top_k, top_p }));
  const inOrder = found[0]?.from === 0 && found.every(({ from }, i) => i === 0 || from > found[i - 1].from);
  const pairs = [...forced.matchAll(/(\d+):([^])(?:,|$)/gu)].map(([, place, char]) => [Number(place), char]);
  return {
    runs: inOrder ? found : [{ from: 0, ...usual }],
    forced: new Map(pairs.filter(([place]) => place < end)),
    end,
  };
}

// The questions that write a text from a place to its end: one for each change of the settings, none too long.
function questions({ runs, forced, end }) {
  const found = [];
  runs.forEach(({ from, ...settings }, i) => {
    const until = runs[i + 1]?.from ?? end;
    for (let begin = from; begin < until; begin += LONGEST_CALL) {
      const stop = Math.min(until, begin + LONGEST_CALL);
      const given = [...forced].filter(([place]) => place >= begin && place < stop);
      found.push({ from: begin, count: stop - begin, ...settings, forced: given });
    }
  });
  return found;
}
