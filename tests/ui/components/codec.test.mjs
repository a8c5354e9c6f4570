// Numbers that Python wrote (strivelm/ui/core/codec.py) are read as they were.
import assert from "node:assert/strict";
import { test } from "node:test";
import { modules, given } from "./modules.mjs";

const codec = await modules("common/codec");
const { written, numbers } = given();

for (const kind of ["u8", "u16", "u32", "f32"])
  test(`${kind} is exact`, () => assert.deepEqual(Array.from(codec[kind](written[kind])), numbers[kind]));

test("an empty list stays empty", () => assert.deepEqual(Array.from(codec.f32(written.nothing)), []));

// q = round(65535 √p), so √p is off by at most 0.5/65535, and p by at most √p/65535 + 0.25/65535².
test("probabilities are within their rounding, and 0 and 1 exact", () => {
  const found = codec.probabilities(written.probabilities);
  assert.equal(found.length, numbers.probabilities.length);
  numbers.probabilities.forEach((p, i) =>
    assert.ok(Math.abs(found[i] - p) <= Math.sqrt(p) / 65535 + 0.25 / 65535 ** 2 + 1e-15, `${p} became ${found[i]}`),
  );
  assert.deepEqual([found[0], found.at(-1)], [0, 1]);
});

test("cosines are within their rounding, and -1 and 1 exact", () => {
  const found = codec.cosines(written.cosines);
  numbers.cosines.forEach((x, i) => assert.ok(Math.abs(found[i] - x) <= 0.5 / 32767 + 1e-7, `${x} became ${found[i]}`));
  assert.deepEqual([found[0], found.at(-1)], [-1, 1]);
});
