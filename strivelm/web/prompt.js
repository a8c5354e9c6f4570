// What a visitor asks for, checked, and a prompt as a model reads it, in the words of the page's server
// (strivelm/ui/limits.py, ui/core/reading.py, tokenizer.py).
const many = (n) => n.toLocaleString("en");
const plural = (n, what) => `${many(n)} ${what}${n === 1 ? "" : "s"}`;
const codePoint = (char, digits) => char.codePointAt(0).toString(16).padStart(digits, "0");

// A text as Python's repr shows it.
function repr(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const named = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };
  const shown = (char) => {
    if (named[char]) return named[char];
    if (char === quote) return `\\${quote}`;
    if (char === " " || !/[\p{C}\p{Z}]/u.test(char)) return char;
    const point = char.codePointAt(0);
    return point < 256
      ? `\\x${codePoint(char, 2)}`
      : point < 65536
        ? `\\u${codePoint(char, 4)}`
        : `\\U${codePoint(char, 8)}`;
  };
  return quote + Array.from(text, shown).join("") + quote;
}

const display = (char) =>
  char >= " " && char <= "~" ? repr(char) : `${repr(char)} (U+${codePoint(char, 4).toUpperCase()})`;

// Each character of a text that the model does not know, with its places.
function unknown(model, text) {
  const places = new Map();
  Array.from(text).forEach((char, i) => {
    if (model.ids.has(char)) return;
    if (!places.has(char)) places.set(char, []);
    places.get(char).push(i);
  });
  return places;
}

function describeUnknown(places) {
  const shown = [...places].slice(0, 5).map(([char, where]) => {
    const rest = where.length > 5 ? ` and ${many(where.length - 5)} more` : "";
    return `${display(char)} at ${where.slice(0, 5).join(", ")}${rest}`;
  });
  const rest = places.size > 5 ? `; and ${plural(places.size - 5, "other character")}` : "";
  const what = places.size === 1 ? "This character is" : `These ${many(places.size)} characters are`;
  return `${what} not in the model's vocabulary: ${shown.join("; ")}${rest}.`;
}

// The ids of a text. Throws an Error that names the characters that the model does not know.
function encode(model, text) {
  const places = unknown(model, text);
  if (places.size) {
    const known = model.chars.length <= 100 ? model.chars.join("") : `${model.chars.slice(0, 100).join("")}…`;
    throw new Error(
      `${describeUnknown(places)} The model knows ${plural(model.chars.length, "character")}: ${repr(known)}`,
    );
  }
  return Array.from(text, (char) => model.ids.get(char));
}

// The prompt as the model reads it: { ids, text, notes }, without unknown characters and never empty.
function startFrom(model, prompt) {
  const places = unknown(model, prompt);
  const notes = [];
  let text = Array.from(prompt)
    .filter((char) => model.ids.has(char))
    .join("");
  if (places.size) {
    const one = places.size === 1 && [...places.values()][0].length === 1;
    const left = one ? "It was left out." : "They were left out.";
    const known = `It knows only the ${plural(model.chars.length, "character")} of its training text.`;
    notes.push(`${describeUnknown(places)} ${left} ${known}`);
  }
  if (!text) {
    text = model.start;
    const what = prompt ? "It knows no character of the prompt" : "The prompt is empty";
    const how = text === "\n" ? "a line break" : `${repr(text)}, the first character it knows`;
    notes.push(`${what}, so the model begins after ${how}.`);
  }
  const ids = encode(model, text);
  if (ids.length > model.context)
    notes.push(
      `The prompt has ${many(ids.length)} characters, and this model sees at most ${many(model.context)} at a time: ` +
        "it reads only the end.",
    );
  return { ids, text, notes };
}

// The prompt as [text, kind]: "read", "unknown" to the model, or "unread" because the context begins after it.
function pieces(model, prompt, start) {
  const chars = Array.from(prompt);
  if (!chars.some((char) => model.ids.has(char)))
    return [...(prompt ? [[prompt, "unknown"]] : []), [start.text, "read"]];
  const found = [];
  let known = 0;
  for (const char of chars) {
    const isKnown = model.ids.has(char);
    const kind = !isKnown ? "unknown" : known < start.ids.length - model.context ? "unread" : "read";
    known += Number(isKnown);
    if (found.at(-1)?.[1] === kind) found.at(-1)[0] += char;
    else found.push([char, kind]);
  }
  return found;
}

// -- settings ---------------------------------------------------------------------------------------------------------

// A number as Python shows a float.
const asFloat = (number) => (Number.isInteger(number) ? number.toFixed(1) : String(number));
const shown = (value, number = String) => {
  const kinds = { string: repr, number };
  return (value == null ? "empty" : (kinds[typeof value] ?? String)(value)).slice(0, 40);
};

function checkedPrompt(prompt, { PROMPT_CHARACTERS: most }) {
  const text = (prompt ?? "").replaceAll("\r\n", "\n").replaceAll("\r", "\n");
  const length = Array.from(text).length;
  if (length > most)
    throw new Error(
      `The prompt has ${many(length)} characters, but at most ${many(most)} are allowed; ` +
        `shorten it by ${many(length - most)}.`,
    );
  return text;
}

// A seed from a text field: empty is null; what is none is refused.
function seedOf(value, { MAX_SEED }) {
  const text = String(value ?? "").trim();
  if (!text) return null;
  const seed = Number(text);
  if (!/^\d+$/.test(text) || seed > MAX_SEED)
    throw new Error(
      `The setting seed is ${/^\d{1,19}$/.test(text) ? text : repr(text)}; expected a whole number from 0 to ${MAX_SEED}.`,
    );
  return seed;
}

// The settings as { count, temperature, top_k, top_p, seed }, with a seed that was drawn where none is given.
function checkedSampling({ count, temperature, top_k, top_p, seed }, limits) {
  if (!Number.isInteger(count) || count < 1 || count > limits.MOST_CHARACTERS)
    throw new Error(
      `The number of characters to write is ${shown(count)}; ` +
        `expected a whole number from 1 to ${many(limits.MOST_CHARACTERS)}.`,
    );
  if (typeof temperature !== "number" || !(temperature >= 0 && temperature <= limits.HOTTEST))
    throw new Error(
      `The temperature is ${shown(temperature, asFloat)}; expected a number from 0 to ${limits.HOTTEST}.`,
    );
  if (!Number.isInteger(top_k) || top_k < 0)
    throw new Error(
      `The setting top_k is ${shown(top_k)}; expected a whole number of characters to keep, or 0 for all.`,
    );
  if (typeof top_p !== "number" || !(top_p > 0 && top_p <= 1))
    throw new Error(
      `The setting top_p is ${shown(top_p, asFloat)}; expected a number above 0 and at most 1 (1 keeps all).`,
    );
  return { count, temperature, top_k, top_p, seed: seedOf(seed, limits) ?? newSeed() };
}

const newSeed = () => Math.floor(Math.random() * 1_000_000);

export { asFloat, checkedPrompt, checkedSampling, encode, many, pieces, repr, startFrom };
