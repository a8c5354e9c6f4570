// Texts that the visitor's own machine writes: a worker with the model (strivelm/web), asked as the server is.
//
// Who writes is the owner's choice (strivelm/ui/core/in_browser.py): "server", "browser", or "faster" of the two. Where
// the browser can't, the server does: of a model whose files are not for visitors, or where they can't be fetched.
import { chosen } from "./address.js";
import { askServer, inPage, root } from "./ask.js";

const ANSWERED = new Set(["generate.write", "generate.compare", "generate.without"]);
const waiting = new Map(); // id → { part, kept, broken } of what was sent to the worker
const opened = new Map(); // reference → a promise of what the worker says of the model, or of null where it can't serve
const speed = { server: 0 }; // characters a second of the last text
let worker = null;
let last = 0;

const address = (from) => new URL(from, `${location.origin}${root()}/`).href;
const writer = () => (inPage() ? (chosen.page?.writer ?? "server") : "server");

function begun() {
  if (worker) return worker;
  worker = new Worker(address("strivelm/worker.js"));
  worker.onmessage = ({ data: { id, part, answer, error } }) => {
    const asked = waiting.get(id);
    if (part !== undefined) return asked?.part?.(part);
    waiting.delete(id);
    if (error === undefined) asked?.kept(answer);
    else asked?.broken(new Error(error));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    end(new Error("The browser could not start the worker that writes."));
  };
  return worker;
}

// Ends the worker, and gives back all of its memory.
function end(error = new DOMException("The worker was ended.", "AbortError")) {
  worker?.terminate();
  worker = null;
  opened.clear();
  for (const { broken } of waiting.values()) broken(error);
  waiting.clear();
}

// Sends a message to the worker; a promise of its answer.
function send(message, { part, signal } = {}) {
  return new Promise((kept, broken) => {
    if (signal?.aborted) return void broken(signal.reason);
    const id = ++last;
    waiting.set(id, { part, kept, broken });
    begun().postMessage({ ...message, id });
    signal?.addEventListener("abort", () => {
      if (waiting.delete(id)) worker?.postMessage({ id, do: "stop" });
      broken(signal.reason);
    });
  });
}

// A promise of what the worker says of a model: { engine, speed }; of null where it can't serve. One is open at a time.
function ready(ref) {
  if (opened.has(ref)) return opened.get(ref);
  for (const other of opened.keys()) {
    opened.delete(other);
    send({ do: "close", ref: other }).catch(() => {});
  }
  const open = async () => {
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
  if (writer() === "browser") return Boolean(await ready(ref));
  const now = await Promise.race([ready(ref), null]); // nobody waits for a download that the server can do without
  return Boolean(now) && now.speed > speed.server;
}

// Begins to fetch what the browser needs, before it is asked.
function prepare(ref) {
  if (writer() !== "server") ready(ref);
}

// The answer to a question: what `askServer` gives, from whoever is to answer. The first piece of a text says by
// `writer` who that was, where both could be: "browser" or "server".
async function ask(name, given = {}, how = {}) {
  const { of: [ref] = [chosen.model], part, signal } = how;
  if (!ANSWERED.has(name) || writer() === "server") return askServer(name, given, how);
  const here = await writesHere(ref);
  const heard = (piece) => {
    const many = piece.characters?.length ?? piece.columns?.[0]?.text?.length ?? 0;
    heard.many = (heard.many ?? 0) + many;
    if (!here && piece.seconds > 0) speed.server = heard.many / piece.seconds;
    part?.("seconds" in piece ? piece : { ...piece, writer: here ? "browser" : "server" });
  };
  if (!here) return askServer(name, given, { ...how, part: heard });
  return send({ do: "ask", ref, name, given }, { part: heard, signal });
}

export { ask, end, prepare };
