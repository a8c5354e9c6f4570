function draw() {
  const { kind, text } = JSON.parse(props.value);
  const line = element.querySelector(".message");
  line.dataset.kind = kind;
  line.textContent = text;
}

watch("value", draw);
draw();
