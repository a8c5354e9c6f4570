// What can be taken along of the text: a picture, the numbers, a file that stays interactive, the lines of Python.

// A JSON string is a Python string as well.
const literal = JSON.stringify;

function python() {
  const config = ([run, many], extra = "") =>
    `SamplingConfig(${many}, ${run.temperature}, top_k=${run.top_k ?? "None"}, top_p=${run.top_p ?? "None"}, seed=${run.seed}${extra})`;
  const forced = shown.chars.flatMap((one, i) => (one.forced ? [`${i}: ${literal(one.char)}`] : []));
  const all = parts();
  const lines = [
    "from strivelm import SamplingConfig, generate, load_model",
    "",
    shown.head.load,
    "tokenizer = model.tokenizer",
    `prompt = ${literal(shown.head.read)}`,
  ];
  const ids = "given = {i: tokenizer.encode(char)[0] for i, char in forced.items()}";
  const given = forced.length ? [`forced = {${forced.join(", ")}}  # characters by their place`] : [];
  if (all.length === 1) {
    const argument = forced.length ? ", forced=given" : "";
    return [
      ...lines,
      `config = ${config(all[0])}`,
      ...given,
      ...(forced.length ? [ids] : []),
      'print(prompt, end="")',
      `for step in generate(model, tokenizer.encode(prompt), config${argument}):`,
      '    print(tokenizer.chars[step.id], end="", flush=True)  # step.surprisal, step.alternatives(8)',
      "",
    ].join("\n");
  }
  // Each part goes on from what the ones before have written: it is read again, character by character.
  let until = 0;
  return [
    ...lines,
    ...(forced.length ? given : ["forced = {}"]),
    ids,
    "parts = [  # the settings changed on the way",
    ...all.map(([run, many]) => `    ${config([run, (until += many)])},`),
    "]",
    "written = []",
    "for config in parts:",
    "    steps = generate(model, tokenizer.encode(prompt), config, forced=given | dict(enumerate(written)))",
    "    written = [step.id for step in steps]",
    "print(prompt + tokenizer.decode(written))",
    "",
  ].join("\n");
}

const rows = () => [
  ["place", "character", "surprisal_nats", "drawn_with_probability", "forced"],
  ...shown.chars.map((one, i) => [i, one.char, one.nats, one.drawn, Number(one.forced)]),
];

// The page as it is laid out, on a canvas: where the browser has put each character, there it is drawn.
function picture() {
  const box = page.getBoundingClientRect(),
    width = Math.ceil(box.width),
    scale = 2,
    foot = 72;
  const styled = getComputedStyle(page),
    drawn = document.createElement("canvas");
  const tone = (name) => styled.getPropertyValue(name).trim(),
    size = parseFloat(styled.fontSize),
    height = page.scrollHeight + foot;
  const context = strivelm.context(drawn, width, height, Math.min(scale, 16_000 / height));
  context.fillStyle = tone("--block-background-fill");
  context.fillRect(0, 0, width, height);
  context.textBaseline = "middle";
  const ink = tone("--body-text-color"),
    faint = tone("--body-text-color-subdued"),
    accent = tone("--color-accent");
  const put = (span, char, back, colour, one) => {
    for (const r of span.getClientRects()) {
      const x = r.left - box.left,
        y = r.top - box.top + page.scrollTop;
      if (back) ((context.fillStyle = back), context.fillRect(x, y, r.width, r.height));
      context.fillStyle = colour;
      context.fillText(char, x, y + r.height / 2);
      if (one?.span.classList.contains("shared"))
        ((context.fillStyle = accent), context.fillRect(x, y + r.height - 2, r.width, 2));
      if (one?.forced)
        ((context.strokeStyle = accent), context.strokeRect(x + 0.5, y + 0.5, r.width - 1, r.height - 1));
      if (span.tagName === "S") context.fillRect(x, y + r.height / 2, r.width, 1);
    }
  };
  context.font = `400 ${size}px ${styled.fontFamily}`;
  for (const part of at(".page .prompt").children) {
    const range = document.createRange(),
      node = part.firstChild;
    for (let i = 0; node && i < node.length;) {
      const char = String.fromCodePoint(node.data.codePointAt(i));
      range.setStart(node, i);
      range.setEnd(node, (i += char.length));
      put(
        { getClientRects: () => range.getClientRects(), tagName: part.tagName },
        char === "\n" ? "" : char,
        tone("--prompt-ground"),
        tone("--prompt-ink"),
      );
    }
  }
  for (const one of shown.chars)
    put(
      one.span,
      one.span.dataset.shown ?? one.char,
      one.span.style.backgroundColor,
      one.span.dataset.shown ? faint : ink,
      one,
    );
  context.font = `400 12px ${tone("--font")}`;
  context.fillStyle = faint;
  const { temperature, top_k, top_p } = shown.runs.at(-1);
  const settings = `temperature ${temperature}, top-k ${top_k || "all"}, top-p ${top_p ?? 1}`;
  [`StriveLM · ${summary()}, ${settings}`, at(".by").textContent].forEach((line, i) =>
    context.fillText(line, 16, height - foot + 14 + 18 * i, width - 32),
  );
  for (let nats = 0; nats <= 6; nats++) {
    const cell = (width - 32) / 7,
      x = 16 + nats * cell;
    context.fillStyle = strivelm.surprise(nats);
    context.fillRect(x, height - 28, cell, 18);
    context.fillStyle = ink;
    context.fillText(`${nats} nats: ${strivelm.oneIn(nats)}`, x + 4, height - 18, cell - 8);
  }
  return drawn;
}

// The lines that let the model write this text in another page: <strivelm-text> of strivelm/web/element.js.
async function embedded() {
  const { head, runs } = shown;
  const { files } = await strivelm.ask("web.model", {}, { of: [head.model] });
  if (!files) throw new Error("The model's files are not for visitors.");
  const [, model, revision] =
    /^https:\/\/huggingface\.co\/([^/]+\/[^/]+)\/resolve\/([0-9a-f]+)\//.exec(files.config) ?? [];
  const here = new URL(`${strivelm.root()}/`, location.origin);
  const src = new URL(files.config, here).href.replace(/[^/]*$/, "");
  const { temperature, top_k, top_p, seed } = runs.at(-1);
  const given = {
    ...(model ? { model, revision } : { src }),
    ...{ prompt: head.read, count: shown.chars.length, temperature, "top-k": top_k ?? 0, "top-p": top_p ?? 1, seed },
  };
  const safe = (value) => String(value).replace(/[&"<>\n]/g, (char) => `&#${char.codePointAt(0)};`);
  const attributes = Object.entries(given).map(([name, value]) => `${name}="${safe(value)}"`);
  const script = new URL("strivelm/text.js", here).href;
  return `<script src="${script}"><${""}/script>\n<strivelm-text ${attributes.join(" ")}></strivelm-text>\n`;
}

// How the text is looked at, so that a file shows it as it stands.
const seen = () => ({ colours: coloured, underline: underlines(), least: at(".least select").value, chosen: pinned });

strivelm.tools(at(".tools"), "strivelm-text", {
  python,
  png: picture,
  csv: rows,
  text: () => shown.head.read + text(),
  html: () => strivelm.file("text", { ...value(), seen: seen() }),
  writes: async () => strivelm.file("text", { ...value(), seen: seen() }, await strivelm.along(shown.head.model)),
  embed: embedded,
});
