// Drawing: sharp canvases, and when to draw anew.
// A property of the style as it stands where views are: Gradio sets some of the page's own no further out.
const css = (name) =>
  getComputedStyle(document.querySelector(".gradio-container .contain, .strivelm-view") ?? document.body)
    .getPropertyValue(name)
    .trim();

// A canvas's context in CSS pixels, cleared; sharp on any screen. `scale` says otherwise for an export.
function context(canvas, width, height, scale = window.devicePixelRatio || 1) {
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const drawn = canvas.getContext("2d");
  drawn.setTransform(canvas.width / width, 0, 0, canvas.height / height, 0, 0);
  drawn.clearRect(0, 0, width, height);
  return drawn;
}

// Calls draw when the element gets another width (also from 0, when its tab is opened) and when the theme changes.
function redrawn(element, draw) {
  let width = -1;
  new ResizeObserver(() => {
    if (element.clientWidth === width) return;
    width = element.clientWidth;
    if (width) draw();
  }).observe(element);
  new MutationObserver(() => element.clientWidth && draw()).observe(document.body, {
    attributes: true,
    attributeFilter: ["class"],
  });
}

// Calls act whenever the element comes into sight: when it is made in an open tab, and each time its tab is opened.
function appeared(element, act) {
  let before = 0;
  new ResizeObserver(() => {
    const width = element.clientWidth;
    if (width && !before) act();
    before = width;
  }).observe(element);
}

// Where a pointer is in an element, [x, y] in the element's own pixels, also where the page is shown larger.
function pointed({ clientX, clientY }, element) {
  const box = element.getBoundingClientRect();
  const scale = box.width ? element.offsetWidth / box.width : 1;
  return [(clientX - box.left) * scale, (clientY - box.top) * scale];
}

export { css, context, redrawn, appeared, pointed };
