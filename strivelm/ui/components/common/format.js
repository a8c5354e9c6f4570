// How characters and numbers are written.
// ␣ and ⏎ are in Inconsolata, which comes with the page; ␠ is in none of its fonts.
const DRAWN = { "\n": "⏎", " ": "␣", "\t": "⇥", "\r": "␍", "\u00a0": "⍽" };

// A character as it can be seen; one that draws nothing becomes its code point.
const glyph = (char) =>
  DRAWN[char] ??
  (/^[\p{C}\p{Z}\p{M}]/u.test(char) ? `U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}` : char);

const percent = (p) =>
  p >= 0.9995
    ? "100 %"
    : p >= 0.1
      ? `${(100 * p).toFixed(1)} %`
      : p >= 0.00005
        ? `${(100 * p).toPrecision(2)} %`
        : p > 0
          ? "< 0.01 %"
          : "0 %";

// How often: e to the surprisal. 2.3 nats are "1 in 10".
const oneIn = (nats) =>
  `1 in ${nats < 0.005 ? "1" : Math.exp(nats) < 10 ? Math.exp(nats).toFixed(1) : Math.round(Math.exp(Math.min(nats, 30))).toLocaleString("en")}`;

export { glyph, percent, oneIn };
