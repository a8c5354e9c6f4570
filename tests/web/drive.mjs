// What Python asks the modules of strivelm/web, in Node: `node drive.mjs FOLDER ASKED ANSWERS`, the folder with copies of
// the modules and two files of JSON. ASKED is a list of { do, … }; each answer is { answer } or { error }.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, asked, answers] = process.argv.slice(2);
const modules = (name) => import(pathToFileURL(join(folder, `${name}.js`)));
const { uniforms } = await modules("uniforms");
const { Texts } = await modules("writing");
const { compiled, openModel } = await modules("model");
const { ANSWERS } = await modules("answers");
const { encode } = await modules("prompt");

const decoder = compiled(readFileSync(join(folder, "decoder.wasm")));
if (!decoder) throw new Error("this Node has no WebAssembly SIMD");
let model = null; // the one that was opened last
const numbers = (found) => found && Array.from(found);

const acts = {
  uniforms: ({ seed, first, count }) => {
    const next = uniforms(seed, first);
    return Array.from({ length: count }, next);
  },
  open: ({ at, plain = false, tokenizer = false }) => {
    model?.close();
    model = null;
    const file = (name) => new Uint8Array(readFileSync(join(at, name)));
    const files = { config: file("config.json"), weights: file("model.safetensors") };
    if (tokenizer) files.tokenizer = file("tokenizer.json");
    model = openModel(files, plain ? null : decoder);
    return { engine: model.engine.name, chars: model.chars.join("") };
  },
  // texts: { ids, config, first, forced: [[index, id]], off: [[layer, part]] }; their ids, surprisals and more
  write: ({ texts: given }) => {
    const texts = new Texts(
      model.engine,
      given.map((one) => ({ ...one, forced: new Map(one.forced ?? []) })),
    );
    const found = given.map(() => []);
    while (texts.left)
      texts.turn().forEach((step, i) => {
        if (step) found[i].push([step.id, step.surprisal, step.sampledProbability, step.alternatives(8)]);
      });
    texts.close();
    return found;
  },
  ask: async ({ question, about, given, limits }) => {
    const parts = [];
    for await (const part of ANSWERS[question](model, about, given, limits)) parts.push(part);
    return parts;
  },
  look: ({ text, attention, depths }) => {
    const found = model.look(encode(model, text), { attention, depths });
    return Object.fromEntries(Object.entries(found).map(([name, one]) => [name, numbers(one)]));
  },
  surprisal: ({ text }) => model.surprisal(encode(model, text)),
  // Opens and closes a model again and again; the bytes that this process holds before and after.
  again: ({ at, times }) => {
    const held = () => (globalThis.gc(), process.memoryUsage.rss());
    const sizes = [];
    for (let i = 0; i < times; i++) {
      acts.open({ at });
      acts.write({ texts: [{ ids: [1], config: { count: 20, temperature: 1, top_k: 0, top_p: 1, seed: 1 } }] });
      sizes.push(held());
    }
    return sizes;
  },
};

const found = [];
for (const one of JSON.parse(readFileSync(asked, "utf8"))) {
  try {
    found.push({ answer: (await acts[one.do](one)) ?? null });
  } catch (error) {
    found.push({ error: error.message, kind: error.constructor.name });
  }
}
writeFileSync(answers, JSON.stringify(found));
