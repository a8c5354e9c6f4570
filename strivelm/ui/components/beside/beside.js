const at = (name) => element.querySelector(name);

function draw() {
  const { name, short } = JSON.parse(props.value);
  at(".name").textContent = name;
  at(".short").replaceChildren(strivelm.explained(short.join(" · ")));
  paint();
}

// The colours of both models, for the header and whatever names them.
const paint = () => strivelm.paintModels(strivelm.inPage() ? document.body : element);

at(".close").addEventListener("click", () => strivelm.closeBeside());
watch("value", draw);
draw();
strivelm.redrawn(element, paint);
if (strivelm.inPage())
  strivelm.appeared(element, () => {
    if (!strivelm.chosen.beside) document.querySelector("#beside-model input")?.focus();
  });
