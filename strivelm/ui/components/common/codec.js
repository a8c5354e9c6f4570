// Numbers that come as one string: what ui/core/codec.py writes, read.
function u8(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text);
  const found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
  return found;
}

const f32 = (text) => new Float32Array(u8(text).buffer);
const u16 = (text) => new Uint16Array(u8(text).buffer);
const u32 = (text) => new Uint32Array(u8(text).buffer);

// 16 bits of √p each.
const probabilities = (text) => Float64Array.from(u16(text), (q) => (q / 65535) ** 2);

// 16-bit integers from -32767 to 32767.
const cosines = (text) => Float32Array.from(new Int16Array(u8(text).buffer), (x) => x / 32767);

export { u8, u16, u32, f32, probabilities, cosines };
