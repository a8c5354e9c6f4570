// A lesson's data: { title, steps: [{ link, says }] }, and its two forms, a file of JSON and an address.
//
// What comes from elsewhere goes through `checked`, which throws an Error with a sentence. A link is taken apart and
// written anew: only the page's own choices are left of it, so that it can't lead anywhere else.
const TABS = new Map(Object.entries(JSON.parse(props.value).tabs));
const MOST = { steps: 60, title: 120, says: 500, link: 8000, bytes: 300_000, address: 30_000 };
const OWN_NAME = /^[a-z][a-z0-9_-]{0,30}$/i; // of a choice in an address; what begins with __ is Gradio's
const FORM = "strivelm_lesson"; // of a file: the version of its form
const HASH = "lesson"; // of an address: #lesson=…

const size = (count) => count.toLocaleString("en");

function checkedLink(link, where) {
  const parts = typeof link === "string" ? /^(?:\?([^#]*))?(?:#(.*))?$/s.exec(link) : null;
  if (!parts)
    throw new Error(`${where} has a link that is none of this page's; expected one such as ?tab=learn&step=2.`);
  if (link.length > MOST.link)
    throw new Error(`${where} has a link of ${size(link.length)} characters; expected at most ${size(MOST.link)}.`);
  const [query, fragment] = parts.slice(1).map((part) => [...new URLSearchParams(part ?? "")]);
  const all = [...query, ...fragment].filter(([name]) => !name.startsWith("__"));
  const wrong = all.find(([name]) => !OWN_NAME.test(name) || name === HASH);
  if (wrong) throw new Error(`${where} has a link with “${wrong[0].slice(0, 40)}”, which is no choice of this page.`);
  const tab = new Map(all).get("tab");
  if (tab !== undefined && !TABS.has(tab))
    throw new Error(`${where} leads to the tab “${tab.slice(0, 40)}”; this page has ${[...TABS.keys()].join(", ")}.`);
  const written = (pairs) => new URLSearchParams(pairs.filter(([name]) => !name.startsWith("__"))).toString();
  const [before, behind] = [written(query), written(fragment)];
  return `${before ? `?${before}` : ""}${behind ? `#${behind}` : ""}`;
}

// A text without characters that steer a screen; a longer one is refused.
function checkedText(text, most, where) {
  if (typeof text !== "string") throw new Error(`${where} is ${typeof text}; expected a text.`);
  if (text.length > most)
    throw new Error(`${where} has ${size(text.length)} characters; expected at most ${size(most)}.`);
  return text.replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]+/gu, " ").trim();
}

function checked(found) {
  if (typeof found !== "object" || found === null || !Array.isArray(found.steps))
    throw new Error("This is no lesson: there is no list of steps in it.");
  if (found.steps.length > MOST.steps)
    throw new Error(`The lesson has ${size(found.steps.length)} steps; expected at most ${MOST.steps}.`);
  const steps = found.steps.map((step, i) => ({
    link: checkedLink(step?.link, `Step ${i + 1}`),
    says: checkedText(step?.says ?? "", MOST.says, `The sentence of step ${i + 1}`),
  }));
  return { title: checkedText(found.title ?? "", MOST.title, "The title"), steps };
}

// -- as a file ----------------------------------------------------------------------------------------------------------
const written = ({ title, steps }) => `${JSON.stringify({ [FORM]: 1, title, steps }, null, 2)}\n`;

function parsed(text) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error("This is no lesson: the file is not JSON. Open one that was saved here.");
  }
  if (found?.[FORM] !== 1)
    throw new Error("This is no lesson: the file was not saved by this page, or by a newer one.");
  return checked(found);
}

async function readFile(file) {
  if (file.size > MOST.bytes)
    throw new Error(`The file has ${size(file.size)} bytes; a lesson has at most ${size(MOST.bytes)}.`);
  return parsed(await file.text());
}

// -- as an address ------------------------------------------------------------------------------------------------------
// Bytes through a compressing or decompressing stream; no more than MOST.bytes come out.
async function through(bytes, stream) {
  const writer = stream.writable.getWriter();
  writer.write(bytes).catch(() => {}); // what is wrong with them is thrown by read()
  writer.close().catch(() => {});
  const reader = stream.readable.getReader();
  const pieces = [];
  let count = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    count += value.length;
    if (count > MOST.bytes) {
      reader.cancel().catch(() => {});
      throw new Error(`it is larger than ${size(MOST.bytes)} bytes`);
    }
    pieces.push(value);
  }
  const all = new Uint8Array(count);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

// The lesson as the page's address, all of it behind '#'.
async function packed({ title, steps }) {
  const bytes = new TextEncoder().encode(JSON.stringify([title, steps.map(({ link, says }) => [link, says])]));
  const small = await through(bytes, new CompressionStream("deflate-raw"));
  const text = btoa(Array.from(small, (byte) => String.fromCharCode(byte)).join(""));
  const code = text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  if (code.length > MOST.address)
    throw new Error("The lesson is too long for an address; save it as a file, or shorten it.");
  return `${location.origin}${location.pathname}#${HASH}=${code}`;
}

async function unpacked(code) {
  let found;
  try {
    if (code.length > MOST.address) throw new Error("it is too long");
    const small = Uint8Array.from(atob(code.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
    const bytes = await through(small, new DecompressionStream("deflate-raw"));
    const [title, steps] = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    found = { title, steps: steps.map(([link, says]) => ({ link, says })) };
  } catch {
    throw new Error("The lesson in the address can't be read: a part of the link may be missing. Copy it once more.");
  }
  return checked(found);
}

// -- the view on show, and what a link is called --------------------------------------------------------------------------
const present = () => checkedLink(`${location.search}${location.hash}`, "This view");

const pairsOf = (link) => link.split(/[?#]/).flatMap((part) => [...new URLSearchParams(part)]);

// What a link says, whatever the order.
const choicesOf = (link) => JSON.stringify(pairsOf(link).sort());

// A link in words: its tab, its text, and what else is chosen.
function called(link) {
  const { tab, text, model, ...rest } = Object.fromEntries(pairsOf(link));
  const short = (value, most) => (value.length > most ? `${value.slice(0, most)}…` : value).replaceAll("\n", "⏎");
  const choices = Object.entries(rest).map(([name, value]) => `${name.replaceAll("_", " ")} ${short(value, 16)}`);
  const said = [
    ...(text ? [`“${short(text, 32)}”`] : []),
    ...choices.slice(0, 4),
    ...(model ? [`model ${short(model, 40)}`] : []),
  ];
  return [TABS.get(tab) ?? [...TABS.values()][0], said.join(", ")].filter(Boolean).join(": ");
}
