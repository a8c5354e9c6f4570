function draw() {
  shownNow = JSON.parse(props.value);
  element.dataset.step = shownNow.step;
  element.dataset.model = shownNow.model;
  element.dataset.asked = shownNow.asked; // tells which settings what is seen belongs to
  at(".notes").textContent = shownNow.notes.join(" ");
  at(".notes").hidden = !shownNow.notes.length;
  drawStrip(shownNow);
  drawControls(shownNow);
  at(".blocks").replaceChildren(...shownNow.blocks.map(drawBlock));
  if (live && shownNow.attempt) window.strivelm.attempt = shownNow.attempt; // what the button under 'Try this' does
  at(".tools").hidden = !shownNow.step;
}

strivelm.tools(at(".tools"), "lesson", {
  python: () => shownNow.python,
  csv: () => numbers(),
  html: server.standalone && (() => server.standalone(props.value)),
});
watch("value", draw);
draw();
strivelm.redrawn(element, draw);
