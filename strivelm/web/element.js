// <strivelm-text model="owner/name" prompt="To be"></strivelm-text>: a model of the Hub that writes in any page, without
// a server. It is fetched when its button is pressed for the first time, at the commit that its revision stands for then.
//
//   model        a repo on the Hub                revision   a branch, tag or commit; "main" where nothing is said
//   src          in place of these, the address of a folder with config.json and model.safetensors
//   prompt, count, temperature, top-k, top-p, seed           how it writes; the seed is drawn where there is none
//
// It sends the event "strivelm-written", whose detail is { text, seed, characters: [[char, nats, …], …] }.
/* global WORKER */ // the worker's script, which script.py puts before this one
import { Client } from "./client.js";

const HUB = "https://huggingface.co";
const STYLE = `
  :host { display: block; font: 16px/1.5 ui-monospace, monospace; }
  p { margin: 0 0 .5em; white-space: pre-wrap; overflow-wrap: anywhere; }
  b { font-weight: 600; }
  button { font: inherit; padding: .1em .8em; cursor: pointer; }
  small { margin-left: .8em; opacity: .8; }`;
const USUAL = { count: 200, temperature: 0.9, "top-k": 40, "top-p": 1 };
const make = (tag, text = "") => Object.assign(document.createElement(tag), { textContent: text });

let client = null;
const opened = new Map(); // model or folder → a promise that is kept when it is open

async function filesOf(element) {
  const src = element.getAttribute("src");
  if (src) return folder(new URL(src.endsWith("/") ? src : `${src}/`, document.baseURI).href);
  const model = element.getAttribute("model") ?? "";
  if (!/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(model)) throw new Error(`model is "${model}"; expected owner/name.`);
  const revision = encodeURIComponent(element.getAttribute("revision") ?? "main");
  const answer = await fetch(`${HUB}/api/models/${model}/revision/${revision}`);
  if (!answer.ok) throw new Error(`The Hub has no ${model} at ${decodeURIComponent(revision)} (${answer.status}).`);
  const { sha } = await answer.json();
  return folder(`${HUB}/${model}/resolve/${sha}/`);
}

const folder = (at) => ({ config: `${at}config.json`, weights: `${at}model.safetensors` });

function open(element) {
  client ??= new Client(new Worker(URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }))));
  const ref = ["src", "model", "revision"].map((name) => element.getAttribute(name) ?? "").join(" ");
  if (!opened.has(ref)) {
    const about = { name: element.getAttribute("model") ?? "", load: "", loss: null };
    const found = filesOf(element).then((files) => client.send({ do: "open", ref, files, about }));
    found.catch(() => opened.delete(ref)); // the next press tries again
    opened.set(ref, found);
  }
  return opened.get(ref).then(() => ref);
}

class StriveText extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    const parts = { page: make("p"), button: make("button", "Write"), said: make("small") };
    Object.assign(this, parts);
    this.said.setAttribute("role", "status");
    this.page.append(make("b", this.getAttribute("prompt") ?? ""), make("span"));
    root.append(make("style", STYLE), this.page, this.button, this.said);
    this.button.addEventListener("click", () => (this.running ? this.running.abort() : this.write()));
  }

  disconnectedCallback() {
    this.running?.abort();
  }

  // Writes a text; a promise that is kept when it stands there.
  async write() {
    const running = (this.running = new AbortController());
    const number = (name) => Number(this.getAttribute(name) ?? USUAL[name]);
    const given = {
      prompt: this.getAttribute("prompt") ?? "",
      ...{ count: number("count"), temperature: number("temperature"), top_k: number("top-k"), top_p: number("top-p") },
      seed: this.getAttribute("seed") ?? "",
    };
    const written = { text: "", seed: null, characters: [] };
    this.button.textContent = "Stop";
    this.said.textContent = "The model is on its way…";
    try {
      const ref = await open(this);
      const part = (piece) => this.show(piece, written);
      await client.send({ do: "ask", ref, name: "generate.write", given }, { part, signal: running.signal });
      this.dispatchEvent(new CustomEvent("strivelm-written", { detail: written, bubbles: true }));
    } catch (error) {
      this.said.textContent = error.name === "AbortError" ? "Stopped" : error.message;
    } finally {
      this.running = null;
      this.button.textContent = "Write";
    }
  }

  show({ read, seed, notes, characters = [], ended }, written) {
    if (read !== undefined) {
      this.page.replaceChildren(make("b", read), make("span"));
      this.said.textContent = notes.join(" ");
      written.seed = seed;
    }
    for (const one of characters) {
      const [char, nats] = one;
      const span = make("span", char);
      span.style.background = `rgb(255 130 40 / ${Math.round(60 * Math.min(1, nats / 6))}%)`;
      span.title = `${nats.toFixed(2)} nats`;
      this.page.lastChild.append(span);
      written.text += char;
      written.characters.push(one);
    }
    if (ended) this.said.textContent = `Written here, in the browser; seed ${written.seed}`;
  }
}

if (!customElements.get("strivelm-text")) customElements.define("strivelm-text", StriveText);

export { StriveText };
