// The view: what is said about the text, its switches, and what happens when the sheet changes.
const count = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;

// One line about the text: why it ended, how long it is, how fast it came, and the seed that brings it back.
function summary() {
  const run = sheet.runs.at(-1),
    many = sheet.chars.length,
    last = many - (run?.from ?? 0);
  if (!sheet.head) return "Nothing written yet";
  if (writing()) return "Writing…";
  const reason =
    { complete: "Finished", time: `Time is up after ${Math.round(sheet.seconds)} seconds` }[sheet.ended] ?? "Stopped";
  const speed =
    sheet.seconds > 0 && last
      ? `, ${run.from ? `the last ${last.toLocaleString("en")} at ` : ""}${Math.round(last / sheet.seconds).toLocaleString("en")} a second`
      : "";
  return `${reason}: ${count(many, "character")}${speed}, seed ${run.seed}`;
}

// Who wrote it, and how surprised it was by it.
function by() {
  if (!sheet.head) return "";
  const loss = sheet.head.loss === null ? "" : `; on text it has not learnt from: ${sheet.head.loss.toFixed(2)}`;
  const surprise = sheet.chars.length
    ? `mean surprisal ${mean().toFixed(2)} nats per character, ${strivelm.oneIn(mean())}${loss}`
    : "";
  return [`Written by ${sheet.head.model}`, surprise].filter(Boolean).join(" · ");
}

// From how many characters on a run can count; a text known by its fingerprint alone knows of eight.
function lengths() {
  const select = at(".least select"),
    found = Object.keys(sheet.known?.unseen ?? {}),
    kept = select.value;
  if (found.join() === [...select.options].map((one) => one.value).join()) return;
  select.replaceChildren(
    ...found.map((least) => Object.assign(document.createElement("option"), { value: least, textContent: least })),
  );
  if (found.includes(kept)) select.value = kept;
}

function underline() {
  lengths();
  const on = at(".known-switch").getAttribute("aria-pressed") === "true";
  const known = sheet.known,
    least = Number(at(".least select").value),
    line = at(".spans");
  const { inside, longest, share } = known?.spans && on ? knownFrom(least) : { inside: [], longest: 0, share: 0 };
  sheet.chars.forEach((one, i) => one.span.classList.toggle("known", Boolean(inside[i])));
  at(".least").hidden = !(on && known?.spans && at(".least select").length > 1);
  line.hidden = !(on && known);
  if (line.hidden) return;
  if (!known.spans) return void (line.textContent = known.said);
  const unseen = known.unseen?.[least];
  line.textContent =
    `${strivelm.percent(share)} of the text stands in ${known.source}, in runs of ${least} characters or more` +
    (unseen === undefined ? "" : `; of text that it has not learnt from ${strivelm.percent(unseen)} do, by chance`) +
    `. ${longest ? `The longest run has ${count(longest, "character")}.` : "There is none."} ${known.said}`;
}

function draw() {
  const atEnd = sheet.head && page.scrollHeight - page.scrollTop - page.clientHeight < 40;
  const grows = take(props.value);
  if (!grows) following = !forcing;
  at(".empty").hidden = Boolean(sheet.head);
  at(".status").textContent = summary();
  at(".by").textContent = writing() ? "" : by();
  at(".foot").hidden = !sheet.head;
  at(".known-switch").hidden = !server?.standalone && !sheet.known?.spans;
  at(".mark").hidden = !sheet.chars.some((one) => one.forced);
  page.setAttribute("aria-busy", String(writing()));
  element.dataset.writing = String(writing());
  at(".copy").disabled = !sheet.chars.length;
  for (const tool of at(".tools").children) tool.disabled = writing() || !sheet.chars.length;
  if (!grows) element.querySelector(".strivelm-python")?.remove();
  if (!sheet.chars.length) pinned = -1;
  if (chosen >= sheet.chars.length || (chosen < 0 && pinned >= 0) || !grows) choose(pinned);
  if (sheet.ended) rest();
  underline();
  if (atEnd && following) page.scrollTop = page.scrollHeight;
  else if (forcing) sheet.chars[pinned]?.span.scrollIntoView({ block: "nearest" });
}

// A text that has come to rest shows at once what there is to see: where the model was surprised the most.
function rest() {
  forcing = false;
  if (pinned < 0 && sheet.chars.length) {
    const most = sheet.chars.reduce((best, one, i) => (one.nats > sheet.chars[best].nats ? i : best), 0);
    choose(most, { stay: true, title: true });
  } else choose(chosen, {});
  if (at(".known-switch").getAttribute("aria-pressed") === "true" && !sheet.known && server?.standalone)
    trigger("mark", { read: sheet.head.read, text: text() });
}

function toggle(button, name, act) {
  const turn = (on) => {
    button.setAttribute("aria-pressed", String(on));
    act(on);
  };
  const usual = button.getAttribute("aria-pressed") === "true";
  const asked = strivelm.get("generate", name);
  if (asked !== undefined) turn(asked === "on");
  button.addEventListener("click", () => {
    turn(button.getAttribute("aria-pressed") !== "true");
    const on = button.getAttribute("aria-pressed") === "true";
    strivelm.put("generate", name, on === usual ? "" : on ? "on" : "off");
  });
}

at(".least select").addEventListener("change", underline);
toggle(at(".colours"), "colours", (on) => {
  coloured = on;
  element.dataset.coloured = String(on);
  repaint();
});
toggle(at(".known-switch"), "underline", (on) => {
  if (on && sheet.ended) rest();
  underline();
});

at(".copy").addEventListener("click", () =>
  strivelm.copy(sheet.head.read + text()).then(
    () => strivelm.flash(at(".copy"), "Copied"),
    () => strivelm.flash(at(".copy"), "Press Ctrl+C"),
  ),
);

// Outside the page nobody goes on with a text, and nobody looks it up.
at(".how").hidden = !server?.standalone;
watch("value", draw);
const key = () => strivelm.surpriseKey(at(".legend"));
strivelm.redrawn(element, () => (key(), repaint()));
key();
draw();
