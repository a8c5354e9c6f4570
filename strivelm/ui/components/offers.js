const LONGEST = 40; // characters of a text that a button shows
const box = element.querySelector(".offers");
const title = (id) => document.querySelector(`#tabs > .tab-wrapper [data-tab-id="${id}"]`)?.textContent.trim() ?? id;

// Spaces and line breaks as one space, cut where it gets long.
function shortened(text) {
  const line = [...text.replace(/\s+/g, " ").trim()];
  return line.length > LONGEST ? `${line.slice(0, LONGEST).join("")}…` : line.join("");
}

function offer(text, from) {
  const button = strivelm.make("button", "strivelm-tool", shortened(text), { type: "button", title: text });
  if (from) button.prepend(strivelm.make("b", "", `Your text in ${from}: `));
  button.addEventListener("click", () => {
    const { tab, field } = JSON.parse(props.value);
    strivelm.type(field, text);
    strivelm.put(tab, "text", text);
    strivelm.run(tab);
    draw();
  });
  return button;
}

function draw() {
  const { tab, examples } = JSON.parse(props.value);
  const own = strivelm.inPage() ? strivelm.ownTexts(tab) : [];
  const others = examples.filter((text) => text.trim() && !own.some(([, mine]) => mine === text));
  box.replaceChildren(...own.map(([from, text]) => offer(text, title(from))), ...others.map((text) => offer(text)));
}

watch("value", draw);
draw();
if (strivelm.inPage()) strivelm.appeared(element, draw);
