// Colours: ramps that are even to the eye, categories that everybody can tell apart, the ground of a surprisal.
import { oneIn } from "./format.js";

const dark = () => document.body.classList.contains("dark");

// Anchors in OKLab (Ottosson 2020), between which lightness changes evenly: [lightness, chroma, hue in degrees].
const ANCHORS = {
  // nothing → everything, on a white or a black ground
  sequential: {
    light: [
      [0.985, 0.005, 100],
      [0.87, 0.06, 185],
      [0.66, 0.105, 190],
      [0.45, 0.09, 215],
      [0.26, 0.08, 260],
    ],
    dark: [
      [0.2, 0.006, 60],
      [0.36, 0.06, 225],
      [0.55, 0.1, 195],
      [0.76, 0.12, 180],
      [0.95, 0.08, 120],
    ],
  },
  // a ground for text, which stays readable on all of it
  tint: {
    light: [
      [1, 0, 80],
      [0.95, 0.05, 85],
      [0.87, 0.1, 65],
      [0.78, 0.13, 40],
    ],
    dark: [
      [0.21, 0.005, 60],
      [0.35, 0.06, 80],
      [0.45, 0.105, 55],
      [0.51, 0.14, 35],
    ],
  },
  // against ← nothing → for
  diverging: {
    light: [
      [0.42, 0.13, 40],
      [0.7, 0.13, 50],
      [0.985, 0.004, 90],
      [0.7, 0.1, 195],
      [0.4, 0.09, 215],
    ],
    dark: [
      [0.85, 0.11, 65],
      [0.6, 0.14, 45],
      [0.22, 0.005, 60],
      [0.58, 0.1, 195],
      [0.86, 0.09, 185],
    ],
  },
};

// Okabe & Ito 2008, distinguishable with every kind of colour vision; darker or lighter where the ground asks for it.
const CATEGORIES = {
  light: ["#00639c", "#c14f00", "#007a5a", "#a3447c", "#8a6d00", "#2a86b8", "#57534e", "#7a4fb5"],
  dark: ["#56b4e9", "#f0954a", "#2fc79b", "#e090bd", "#f0e442", "#9ad0f5", "#d6d3d1", "#bca0f0"],
};

function rgb([l, chroma, hue]) {
  const a = chroma * Math.cos((hue * Math.PI) / 180),
    b = chroma * Math.sin((hue * Math.PI) / 180);
  const [L, M, S] = [
    l + 0.3963377774 * a + 0.2158037573 * b,
    l - 0.1055613458 * a - 0.0638541728 * b,
    l - 0.0894841775 * a - 1.291485548 * b,
  ].map((c) => c ** 3);
  return [
    4.0767416621 * L - 3.3077115913 * M + 0.2309699292 * S,
    -1.2684380046 * L + 2.6097574011 * M - 0.3413193965 * S,
    -0.0041960863 * L - 0.7034186147 * M + 1.707614701 * S,
  ].map((c) => Math.round(255 * Math.min(1, Math.max(0, c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055))));
}

const ramps = {};

// 256 colours, as [r, g, b] each, from 0 to 1 (of "diverging" from -1 to 1), for the present theme.
function ramp(name) {
  const key = `${name} ${dark()}`;
  if (ramps[key]) return ramps[key];
  const anchors = ANCHORS[name][dark() ? "dark" : "light"].map(([l, c, h]) => [
    l,
    c * Math.cos((h * Math.PI) / 180),
    c * Math.sin((h * Math.PI) / 180),
  ]);
  return (ramps[key] = Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (anchors.length - 1),
      left = Math.min(Math.floor(at), anchors.length - 2),
      t = at - left;
    const [l, a, b] = anchors[left].map((from, k) => from + t * (anchors[left + 1][k] - from));
    return rgb([l, Math.hypot(a, b), (Math.atan2(b, a) * 180) / Math.PI]);
  }));
}

// One colour of a ramp as CSS has it; t from 0 to 1, for "diverging" from -1 to 1.
function colour(name, t) {
  const share = name === "diverging" ? (t + 1) / 2 : t;
  return `rgb(${ramp(name)[Math.round(255 * Math.min(1, Math.max(0, share || 0)))].join(" ")})`;
}

const category = (i) => CATEGORIES[dark() ? "dark" : "light"][i % 8];

// The colour of a class of characters in every view, by its name or its number; what is none of the others is grey.
// The names, in their order, are those of strivelm.inspection.vectors.CLASSES.
const CLASSES = [
  ...["lower vowel", "lower consonant", "upper vowel", "upper consonant"],
  ...["letter", "digit", "punctuation", "space", "other"],
];
function classColour(which) {
  const number = typeof which === "number" ? which : CLASSES.indexOf(which);
  return number >= 0 && number < 8 ? category(number) : dark() ? "#78716c" : "#a8a29e";
}

// The ground of a character by its surprisal: plain where the model was sure, orange from 6 nats (1 in 403) on.
const surprise = (nats) => colour("tint", nats / 6);

// Fills `box` with what the grounds mean, as odds and in nats.
function surpriseKey(box) {
  box.classList.add("strivelm-surprise");
  box.role = "img";
  box.ariaLabel = `The grounds: plain where the model was certain, deep orange at ${oneIn(6)} (6 nats) and more`;
  box.replaceChildren(
    ...["nats", ...Array(7).keys()].map((nats) => {
      const cell = document.createElement("span");
      const [above, below] =
        nats === "nats"
          ? ["chance", "surprisal, nats"]
          : [nats ? oneIn(nats) : "certain", nats === 6 ? "6 and more" : nats];
      if (nats !== "nats") cell.style.background = surprise(nats);
      cell.append(
        Object.assign(document.createElement("b"), { textContent: above }),
        Object.assign(document.createElement("i"), { textContent: below }),
      );
      return cell;
    }),
  );
}

// The colour of the open model, and of the one beside it: the ends of the diverging ramp, towards which a difference of
// the two is drawn.
const modelColour = (second) => colour("diverging", second ? -0.7 : 0.7);

// The same as --first and --second for the styles of an element.
function paintModels(element) {
  [0, 1].forEach((second) => element.style.setProperty(second ? "--second" : "--first", modelColour(second)));
}

export { modelColour, paintModels, dark, ramp, colour, category, CLASSES, classColour, surprise, surpriseKey };
