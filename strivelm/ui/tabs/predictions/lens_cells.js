// The grid of the logit lens on a canvas: only the columns in sight are drawn, so a long text costs nothing.
const CELL = { width: 24, height: 24, head: 32 };

// Black or white, whichever is read better on a ground [r, g, b] (WCAG 2).
function inkOn([r, g, b]) {
  const [R, G, B] = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * R + 0.7152 * G + 0.0722 * B > 0.179 ? "#000000" : "#ffffff";
}

// Draws columns `from` to `to` of a lens, the first at x = 0 less `shift`.
function cells(canvas, lens, { from, to, shift, width, height, pointed, chosen, scale }) {
  const drawn = strivelm.context(canvas, width, height, scale);
  const { width: w, height: h, head } = CELL,
    depths = lens.depths.length,
    ramp = strivelm.ramp("sequential");
  const mono = css("--font-mono") || "monospace",
    text = css("--body-text-color");
  if (scale) {
    drawn.fillStyle = css("--background-fill-primary");
    drawn.fillRect(0, 0, width, height);
  }
  drawn.textAlign = "center";
  drawn.textBaseline = "middle";
  const write = (glyph, x, y) => {
    drawn.font = `${glyph.length > 1 ? 7 : 15}px ${mono}`;
    drawn.fillText(glyph, x, y);
  };
  for (let i = from; i < to; i++) {
    const x = (i - from) * w - shift,
      middle = x + w / 2;
    drawn.fillStyle = text;
    write(strivelm.glyph(lens.chars[i]), middle, head / 2);
    for (let d = 0; d < depths; d++) {
      const y = head + d * h,
        ground = ramp[Math.round(255 * lens.p(d, i, 0))];
      drawn.fillStyle = `rgb(${ground.join(" ")})`;
      drawn.fillRect(x, y, w - 1, h - 1);
      drawn.fillStyle = inkOn(ground);
      const char = lens.char(d, i, 0);
      write(strivelm.glyph(char), middle - 0.5, y + h / 2);
      if (char === lens.chars[i + 1]) drawn.fillRect(middle - 6, y + h - 5, 11, 1.5);
      if (d === lens.appears[i]) {
        drawn.beginPath();
        drawn.arc(x + 3.5, y + 4, 1.8, 0, 7);
        drawn.fill();
      }
    }
    if (i + 1 < lens.chars.length) {
      drawn.fillStyle = text;
      write(strivelm.glyph(lens.chars[i + 1]), middle, head + depths * h + head / 2);
    }
  }
  // The staircase: above it the answer still changes, below it it is the final one.
  drawn.strokeStyle = strivelm.category(1);
  drawn.lineWidth = 3;
  drawn.beginPath();
  for (let i = from; i < to; i++) {
    const x = (i - from) * w - shift - 0.5,
      y = head + lens.settles[i] * h - 0.5;
    drawn[i === from ? "moveTo" : "lineTo"](x, y);
    drawn.lineTo(x + w, y);
  }
  drawn.stroke();
  const frame = (i, d, rows, colour, width) => {
    if (i < from || i >= to) return;
    drawn.strokeStyle = colour;
    drawn.lineWidth = width;
    drawn.strokeRect((i - from) * w - shift - 0.5, head + d * h - 0.5, w, rows * h);
  };
  // Frames are seen on any ground: an inner line in the page's colour, an outer one in the ink's.
  const paper = css("--background-fill-primary");
  if (chosen !== null)
    [
      [paper, 4],
      [text, 1.5],
    ].forEach((line) => frame(chosen, 0, depths, ...line));
  if (pointed)
    [
      [paper, 5],
      [text, 2.5],
    ].forEach((line) => frame(pointed[0], pointed[1], 1, ...line));
}

function scaleOf(canvas) {
  const width = 190,
    drawn = strivelm.context(canvas, width, 30);
  for (let i = 0; i < 160; i++) {
    drawn.fillStyle = strivelm.colour("sequential", i / 159);
    drawn.fillRect(12 + i, 2, 1.5, 12);
  }
  drawn.strokeStyle = css("--border-color-primary");
  drawn.strokeRect(11.5, 1.5, 162, 13);
  drawn.fillStyle = css("--body-text-color-subdued");
  drawn.font = `12px ${getComputedStyle(element).fontFamily}`;
  drawn.textAlign = "center";
  for (const p of [0, 0.5, 1]) drawn.fillText(`${100 * p} %`, 14 + 158 * p, 27);
}
