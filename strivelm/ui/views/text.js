const at = (name) => element.querySelector(name);
const page = at(".page");
const prompt = at(".page .prompt");
const written = at(".page .new");
const copy = at(".copy");
let shown = { prompt: "", text: "" };

// A prompt of nothing but white space would not be seen at all.
const visible = (text) => (text.trim() ? text : text.replaceAll("\n", "⏎\n").replaceAll(" ", "␠"));

function draw() {
  const next = JSON.parse(props.value);
  const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 40;
  const goesOn = next.prompt === shown.prompt && shown.text && next.text.startsWith(shown.text);
  prompt.textContent = visible(next.prompt);
  // Appending keeps what the reader has selected, and a screen reader hears only what is new.
  if (goesOn) written.append(next.text.slice(shown.text.length));
  else written.textContent = next.text;
  shown = next;
  at(".empty").hidden = Boolean(next.prompt || next.text);
  at(".status").textContent = next.status;
  page.setAttribute("aria-busy", String(next.writing));
  element.dataset.writing = String(next.writing);
  copy.disabled = !next.text;
  if (atEnd) page.scrollTop = page.scrollHeight;
}

async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Only pages from a secure address have a clipboard; elsewhere a selection can be copied.
  const range = document.createRange();
  range.setStartBefore(prompt);
  range.setEndAfter(written);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  if (!document.execCommand("copy")) throw new Error();
}

copy.addEventListener("click", async () => {
  try {
    await copyText(shown.prompt + shown.text);
    copy.textContent = "Copied";
  } catch {
    copy.textContent = "Press Ctrl+C";
    page.focus();
  }
  setTimeout(() => (copy.textContent = "Copy"), 1600);
});

watch("value", draw);
draw();
