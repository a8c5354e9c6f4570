// Taking things along: files, the clipboard, and the row of small buttons under a view.
import { chosen } from "./address.js";
import { inPage } from "./ask.js";
import { ask } from "./machine.js";

function save(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Only pages from a secure address have a clipboard; elsewhere a selection can be copied.
  const held = Object.assign(document.createElement("textarea"), { value: text });
  document.body.append(held);
  held.select();
  const done = document.execCommand("copy");
  held.remove();
  if (!done) throw new Error("the browser does not let a page copy");
}

const quoted = (cell) => (/[",\n\r]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell));
const csv = (rows) => rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";

// A row of small buttons in `bar`: what can be taken along from a view. Each of `ways` is left out where it is missing:
//   python: () => the lines that reproduce what is shown    png: () => a canvas at twice the screen's resolution
//   svg: () => text    csv: () => rows of cells, or a promise of them    text: () => text
//   html: () => a promise of a file's text, of which a file itself has no need
//   writes: () => a promise of the same with the model in it, so that the text can go on there
//   embed: () => a promise of the lines of HTML that another page takes; they name this page, so a file has none
function tools(bar, name, ways) {
  const button = (label, title, act) => {
    const made = Object.assign(document.createElement("button"), {
      type: "button",
      className: "strivelm-tool",
      textContent: label,
      title,
    });
    made.addEventListener("click", async () => {
      try {
        const said = await act(made);
        if (said) flash(made, said);
      } catch {
        flash(made, "Not possible");
      }
    });
    bar.append(made);
  };
  bar.classList.add("strivelm-tools");
  bar.replaceChildren();
  if (ways.python) button("Python", "The lines that compute this", () => lines(bar, ways.python()));
  if (ways.png)
    button(
      "PNG",
      "Save as a picture",
      () => new Promise((done) => ways.png().toBlob((blob) => done(save(`${name}.png`, blob)))),
    );
  if (ways.svg) button("SVG", "Save as a drawing", () => save(`${name}.svg`, ways.svg(), "image/svg+xml"));
  if (ways.csv) button("CSV", "Save the numbers", async () => save(`${name}.csv`, csv(await ways.csv()), "text/csv"));
  if (ways.text) button("Text", "Save the text", () => save(`${name}.txt`, ways.text(), "text/plain"));
  if (ways.html && inPage())
    button("HTML", "Save as a file that stays interactive", async () =>
      save(`${name}.html`, await ways.html(), "text/html"),
    );
  if (ways.writes && inPage())
    button(
      "File that writes",
      "Save as a file that brings the model along and goes on writing, without a network",
      async () => {
        const text = await ways.writes();
        save(`${name}-writes.html`, text, "text/html");
        return `${(text.length / 1e6).toFixed(1)} MB`;
      },
    );
  if (ways.embed && inPage())
    button("Embed", "The lines that let the model write in another page", async () =>
      lines(bar, await ways.embed(), "HTML"),
    );
}

function flash(button, said) {
  button.dataset.label ??= button.textContent;
  button.textContent = said;
  setTimeout(() => (button.textContent = button.dataset.label), 1600);
}

// Shows lines of Python, or of another language, below a bar, with a button that copies them; a second call takes them
// away.
function lines(bar, text, language = "Python") {
  const open = bar.nextElementSibling?.classList.contains("strivelm-python") ? bar.nextElementSibling : null;
  if (open) return void open.remove();
  const box = Object.assign(document.createElement("div"), { className: "strivelm-python" });
  const code = Object.assign(document.createElement("pre"), { textContent: text, tabIndex: 0 });
  code.setAttribute("aria-label", language);
  const taken = Object.assign(document.createElement("button"), {
    type: "button",
    className: "strivelm-tool",
    textContent: "Copy",
  });
  taken.addEventListener("click", () =>
    copy(text).then(
      () => flash(taken, "Copied"),
      () => flash(taken, "Press Ctrl+C"),
    ),
  );
  box.append(code, taken);
  bar.after(box);
}

const PLACE = ["STRIVELM", "VALUE"].join("_"); // in two, as this script stands in the file as well

const literal = (value) => JSON.stringify(JSON.stringify(value)).replaceAll("<", "\\u003c");

// A view as a file that stays interactive and needs nothing else, showing a value as the visitor has it before him: with
// the choices of the open tab; a promise of its text. `brought` is what machine.js lets a file bring along.
async function file(view, value, brought = null) {
  const page = await ask("view.file", { view }, { of: [] });
  const choices = { [chosen.tab]: chosen.tabs[chosen.tab] ?? {} };
  const model = brought ? `strivelm.bring(JSON.parse(${literal(brought)})), ` : "";
  return page.replace(PLACE, () => `(strivelm.recall(${literal(choices)}), ${model}${literal(value)})`);
}

export { save, copy, csv, tools, flash, file };
