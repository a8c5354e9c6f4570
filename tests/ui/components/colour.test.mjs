// Ramps are even to the eye: their lightness, computed back from sRGB, only rises or only falls, in equal steps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { given, modules, theme } from "./modules.mjs";

const { ramp, colour, category, surprise, CLASSES, classColour } = await modules("common/colour");
const { inkOn } = await modules("plots/heatmap");

const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);

// OKLab's lightness of an sRGB colour (Ottosson 2020).
function lightness(rgb) {
  const [r, g, b] = rgb.map(linear);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s;
}

const luminance = (rgb) => 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);

// Whether numbers only rise (way 1) or fall (way -1), but for what rounding to 8 bits may do.
const runs = (numbers, way) => numbers.every((x, i) => !i || way * (x - numbers[i - 1]) > -0.004);

for (const dark of [false, true]) {
  const where = dark ? "dark" : "light";
  const looked = (name) => ((theme.dark = dark), ramp(name));

  for (const name of ["sequential", "tint"])
    test(`${name} runs one way in the ${where}`, () => {
      const found = looked(name).map(lightness);
      assert.equal(found.length, 256);
      assert.ok(runs(found, dark ? 1 : -1));
      assert.ok(Math.abs(found.at(-1) - found[0]) > 0.2, "its ends are told apart");
    });

  test(`diverging runs both ways from its middle in the ${where}`, () => {
    const found = looked("diverging").map(lightness);
    const way = dark ? -1 : 1;
    assert.ok(runs(found.slice(0, 128), way));
    assert.ok(runs(found.slice(128), -way));
    assert.ok(Math.abs(found[0] - found[255]) < 0.06, "both ends are as strong");
  });

  test(`text is read on all of a ramp in the ${where}`, () => {
    for (const ground of looked("sequential")) {
      const [a, b] = [luminance(ground), inkOn(ground) === "#000000" ? 0 : 1].sort((x, y) => y - x);
      assert.ok((a + 0.05) / (b + 0.05) >= 4.5, `on ${ground}`);
    }
  });

  test(`places beyond a ramp have the colour of its ends in the ${where}`, () => {
    theme.dark = dark;
    assert.equal(colour("sequential", 7), colour("sequential", 1));
    assert.equal(colour("diverging", -7), `rgb(${ramp("diverging")[0].join(" ")})`);
    assert.equal(colour("sequential", NaN), colour("sequential", 0));
    assert.equal(new Set(Array.from({ length: 8 }, (_, i) => category(i))).size, 8);
  });
}

test("in the dark the grounds of 1, 2 and 3 nats can be told apart, and text is read on all", () => {
  theme.dark = true;
  const ground = (nats) => luminance(surprise(nats).match(/\d+/g).map(Number));
  for (const nats of [0, 1, 2])
    assert.ok((ground(nats + 1) + 0.05) / (ground(nats) + 0.05) >= 1.2, `${nats} and ${nats + 1} nats`);
  assert.ok((luminance([245, 245, 244]) + 0.05) / (ground(6) + 0.05) >= 4.5);
});

test("a class of characters has one colour, by name or by number, in every view", () => {
  assert.deepEqual(CLASSES, given().classes);
  for (const dark of [false, true]) {
    theme.dark = dark;
    CLASSES.forEach((name, i) => assert.equal(classColour(name), classColour(i)));
    assert.equal(new Set(CLASSES.map(classColour)).size, 9);
    assert.equal(classColour("nothing of the kind"), classColour("other"));
  }
});
