// The steps as a table and as a drawing.
function table(found) {
  const { ends } = drawn(found.stages.top_p, 0);
  const names = ["model", "temperature", "top_k", "top_p"];
  return [
    [
      "character",
      "id",
      "logit",
      "model's probability",
      "after temperature",
      "after top-k",
      "after top-p",
      "cumulative in the vocabulary's order",
    ],
    ...found.order.map((id) => [
      found.chars[id],
      id,
      found.logits[id],
      ...names.map((name) => found.stages[name][id]),
      ends[id],
    ]),
  ];
}

// `rows` of {name, share, ghost, value, gone, hit}; texts enter as text nodes, whatever they hold.
function drawing(found, title, lines, rows) {
  const SVG = "http://www.w3.org/2000/svg",
    W = 760,
    H = 22,
    top = 70 + 18 * lines.length;
  const node = (tag, attributes, text) => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const ink = strivelm.css("--body-text-color"),
    quiet = strivelm.css("--body-text-color-subdued"),
    accent = strivelm.css("--color-accent");
  const drawn = node("svg", {
    xmlns: SVG,
    viewBox: `0 0 ${W} ${top + H * rows.length + 16}`,
    width: W,
    "font-family": "sans-serif",
    "font-size": 13,
    fill: ink,
  });
  drawn.append(node("rect", { width: "100%", height: "100%", fill: strivelm.css("--background-fill-primary") }));
  drawn.append(node("text", { x: 16, y: 30, "font-size": 16, "font-weight": 700 }, title));
  lines.forEach((line, i) => drawn.append(node("text", { x: 16, y: 54 + 18 * i }, line)));
  rows.forEach(({ name, share, ghost, value, gone, hit }, i) => {
    const y = top + H * i;
    drawn.append(
      node(
        "text",
        {
          x: 100,
          y: y + 15,
          "text-anchor": "end",
          "font-family": "monospace",
          fill: gone ? quiet : ink,
          ...(gone ? { "text-decoration": "line-through" } : {}),
        },
        name,
      ),
    );
    if (ghost > 0.002)
      drawn.append(
        node("rect", {
          x: 110,
          y: y + 3.5,
          width: 500 * ghost,
          height: 15,
          fill: "none",
          stroke: quiet,
          "stroke-dasharray": "2 2",
        }),
      );
    drawn.append(
      node("rect", {
        x: 110,
        y: y + 3,
        width: 500 * share,
        height: 16,
        fill: hit ? accent : strivelm.colour("sequential", 0.5),
      }),
    );
    drawn.append(
      node("text", { x: 620, y: y + 15, fill: gone ? quiet : ink, ...(hit ? { "font-weight": 700 } : {}) }, value),
    );
  });
  return new XMLSerializer().serializeToString(drawn);
}

// Text in lines of at most `most` characters.
function wrapped(text, most = 96) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if (lines.at(-1).length + word.length + 1 > most) lines.push("");
    lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
  }
  return lines;
}
