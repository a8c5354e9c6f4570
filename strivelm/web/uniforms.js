// Python's random numbers: random.Random(seed).random(), the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998).
//
// A seed's 32-bit digits, lowest first, are the key from which the state is made (init_by_array of the authors'
// reference). A number is made of 53 bits of two outputs. The constants are those of the paper.
const N = 624;
const M = 397;
const UPPER = 0x80000000;

// Fills the state from one 32-bit number.
function filled(start) {
  const state = new Uint32Array(N);
  state[0] = start;
  for (let i = 1; i < N; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  return state;
}

function keyed(key) {
  const state = filled(19650218);
  const mixed = (i, by) => state[i] ^ Math.imul(state[i - 1] ^ (state[i - 1] >>> 30), by);
  let i = 1;
  const next = () => {
    i += 1;
    if (i < N) return;
    state[0] = state[N - 1];
    i = 1;
  };
  for (let k = 0, j = 0; k < Math.max(N, key.length); k++, j = (j + 1) % key.length) {
    state[i] = mixed(i, 1664525) + key[j] + j;
    next();
  }
  for (let k = 0; k < N - 1; k++) {
    state[i] = mixed(i, 1566083941) - i;
    next();
  }
  state[0] = UPPER;
  return state;
}

function twist(state) {
  for (let i = 0; i < N; i++) {
    const y = (state[i] & UPPER) | (state[(i + 1) % N] & 0x7fffffff);
    state[i] = state[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
  }
}

// A function that gives the numbers in [0, 1) of a seed (a whole number from 0 to 2^53 - 1), one a call, from the one
// with index `first` on.
function uniforms(seed, first = 0) {
  const state = keyed(seed < 2 ** 32 ? [seed] : [seed % 2 ** 32, Math.floor(seed / 2 ** 32)]);
  let at = N;
  const word = () => {
    if (at === N) {
      twist(state);
      at = 0;
    }
    let y = state[at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
  const number = () => ((word() >>> 5) * 67108864 + (word() >>> 6)) / 9007199254740992;
  for (let i = 0; i < first; i++) number();
  return number;
}

export { uniforms };
