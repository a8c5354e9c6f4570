// What the page's Generate tab asks, answered by an open model here: the pieces that the server gives
// (strivelm/ui/tabs/generate/payload.py and columns_payload.py), each as soon as it is there.
//
//   model: an open Model    about: { name, load, loss }, what the page says of it
//   limits: the server's own, by the names that they have there
import { asFloat, checkedPrompt, checkedSampling, encode, many, pieces, repr, startFrom } from "./prompt.js";
import { Texts, inView } from "./writing.js";
import { uniforms } from "./uniforms.js";

const AT_ONCE = 12; // milliseconds of work after which others come to their turn
const short = (number) => Number(number.toPrecision(4));
const rounded = (number, digits) => Number(number.toFixed(digits));

// Lets what waits, such as the message that stops this, come to its turn.
const turnOfOthers = () =>
  new Promise((kept) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), kept());
    port2.postMessage(0);
  });

// Yields [steps of each text place by place, seconds, ended], about every limits.CLOCK seconds.
async function* paced(texts, limits) {
  const began = performance.now();
  const ready = texts.texts.map(() => []);
  let shown = -Infinity;
  let done = 0;
  for (let waiting = []; ;) {
    const turnBegan = performance.now();
    while (texts.left && performance.now() - turnBegan < AT_ONCE)
      texts.turn().forEach((step, i) => step && ready[i].push(step));
    while (ready.every((steps) => steps.length)) waiting.push(ready.map((steps) => steps.shift()));
    const seconds = (performance.now() - began) / 1000;
    const over = seconds > limits.SECONDS && done + waiting.length > 0;
    if (!texts.left || over) return void (yield [waiting, rounded(seconds, 3), texts.left ? "time" : "complete"]);
    if (waiting.length && seconds >= shown + limits.CLOCK) {
      yield [waiting, rounded(seconds, 3), ""];
      done += waiting.length;
      [waiting, shown] = [[], seconds];
    }
    await turnOfOthers();
  }
}

async function* write(model, about, given, limits) {
  const prompt = checkedPrompt(given.prompt, limits);
  const text = Array.from(given.text ?? "");
  const room = limits.TEXT_CHARACTERS - text.length;
  if (room <= 0)
    throw new Error(
      `The text has ${many(text.length)} characters, and no more are kept here; copy it, and go on from its end as a ` +
        "new prompt.",
    );
  // From a character that was forced early on, a text is written anew that may have been continued many times.
  const asked = given.forced?.length ? Math.min(given.count, limits.MOST_CHARACTERS) : given.count;
  const config = checkedSampling({ ...given, count: asked }, limits);
  config.count = Math.min(given.count, room);
  const forced = forcedOf(model, given.forced ?? [], text.length, text.length + config.count);
  const start = startFrom(model, prompt);
  const view = inView(start.ids.length, text.length, model.context);
  const ids = [...start.ids, ...encode(model, text.join(""))].slice(-view);
  const { temperature, top_k, top_p, seed } = config;
  yield {
    ...{ model: about.name, load: about.load, context: model.context, loss: about.loss, prompt },
    ...{ pieces: pieces(model, prompt, start), read: start.text, notes: start.notes, from: text.length },
    ...{ temperature, top_k, top_p, seed },
  };
  const texts = new Texts(model.engine, [{ ids, config, first: text.length, forced }]);
  try {
    for await (const [rows, seconds, ended] of paced(texts, limits)) {
      const characters = rows.map(([step]) => character(model, step, forced.has(step.index), limits));
      yield { characters, seconds, ...(ended && { ended }) };
    }
  } finally {
    texts.close();
  }
}

function character(model, step, isForced, { ALTERNATIVES }) {
  const others = step.alternatives(ALTERNATIVES).map(([id, p, q]) => [model.chars[id], short(p), short(q)]);
  const found = [model.chars[step.id], short(step.surprisal), short(step.sampledProbability), others];
  return isForced ? [...found, 1] : found;
}

function forcedOf(model, forced, first, end) {
  const found = new Map();
  for (const [place, char] of forced) {
    if (!Number.isInteger(place) || place < first || place >= end)
      throw new Error(`The place is ${place}; expected a whole number from ${many(first)} to ${many(end - 1)}.`);
    if (typeof char !== "string" || Array.from(char).length !== 1)
      throw new Error(`The character is ${repr(String(char))}; expected a single one.`);
    found.set(place, encode(model, char)[0]);
  }
  return found;
}

// -- side by side -----------------------------------------------------------------------------------------------------

const general = (number) => String(Number(number.toPrecision(6)));

const python = ({ count, temperature, top_k, top_p, seed }) =>
  `SamplingConfig(max_new_tokens=${count}, temperature=${asFloat(temperature)}, top_k=${top_k}, ` +
  `top_p=${asFloat(top_p)}, seed=${seed})`;

function inWords({ temperature, top_k, top_p }) {
  const k = top_k ? `top-k ${top_k}` : "all characters";
  return `temperature ${general(temperature)}, ${k}${top_p === 1 ? "" : `, top-p ${general(top_p)}`}`;
}

