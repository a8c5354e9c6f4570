// A safetensors file: what its header says, checked as the library does it, and its numbers as float32.
const LONGEST_HEADER = 100_000_000;
const BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, BOOL: 1, U8: 1, I8: 1, I16: 2, I32: 4, I64: 8 };
const READ = ["F32", "F16", "BF16"]; // what a model's weights may be here

class ModelError extends Error {}

const listed = (names) =>
  [...names]
    .sort()
    .slice(0, 4)
    .map((name) => name.slice(0, 80))
    .join(", ") + (names.length > 4 ? ` and ${names.length - 4} more` : "");

const isCount = (value) => Number.isSafeInteger(value) && value >= 0;

const cut = (why) => new ModelError(`model.safetensors is no readable safetensors file, or is cut short: ${why}`);

// JSON that is not trusted, from bytes in UTF-8: an object. Throws ModelError.
function parsed(bytes, name) {
  let found;
  try {
    found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ModelError(`${name} is not readable JSON: ${error.message}`);
  }
  if (found === null || typeof found !== "object" || Array.isArray(found))
    throw new ModelError(`${name} does not hold an object with keys and values`);
  return found;
}

// How long the header is, its own length's 8 bytes included, from the first 8 bytes of a file.
function headerLength(bytes) {
  if (bytes.length < 8) throw cut(`it has ${bytes.length} bytes`);
  const [low, high] = [0, 4].map((at) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true));
  if (high || low > LONGEST_HEADER) throw cut("its header would be longer than 100 MB");
  return 8 + low;
}

// The tensors of a file by name: { dtype, shape, start, end }, places in the file. Throws ModelError.
//   bytes: the file, or its beginning with all of the header    size: how many bytes the file has
function tensorsOf(bytes, size = bytes.length) {
  const first = headerLength(bytes);
  if (first > size) throw cut("its header ends after the file");
  if (bytes[8] !== 0x7b) throw cut("its header is no JSON object");
  const header = parsed(bytes.subarray(8, first), "the header of model.safetensors");
  const found = new Map();
  for (const [name, one] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [start, end] = one?.data_offsets ?? [];
    const whole = Array.isArray(one?.shape) && one.shape.every(isCount) && isCount(start) && isCount(end);
    if (!whole || one.data_offsets.length !== 2 || typeof one.dtype !== "string")
      throw cut(`it says nothing usable about ${name.slice(0, 80)}`);
    if (!Object.hasOwn(BYTES, one.dtype))
      throw new ModelError(`${name.slice(0, 80)} is ${one.dtype.slice(0, 80)}; expected one of ${READ.join(", ")}`);
    const bytesOf = one.shape.reduce((product, side) => product * side, BYTES[one.dtype]);
    if (bytesOf !== end - start)
      throw cut(`${name.slice(0, 80)} has ${end - start} bytes, where its shape says ${bytesOf}`);
    found.set(name, { dtype: one.dtype, shape: one.shape, start: first + start, end: first + end });
  }
  let at = first; // tensors lie one behind the other, without a gap, up to the end
  for (const [name, one] of [...found].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)) {
    if (one.start !== at) throw cut(`${name.slice(0, 80)} does not begin where the tensor before it ends`);
    at = one.end;
  }
  if (at !== size) throw cut(`its tensors end at byte ${at}, and it has ${size}`);
  return found;
}

const HALVES = new Float32Array(1 << 16);
const halvesFilled = () => {
  if (HALVES[1] > 0) return HALVES;
  const bits = new Uint32Array(HALVES.buffer);
  for (let h = 0; h < 1 << 16; h++) {
    bits[h] = (h & 0x7fff) << 13;
    HALVES[h] *= 2 ** 112;
    bits[h] |= (h & 0x8000) << 16;
  }
  return HALVES;
};

// The numbers of a tensor of READ's types as float32, all exact. What is not finite in float16 is not told here.
function numbersOf(file, { dtype, start, end }) {
  const bytes = file.slice(start, end); // its own memory: a tensor may lie at an odd place
  if (dtype === "F32") return new Float32Array(bytes.buffer);
  const words = new Uint16Array(bytes.buffer);
  if (dtype === "F16") {
    const table = halvesFilled();
    const found = new Float32Array(words.length);
    for (let i = 0; i < words.length; i++) found[i] = table[words[i]];
    return found;
  }
  const wide = new Uint32Array(words.length);
  for (let i = 0; i < words.length; i++) wide[i] = words[i] << 16;
  return new Float32Array(wide.buffer);
}

// The largest number of a tensor without its sign; Infinity where one is infinite or no number.
function largest(file, { dtype, start, end }) {
  const [Words, sign, exponent] = {
    F32: [Uint32Array, 0x7fffffff, 0x7f800000],
    F16: [Uint16Array, 0x7fff, 0x7c00],
    BF16: [Uint16Array, 0x7fff, 0x7f80],
  }[dtype];
  const words = new Words(file.slice(start, end).buffer);
  let most = 0;
  for (let i = 0; i < words.length; i++) {
    const size = words[i] & sign; // of floats without a sign the larger one has the larger bits
    if (size > most) most = size;
  }
  if ((most & exponent) === exponent) return Infinity;
  if (dtype === "F16") return halvesFilled()[most];
  return new Float32Array(Uint32Array.of(dtype === "BF16" ? most << 16 : most).buffer)[0];
}

export { ModelError, READ, headerLength, largest, listed, numbersOf, parsed, tensorsOf };
