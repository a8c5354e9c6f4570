// Vectors of floats, the functions that a GPT needs of them, and products with a matrix, for decoder.c and sampling.c.
//
// A matrix (in, out) lies in blocks of BLOCK columns, each (in, BLOCK); the last may be narrower, but is a whole number
// of vectors. So a row times a block keeps its sums in registers while the weights go by once, in the order in which
// they lie. Each sum adds in the order of `in`, however many rows there are: a row's result depends on nothing else.

#ifndef STRIVELM_KERNELS_H
#define STRIVELM_KERNELS_H

#include <stdint.h>
#ifdef __F16C__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { LANES = 16, TALL = 6 };  // floats in a vector; rows that share a weight which was read once
#elif defined(__AVX__)
enum { LANES = 8, TALL = 3 };
#else
enum { LANES = 4, TALL = 3 };
#endif
enum { WIDE = 8, BLOCK = WIDE * LANES, AHEAD = 2048 };  // vectors of a block, its columns; bytes asked for in advance

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef uint32_t bits __attribute__((vector_size(4 * LANES)));
typedef int32_t truth __attribute__((vector_size(4 * LANES)));  // -1 where a comparison holds, 0 elsewhere
typedef float anywhere __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint16_t halves __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
#define INLINE static inline __attribute__((always_inline))
#ifdef __wasm__
#define EXPORT __attribute__((visibility("default"), used))
#else
#define EXPORT __attribute__((visibility("default")))
#endif

INLINE vec load(const float *from) { return *(const anywhere *)from; }
INLINE void store(float *to, vec v) { *(anywhere *)to = v; }
INLINE vec all(float x) { return x - (vec){0}; }
INLINE vec pick(truth where, vec a, vec b) { return (vec)(((truth)a & where) | ((truth)b & ~where)); }
INLINE int64_t padded(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// The first `count` lanes of a vector, zeros in the others.
INLINE vec first(vec v, int count) {
    truth lane;
    for (int i = 0; i < LANES; i++) lane[i] = i;
    return pick(lane < count, v, all(0));
}

INLINE float sum_of(vec v) {
    float total = 0;
    for (int i = 0; i < LANES; i++) total += v[i];
    return total;
}

// float16 to float32: the exponent's bits moved, its bias of 15 made 127 by 2^112. Exact for all finite numbers.
INLINE vec widened(const uint16_t *from) {
#if defined(__F16C__) && defined(__AVX512F__)
    return (vec)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from));
#elif defined(__F16C__)
    return (vec)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from));
#else
    bits h = __builtin_convertvector(*(const halves *)from, bits);
    vec size = (vec)((h & 0x7fff) << 13) * 0x1p112f;
    return (vec)((bits)size | (h & 0x8000) << 16);
#endif
}

union number {
    float f;
    uint32_t u;
};

static inline float from_half(uint16_t h) {
    union number size = {.u = (uint32_t)(h & 0x7fff) << 13};
    size.f *= 0x1p112f;
    size.u |= (uint32_t)(h & 0x8000) << 16;
    return size.f;
}

static inline uint16_t to_half(float f) {  // exact where float16 has the number, else anything
    union number of = {.f = f}, size = {.u = of.u & 0x7fffffff};
    size.f *= 0x1p-112f;
    return (uint16_t)(size.u >> 13 | (of.u >> 16 & 0x8000));
}

// e^x for x ≤ 0: 2^k · e^r with |r| ≤ ln 2 / 2 and e^r by its Taylor series. Adding 1.5 · 2^23 rounds to whole numbers.
INLINE vec exp_of(vec x) {
    x = pick(x < -87.0f, all(-87.0f), x);  // not a number stays so
    vec k = x * 1.44269504f + 12582912.0f, whole = k - 12582912.0f;
    vec r = x - whole * 0.693145752f - whole * 1.42860677e-6f;
    vec p = 1 + r * (1 + r * (1 / 2.f + r * (1 / 6.f + r * (1 / 24.f + r * (1 / 120.f + r * (1 / 720.f))))));
    return p * (vec)(((bits)k + 127) << 23);
}

// Exact GELU, a/2 · (1 + erf(a/√2)), with 7.1.26 of Abramowitz and Stegun (1964), which is off by at most 1.5e-7.
INLINE vec gelu(vec a) {
    vec z = pick(a < 0, -a, a) * 0.707106781f, t = 1 / (1 + 0.3275911f * z);
    vec series = 0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f)));
    vec part = 0.5f * a * t * series * exp_of(-z * z);  // a/2 · (1 - erf|a/√2|)
    return pick(a < 0, part, a - part);
}

