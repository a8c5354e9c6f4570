// What the plots compute: round numbers for axes, labels that don't cover each other, where points lie, bars.
import assert from "node:assert/strict";
import { test } from "node:test";
import { modules } from "./modules.mjs";

const { ticks, apart } = await modules("plots/lines");
const { project } = await modules("plots/scatter");
const { signed } = await modules("plots/bars");
const { partName, partRows, partsInWords } = await modules("plots/part_switches");

test("ticks are round", () => {
  assert.deepEqual(ticks(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticks(-1, 1), [-1, -0.5, 0, 0.5, 1]);
  assert.deepEqual(ticks(0, 6, 3), [0, 2, 4, 6]);
  assert.deepEqual(ticks(0.3, 0.31, 4), [0.3, 0.305, 0.31]);
  assert.deepEqual(ticks(3, 3), [3]);
});

test("ticks of any range are few, inside it, and evenly apart", () => {
  for (const [low, high] of [
    [0, 4.17],
    [-3.2, 900],
    [1e-7, 3e-7],
    [-50, -2],
    [0, 123456],
    [0.07, 0.93],
  ])
    for (const count of [3, 5, 8]) {
      const found = ticks(low, high, count);
      assert.ok(found.length >= 2 && found.length <= count + 1, `${low} to ${high}: ${found}`);
      assert.ok(found[0] >= low - 1e-12 && found.at(-1) <= high * (1 + 1e-9) + 1e-12, `${low} to ${high}: ${found}`);
      const steps = found.slice(1).map((x, i) => x - found[i]);
      for (const step of steps) assert.ok(Math.abs(step / steps[0] - 1) < 1e-6);
      const mantissa = steps[0] / 10 ** Math.floor(Math.log10(steps[0] * (1 + 1e-9)));
      assert.ok(
        [1, 2, 5].some((one) => Math.abs(mantissa - one) < 1e-6),
        `a step of ${steps[0]}`,
      );
    }
});

test("labels keep their order and a gap, and stay above the bottom", () => {
  const places = [50, 10, 12, 11, 90];
  const found = apart(places, 14, 80);
  const order = [1, 3, 2, 0, 4].map((i) => found[i]);
  for (let i = 1; i < order.length; i++) assert.ok(order[i] - order[i - 1] >= 14 - 1e-9);
  assert.ok(Math.max(...found) <= 80);
  assert.deepEqual(apart([10, 40], 14), [10, 40]);
  assert.deepEqual(apart([], 14), []);
});

const points = [
  [0, 0, 0],
  [2, 1, 3],
  [-1, 4, 1],
  [3, -2, -2],
  [1, 1, 1],
];
const size = { width: 400, height: 300 };
const still = { yaw: 0, pitch: 0, zoom: 1, x: 0, y: 0 };

test("a flat map fills its picture with even units, upright", () => {
  const { places } = project(points, { look: still, ...size });
  const [xs, ys] = [0, 1].map((k) => places.map((place) => place[k]));
  assert.ok(Math.min(...xs) >= 34 - 1e-9 && Math.max(...xs) <= 366 + 1e-9);
  assert.ok(Math.min(...ys) >= 34 - 1e-9 && Math.max(...ys) <= 266 + 1e-9);
  const unit = (xs[1] - xs[0]) / 2;
  assert.ok(Math.abs(ys[0] - ys[2] - 4 * unit) < 1e-9, "up is up, by the same unit");
  assert.ok(places.every((place) => place[2] === 0));
});

test("turning keeps distances", () => {
  const distances = (look) => {
    const { places } = project(points, { look, three: true, ...size });
    const side = Math.min(size.width, size.height) - 2 * 34;
    const solid = places.map(([x, y, front]) => [x, y, front * side]);
    return solid.map((a) => solid.map((b) => Math.hypot(...a.map((x, k) => x - b[k]))));
  };
  const [before, after] = [distances(still), distances({ ...still, yaw: 0.7, pitch: -0.4 })];
  before.flat().forEach((far, i) => assert.ok(Math.abs(far - after.flat()[i]) < 1e-9));
});

test("zoom and drag move every point alike", () => {
  const at = (look) => project(points, { look, ...size }).places;
  const [plain, moved] = [at(still), at({ ...still, zoom: 2, x: 10, y: -5 })];
  plain.forEach(([x, y], i) => {
    assert.ok(Math.abs(moved[i][0] - (200 + 2 * (x - 200) + 10)) < 1e-9);
    assert.ok(Math.abs(moved[i][1] - (150 + 2 * (y - 150) - 5)) < 1e-9);
  });
});

test("points that lie on each other have a place", () => {
  for (const three of [false, true])
    for (const place of project(
      [
        [1, 1, 1],
        [1, 1, 1],
      ],
      { three, ...size },
    ).places)
      assert.ok(place.every(Number.isFinite));
});

test("bars of values that have a sign", () => {
  assert.deepEqual(signed(0.25, "red"), [0, 0.25, "red"]);
  assert.deepEqual(signed(-0.25, "red"), [0, 0.25, "var(--border-color-primary)"]);
  assert.deepEqual(signed(-0.5, "red", true), [0.5, 0.25, "red"]);
  assert.deepEqual(signed(2, "red", true), [0.5, 1, "red"]);
});

test("parts of a model are named by layer, and counted in words", () => {
  const model = { layers: 2, heads: 3 };
  assert.deepEqual(partRows(model), [
    ["0.0", "0.1", "0.2", "0.m"],
    ["1.0", "1.1", "1.2", "1.m"],
  ]);
  assert.equal(partName("1.2"), "head 1.2");
  assert.equal(partName("1.m"), "MLP of layer 1");
  assert.equal(partsInWords([], model), "");
  assert.equal(partsInWords(["0.1", "1.m"], model), "1 of 6 heads and 1 of 2 MLPs");
  assert.equal(partsInWords(["0.m"], { layers: 1, heads: 1 }), "1 of 1 MLP");
});
