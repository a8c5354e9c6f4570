// A plot as a picture to save: a canvas at twice the screen's resolution, on the page's ground.
//
// paint(drawn) draws it, width by height CSS pixels; title and note are two lines above it, left out where missing.
import { css, context } from "../common/drawing.js";

function picture(width, height, paint, { title = "", note = "" } = {}) {
  const [edge, head] = title || note ? [8, (title ? 28 : 8) + (note ? 20 : 0)] : [0, 0];
  const copy = document.createElement("canvas");
  const [full, tall] = [width + 2 * edge, height + head + edge];
  const drawn = context(copy, full, tall, 2 * (window.devicePixelRatio || 1));
  drawn.fillStyle = css("--background-fill-primary");
  drawn.fillRect(0, 0, full, tall);
  const font = css("--font") || "sans-serif";
  const lines = [
    [title, `700 14px ${font}`, "--body-text-color"],
    [note, `400 12px ${font}`, "--body-text-color-subdued"],
  ].filter(([text]) => text);
  lines.forEach(([text, style, colour], i) => {
    drawn.font = style;
    drawn.fillStyle = css(colour);
    drawn.textBaseline = "alphabetic";
    drawn.fillText(text, edge, 20 + 19 * i, width);
  });
  drawn.translate(edge, head);
  paint(drawn);
  return copy;
}

// Pictures side by side in one.
function beside(pictures) {
  const whole = document.createElement("canvas");
  whole.width = pictures.reduce((sum, one) => sum + one.width, 0);
  whole.height = Math.max(...pictures.map((one) => one.height));
  let x = 0;
  for (const one of pictures) {
    whole.getContext("2d").drawImage(one, x, 0);
    x += one.width;
  }
  return whole;
}

export { picture, beside };