struct product {
    const float *x;  // (n, in), rows x_row apart
    const char *w;   // (in, out) from here on, rows w_row apart
    float *y;        // (n, out), rows y_row apart
    const float *bias;
    int64_t x_row, w_row, y_row;
    int in, out, half, add;  // add: to what y holds
};

// A tile of y: some rows by some vectors of columns, of which `out` columns are there. All sums stay in registers.
// What `kind` says is known when this is compiled: HALF, float16; ONCE, w comes from far, so ask for it in advance.
enum { NEAR = 0, HALF = 1, ONCE = 2 };
INLINE void tile(const int rows, const int vecs, const int kind, const struct product *p) {
    const int half = kind & HALF, bytes = kind & ONCE ? vecs * LANES * (half ? 2 : 4) : 0;
    vec sum[TALL][WIDE];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++) sum[r][v] = p->bias ? load(p->bias + v * LANES) : all(0);
    const float *x = p->x;
    const char *w = p->w;
    for (int i = 0; i < p->in; i++, w += p->w_row * (half ? 2 : 4)) {
        for (int b = 0; b < bytes; b += 64) __builtin_prefetch(w + AHEAD + b);
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) {
            vec weight = half ? widened((const uint16_t *)w + v * LANES) : load((const float *)w + v * LANES);
#pragma GCC unroll 6
            for (int r = 0; r < rows; r++) sum[r][v] += weight * x[r * p->x_row + i];
        }
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++) {
            float *y = p->y + r * p->y_row + v * LANES;
            int left = p->out - v * LANES;
            if (left >= LANES)
                store(y, p->add ? load(y) + sum[r][v] : sum[r][v]);
            else
                for (int j = 0; j < left; j++) y[j] = p->add ? y[j] + sum[r][v][j] : sum[r][v][j];
        }
}

// n rows of a strip that is `vecs` vectors wide: as many at a time as share a weight, then what is left.
INLINE void strip(const int vecs, const int kind, int n, struct product p) {
    const int tall = TALL * 4 / vecs < TALL ? TALL * 4 / vecs : TALL;
    while (n > 0) {
        int taken = n < tall ? n : n == tall + 1 ? (tall + 1) / 2 : tall;
#pragma GCC unroll 6
        for (int rows = 1; rows <= tall; rows++)
            if (taken == rows) tile(rows, vecs, kind, &p);
        p.x += taken * p.x_row;
        p.y += taken * p.y_row;
        n -= taken;
    }
}

// All columns, some vectors at a time: many where there are few rows, so that the weights go by in one long run.
INLINE void strips(const int kind, const int one, int n, struct product p) {
    const int few = TALL * 4 / WIDE;
    for (int left = p.out; left > 0;) {
        int vecs = (left + LANES - 1) / LANES, taken = n <= few && vecs >= WIDE ? WIDE : vecs >= 4 ? 4 : 1;
        p.out = left;
        if (taken == WIDE)
            one ? tile(1, WIDE, kind, &p) : strip(WIDE, kind, n, p);
        else if (taken == 4)
            one ? tile(1, 4, kind, &p) : strip(4, kind, n, p);
        else
            one ? tile(1, 1, kind, &p) : strip(1, kind, n, p);
        left -= taken * LANES;
        p.y += taken * LANES;
        p.w += taken * LANES * (kind & HALF ? 2 : 4);
        if (p.bias) p.bias += taken * LANES;
    }
}

// y = x w + bias, or y + x w + bias, a block of w after the other.
static inline void multiply(int n, struct product p) {
    int out = p.out;
    for (int column = 0; column < out; column += BLOCK) {
        struct product block = p;
        int left = out - column;
        block.out = left < BLOCK ? left : BLOCK;
        block.w_row = padded(block.out, LANES);
        block.w += (int64_t)column * p.in * (p.half ? 2 : 4);
        block.y += column;
        if (p.bias) block.bias += column;
        if (p.half)
            n == 1 ? strips(HALF | ONCE, 1, n, block) : strips(HALF | ONCE, 0, n, block);
        else
            n == 1 ? strips(ONCE, 1, n, block) : strips(ONCE, 0, n, block);
    }
}

#endif
