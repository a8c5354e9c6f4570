// The worker in which models compute, so that the page stays quick. It is told and tells by messages:
//
//   { id, do: "open", ref, files, about, measure }    files: { config, weights, tokenizer }, addresses or bytes; the
//     answer is { engine, speed }, characters a second where they are to be measured
//   { id, do: "ask", ref, name, given }     { id, do: "stop" }     { id, do: "close", ref }
//   { id, part } …, at last { id, answer } or { id, error }
import { ANSWERS } from "./answers.js";
import { compiled, mostBytes, openModel } from "./model.js";
import { encode } from "./prompt.js";
import { Texts } from "./writing.js";

const MOST_KEPT = 24; // files: three for a model
const KEPT = "strivelm-models"; // the name under which a browser keeps what was fetched

// What the page looks at beside the text: numbers as the engine has them.
const LOOKS = {
  surprisal: (model, { text }) => model.surprisal(encode(model, text)),
  look: (model, { text, attention, depths }) => model.look(encode(model, text), { attention, depths }),
};

// Keeps a file, and gives up what has been kept for longest.
async function keep(kept, from, bytes) {
  await kept.put(from, new Response(bytes));
  for (const old of (await kept.keys()).slice(0, -MOST_KEPT)) await kept.delete(old);
}

// The bytes behind an address, which the browser keeps; at most so many. Bytes are taken as they are.
async function fetched(from, most, name) {
  if (from instanceof ArrayBuffer) return new Uint8Array(from);
  const kept = await globalThis.caches?.open(KEPT).catch(() => null); // there is none in a frame without an origin
  const found = await kept?.match(from);
  const answer = found ?? (await fetch(from, { cache: kept ? "no-store" : "default" })); // not kept twice
  if (!answer.ok) throw new Error(`${name} could not be fetched: the server answered ${answer.status}.`);
  const parts = [];
  let size = 0;
  for (const reader = answer.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      reader.cancel();
      throw new Error(
        `${name} has more than the ${most.toLocaleString("en")} bytes that its config.json leads one to expect.`,
      );
    }
    parts.push(value);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  if (kept && !found) keep(kept, from, bytes).catch(() => {}); // a disk may be full
  return bytes;
}

// Characters a second, of a text that is written for a moment.
function speedOf(model) {
  const config = { count: 1000, temperature: 1, top_k: 0, top_p: 1, seed: 0 };
  const texts = new Texts(model.engine, [{ ids: [0], config }]);
  const began = performance.now();
  const taken = []; // the first ones take longer, and so does one during which the machine does something else
  for (let now = began; taken.length < TRIED && now - began < TRIAL; now = performance.now()) {
    texts.turn();
    taken.push(performance.now() - now);
  }
  texts.close();
  return 1000 / taken.sort((a, b) => a - b)[taken.length >> 1];
}

const TRIED = 60; // characters
const TRIAL = 300; // milliseconds
const MOST_JSON = 32 << 20;

function serve(post, { wasm, limits }) {
  const module = wasm ? compiled(wasm) : null;
  const models = new Map(); // by reference: { model, about }
  const stopped = new Set();

  async function open({ ref, files, about, measure = false }) {
    const [config, tokenizer] = await Promise.all([
      fetched(files.config, MOST_JSON, "config.json"),
      files.tokenizer ? fetched(files.tokenizer, MOST_JSON, "tokenizer.json") : null,
    ]);
    const weights = await fetched(files.weights, mostBytes(config, tokenizer), "model.safetensors");
    models.get(ref)?.model.close();
    const model = openModel({ config, weights, tokenizer }, module);
    models.set(ref, { model, about });
    return { engine: model.engine.name, speed: measure ? speedOf(model) : 0 };
  }

  async function ask({ id, ref, name, given }) {
    const there = models.get(ref);
    if (!there) throw new Error("This model is not open in the browser.");
    if (name in LOOKS) return LOOKS[name](there.model, given);
    for await (const part of ANSWERS[name](there.model, there.about, given, limits)) {
      if (stopped.has(id)) return null;
      post({ id, part });
    }
    return null;
  }

  function close({ ref }) {
    models.get(ref)?.model.close();
    models.delete(ref);
    return null;
  }

  const acts = { open, ask, close };
  return async (message) => {
    const { id } = message;
    if (message.do === "stop") return void stopped.add(id);
    try {
      post({ id, answer: await acts[message.do](message) });
    } catch (error) {
      post({ id, error: error.message });
    } finally {
      stopped.delete(id);
    }
  };
}

export { serve };