async function* compare(model, about, given, limits) {
  const names = limits.CHOICES.filter((name) => given.chosen.includes(name));
  if (!names.length) throw new Error("No setting is chosen; choose at least one, and two to compare.");
  const { seed, count: asked } = checkedSampling({ ...given, temperature: 1, top_k: 0, top_p: 1 }, limits);
  const count = Math.min(asked, limits.TOGETHER);
  const settings = { ...limits.PRESETS, A: given.a, B: given.b };
  const configs = names.map((name) => {
    const [temperature, top_k, top_p] = settings[name];
    try {
      return checkedSampling({ count, temperature, top_k, top_p, seed }, limits);
    } catch (error) {
      throw new Error(name.length === 1 ? `In ${name}: ${error.message}` : error.message, { cause: error });
    }
  });
  const start = startFrom(model, checkedPrompt(given.prompt, limits));
  const columns = names.map((name, i) => ({ name, about: inWords(configs[i]), where: "" }));
  const lines = names.map((name, i) => `    ${repr(name)}: ${python(configs[i])},\n`).join("");
  const code =
    "from strivelm import SamplingConfig, load_model\nfrom strivelm.generation import generate_together\n\n" +
    `${about.load}\nids = model.tokenizer.encode(${repr(start.text)})\nsettings = {\n${lines}}\n` +
    'texts = dict.fromkeys(settings, "")\n' +
    "for steps in generate_together(model, ids, list(settings.values())):\n" +
    "    for name, step in zip(settings, steps):\n        texts[name] += model.tokenizer.chars[step.id]\n" +
    'for name, text in texts.items():\n    print(f"--- {name}\\n{text}")\n';
  yield head(model, about, { start, seed, code, columns, bound: asked > count }, limits);
  yield* grown(
    model,
    start,
    configs.map((config) => ({ config })),
    limits,
  );
}

async function* without(model, about, given, limits) {
  const { heads, mlps, parts } = partsOf(model, given.off ?? "");
  const config = checkedSampling(given, limits);
  const asked = config.count;
  config.count = Math.min(asked, limits.TOGETHER);
  const start = startFrom(model, checkedPrompt(given.prompt, limits));
  const words = [
    ["head", heads],
    ["MLP", mlps],
  ].map(([kind, some]) => some.length && `${kind}${some.length > 1 ? "s" : ""} ${some.join(", ")}`);
  const off = words.filter(Boolean).join(" and ") || "nothing";
  const columns = [
    { name: "Whole model", about: inWords(config), where: "for the whole model" },
    { name: "Without", about: off, where: "without" },
  ];
  const code =
    "from strivelm import SamplingConfig, load_model\nfrom strivelm.inspection import generate_without\n\n" +
    `${about.load}\nconfig = ${python(config)}\n` +
    `found = generate_without(model, ${repr(start.text)}, config, heads_off=[${heads.map(repr).join(", ")}], ` +
    `mlps_off=[${mlps.join(", ")}])\nprint(found.before)\nprint(found.after)\nprint(found.first_difference)\n`;
  yield head(model, about, { start, seed: config.seed, code, columns, bound: asked > config.count }, limits);
  yield* grown(model, start, [{ config }, { config, off: parts }], limits);
}

// Heads and MLPs of "0.1,2.0,2.m": as they are named, and as [layer, part].
function partsOf(model, text) {
  const found = { heads: [], mlps: [], parts: [] };
  const names = new Set(text.split(",").map((name) => name.trim()));
  for (const name of names) {
    if (!name) continue;
    const [, layer, part] = /^(0|[1-9]\d*)\.(0|[1-9]\d*|m)$/.exec(name) ?? [];
    if (!(layer < model.layers && (part === "m" || part < model.heads)))
      throw new Error(
        `There is no part ${repr(name)}; expected heads from 0.0 to ${model.layers - 1}.${model.heads - 1} and MLPs ` +
          `from 0.m to ${model.layers - 1}.m.`,
      );
    if (part === "m") found.mlps.push(Number(layer));
    else found.heads.push(name);
    found.parts.push([Number(layer), part === "m" ? model.heads : Number(part)]);
  }
  return found;
}

function head(model, about, { start, seed, code, columns, bound }, limits) {
  const notes = bound ? [`Side by side at most ${many(limits.TOGETHER)} characters are written.`] : [];
  const vocabulary = model.chars.length;
  return {
    ...{ model: about.name, prompt: start.text, seed, python: code, vocabulary, uniform: Math.log(vocabulary) },
    ...{ loss: about.loss, notes: [...start.notes, ...notes], columns },
  };
}

async function* grown(model, start, asked, limits) {
  const texts = new Texts(
    model.engine,
    asked.map((one) => ({ ids: start.ids, ...one })),
  );
  const numbers = uniforms(asked[0].config.seed);
  const parting = partings(asked.length);
  try {
    for await (const [rows, seconds, ended] of paced(texts, limits)) {
      yield {
        numbers: rows.map(() => rounded(numbers(), 6)),
        columns: asked.map((_, i) => ({
          text: rows.map((row) => model.chars[row[i].id]).join(""),
          nats: rows.map((row) => rounded(row[i].surprisal, 4)),
          drawn: rows.map((row) => rounded(row[i].sampledProbability, 6)),
        })),
        partings: rows.flatMap((row) => parting(row.map((step) => step.id))),
        ...{ seconds, ...(ended && { ended }) },
      };
    }
  } finally {
    texts.close();
  }
}

// A function that is given the next id of each column, and tells where columns that were alike part there:
// { at, groups }, groups of columns that go on alike.
function partings(columns) {
  let groups = [Array.from({ length: columns }, (_, i) => i)];
  let at = -1;
  return (ids) => {
    at += 1;
    const found = [];
    for (const group of [...groups]) {
      const parts = new Map();
      for (const column of group) parts.set(ids[column], [...(parts.get(ids[column]) ?? []), column]);
      if (parts.size === 1) continue;
      groups = [...groups.filter((one) => one !== group), ...parts.values()];
      found.push({ at, groups: [...parts.values()] });
    }
    return found;
  };
}

const ANSWERS = { "generate.write": write, "generate.compare": compare, "generate.without": without };

export { ANSWERS };
