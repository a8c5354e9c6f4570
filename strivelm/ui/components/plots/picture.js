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

// Pictures in one, side by side, so many in a row.
function beside(pictures, columns = pictures.length) {
  const whole = document.createElement("canvas");
  const most = (all) => Math.max(...all);
  const count = Math.ceil(pictures.length / columns);
  const rows = Array.from({ length: count }, (_, i) => pictures.slice(i * columns, (i + 1) * columns));
  const wide = Array.from({ length: columns }, (_, j) => most(rows.map((row) => row[j]?.width ?? 0)));
  const tall = rows.map((row) => most(row.map((one) => one.height)));
  const until = (sizes, n) => sizes.slice(0, n).reduce((sum, size) => sum + size, 0);
  [whole.width, whole.height] = [until(wide), until(tall)];
  const drawn = whole.getContext("2d");
  drawn.fillStyle = css("--background-fill-primary");
  drawn.fillRect(0, 0, whole.width, whole.height);
  rows.forEach((row, i) => row.forEach((one, j) => drawn.drawImage(one, until(wide, j), until(tall, i))));
  return whole;
}

export { picture, beside };
