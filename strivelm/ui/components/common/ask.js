// Asking the server about a model. Every view asks by strivelm.ask (machine.js), which gives a promise.
import { chosen } from "./address.js";

const inPage = () => Boolean(document.querySelector("gradio-app"));

// The path under which the page is served, without a slash at its end.
const root = () => {
  const { root: given } = window.gradio_config ?? {};
  return given ? new URL(given, location.href).pathname.replace(/\/$/, "") : "";
};
const api = () => `${root()}${window.gradio_config?.api_prefix ?? "/gradio_api"}/call`;

// On ZeroGPU the page around a Space says on whose quota a GPU is lent; it is asked as Gradio's own client asks it.
function headers() {
  if (window.parent === window || !window.supports_zerogpu_headers) return Promise.resolve({});
  return new Promise((found) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => (port1.close(), found(data ?? {}));
    window.parent.postMessage("zerogpu-headers", "https://huggingface.co", [port2]);
  });
}

const refused = (status) =>
  status === 503
    ? "The page is busy: too many questions wait already. Try again in a moment."
    : `The server answered ${status}; reload the page if that happens again.`;

// The messages of a stream of server-sent events, each as [event, data].
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const [event, data] = block.split("\n", 2);
      yield [event.slice("event: ".length), data?.slice("data: ".length)];
    }
  }
}

// The answer to a question, of one that comes in pieces the last piece.
//   of: the models it is asked of, by reference; the open one where nothing is said
//   part(piece): is called with each piece as it comes
//   signal: an AbortSignal; when it fires, the server stops working on it
//   lane: "looking" or "writing"
// Rejects with an Error whose message is a sentence for the visitor.
async function askServer(name, given = {}, { of = [chosen.model], part, signal, lane = "looking" } = {}) {
  if (!inPage()) throw new Error("This is computed in the page, or by the lines under Python.");
  const body = JSON.stringify({ data: [{ name, of, arguments: given }] });
  const type = { "content-type": "application/json" };
  const posted = await fetch(`${api()}/${lane}`, {
    method: "POST",
    headers: { ...type, ...(await headers()) },
    body,
    signal,
  });
  if (!posted.ok) throw new Error(refused(posted.status));
  const { event_id } = await posted.json();
  const stream = await fetch(`${api()}/${lane}/${event_id}`, { signal });
  if (!stream.ok) throw new Error(refused(stream.status));
  let answer;
  for await (const [event, data] of events(stream.body)) {
    if (event === "error") throw new Error("The server could not answer; reload the page if that happens again.");
    if (event !== "generating") continue;
    const [piece] = JSON.parse(data);
    if (piece.error) throw new Error(piece.error);
    if (!("value" in piece)) continue;
    answer = piece.value;
    part?.(answer);
  }
  return answer;
}

export { askServer, inPage, root };
