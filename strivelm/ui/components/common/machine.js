// Texts that the visitor's own machine writes: a worker with the model (strivelm/web), asked as the server is.
//
// Who writes is the owner's choice (strivelm/ui/core/in_browser.py): "server", "browser", or "faster" of the two. Where
// the browser can't, the server does: of a model whose files are not for visitors, or where they can't be fetched. A file
// of its own may bring a model along (`bring`), and writes with that.
import { chosen } from "./address.js";
import { askServer, inPage, root } from "./ask.js";
import { Client } from "../../../web/client.js";

const ANSWERED = new Set(["generate.write", "generate.compare", "generate.without"]);
const opened = new Map(); // reference → a promise of what the worker says of the model, or of null where it can't serve
let speed = {}; // characters a second of the model's last text, by who wrote it
let client = null;
let brought = null; // { ref, worker, about, files } of a file: the worker's script, and the model's files in base64

const address = (from) => new URL(from, `${location.origin}${root()}/`).href;
const writer = () => (inPage() ? (chosen.page?.writer ?? "server") : "server");
const scriptOf = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
const send = (message, how) => {
  client ??= new Client(new Worker(brought ? scriptOf(brought.worker) : address("strivelm/worker.js")));
  return client.send(message, how);
};
const bytesOf = (base64) =>
  Uint8Array.fromBase64?.(base64) ?? Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
const base64Of = (blob) =>
  new Promise((kept, broken) => {
    const reader = Object.assign(new FileReader(), { onerror: () => broken(reader.error) });
    reader.onload = () => kept(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.readAsDataURL(blob);
  });

// Whether texts can be written: in the page, and in a file that brings its model along.
const canWrite = () => inPage() || Boolean(brought);

// A file says what it brings along, as `along` has put it together.
function bring(given) {
  brought = given;
  chosen.model = given.ref;
}

// What a file needs to write with a model: a promise of what `bring` takes.
async function along(ref) {
  const { files, about } = await askServer("web.model", {}, { of: [ref] });
  if (!files) throw new Error("The model's files are not for visitors.");
  const got = async (from) => {
    const answer = await fetch(address(from));
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    return answer.blob();
  };
  const [worker, ...content] = await Promise.all([got("strivelm/worker.js"), got(files.config), got(files.weights)]);
  const [config, weights] = await Promise.all(content.map(base64Of));
  return { ref, worker: await worker.text(), about, files: { config, weights } };
}

// A promise of what the worker says of a model: { engine, speed }; of null where it can't serve. One is open at a time.
function ready(ref) {
  if (opened.has(ref)) return opened.get(ref);
  speed = {};
  for (const other of opened.keys()) {
    opened.delete(other);
    send({ do: "close", ref: other }).catch(() => {});
  }
  const open = async () => {
    if (brought) {
      const { about, files } = brought;
      const bytes = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, bytesOf(text).buffer]));
      return send({ do: "open", ref, files: bytes, about });
    }
    const { files, about } = await askServer("web.model", {}, { of: [ref] });
    if (!files) return null;
    const whole = Object.fromEntries(Object.entries(files).map(([name, from]) => [name, address(from)]));
    return send({ do: "open", ref, files: whole, about, measure: writer() === "faster" });
  };
  const found = open().catch(() => null);
  opened.set(ref, found);
  return found;
}

// Whether the browser is to answer now.
async function writesHere(ref) {
  if (brought) return Boolean(await ready(ref));
  if (writer() === "browser") return Boolean(await ready(ref));
  const now = await Promise.race([ready(ref), null]); // nobody waits for a download that the server can do without
  return Boolean(now) && (speed.browser ?? now.speed) > (speed.server ?? 0);
}

// Begins to fetch what the browser needs, before it is asked, where the visitor has come to have a text written.
function prepare(ref) {
  if (writer() !== "server" && chosen.tab === "generate") ready(ref);
}

// The answer to a question: what `askServer` gives, from whoever is to answer. The first piece of a text says by
// `writer` who that was, where both could be: "browser" or "server".
async function ask(name, given = {}, how = {}) {
  const { of: [ref] = [chosen.model], part, signal } = how;
  if (!ANSWERED.has(name) || (writer() === "server" && !brought)) return askServer(name, given, how);
  const here = await writesHere(ref);
  const who = here ? "browser" : "server";
  let many = 0;
  const heard = (piece) => {
    many += piece.characters?.length ?? piece.columns?.[0]?.text?.length ?? 0;
    if (piece.ended && piece.seconds > 0) speed[who] = many / piece.seconds;
    part?.("seconds" in piece ? piece : { ...piece, writer: who });
  };
  if (!here) return askServer(name, given, { ...how, part: heard });
  const plain = JSON.parse(JSON.stringify(given)); // Gradio's lists are proxies, which no message can hold
  return send({ do: "ask", ref, name, given: plain }, { part: heard, signal });
}

export { along, ask, bring, canWrite, prepare };
