// A GPT that reads characters and remembers the ones before them: model.py, line by line, in C.
//
// One source for two places: native.py compiles it for the processor that it runs on, clang for WebAssembly. It asks
// for no memory, calls no library and keeps nothing between two calls: whoever calls it brings two pieces of memory
// that begin as zeros at a multiple of 64 bytes, one for the weights and one for what was read (the arena). Weights are
// float16 or float32, all sums float32. A row is one character: an id, the slot whose text it goes on with, and its
// position there. Rows of different slots share one pass over the weights, whatever their positions.
//
// WebAssembly: python -m strivelm.web.build
//
// Shapes: n rows, t positions, C = width, H = heads, hd = C / H, T = context, V = vocab. Matrices are (in, out).

#include "decoder.h"

enum { CHUNK = 96 };  // rows worked on at a time

// -- where things lie --------------------------------------------------------------------------------------------------

// The weights by kind. Those from LN1_GAIN on are once in every layer. The head is tok (tied).
enum kind {
    TOK, POS, LNF_GAIN, LNF_BIAS, LN1_GAIN, LN1_BIAS, QKV, PROJ, LN2_GAIN, LN2_BIAS, UP, UP_BIAS, DOWN, DOWN_BIAS, KINDS
};

struct shape {
    int64_t in, out;
    int matrix;  // blocked, float16 where the sizes say so; what is none is float32, row by row
};

static struct shape shape_of(const struct sizes *s, int kind) {
    int64_t C = s->width;
    switch (kind) {
        case TOK: return (struct shape){C, s->vocab, 1};
        case POS: return (struct shape){s->context, C, 0};
        case QKV: return (struct shape){C, 3 * C, 1};
        case PROJ: return (struct shape){C, C, 1};
        case UP: return (struct shape){C, 4 * C, 1};
        case DOWN: return (struct shape){4 * C, C, 1};
        case UP_BIAS: return (struct shape){1, 4 * C, 0};
        default: return (struct shape){1, C, 0};
    }
}

static int64_t bytes_of(const struct sizes *s, int kind) {
    struct shape m = shape_of(s, kind);
    return padded(m.in * padded(m.out, LANES) * (m.matrix && s->half ? 2 : 4), 64);
}

static int64_t offset_of(const struct sizes *s, int kind, int64_t layer) {
    int64_t offset = 0, a_layer = 0;
    for (int k = 0; k < (kind < LN1_GAIN ? kind : LN1_GAIN); k++) offset += bytes_of(s, k);
    if (kind < LN1_GAIN) return offset;
    for (int k = LN1_GAIN; k < KINDS; k++) a_layer += bytes_of(s, k);
    for (int k = LN1_GAIN; k < kind; k++) offset += bytes_of(s, k);
    return offset + layer * a_layer;
}

// What a slot keeps of a layer: keys as (H, t / LANES, hd, LANES), so that the scores of LANES positions are one vector,
// and values as (H, t, hd).
INLINE int64_t keys_of(const struct sizes *s) { return (int64_t)s->width * padded(s->context, LANES); }
INLINE int64_t values_of(const struct sizes *s) {
    return (int64_t)s->heads * s->context * padded(s->width / s->heads, LANES);
}

// Scratch: x and h, each (CHUNK, C), the wide rows (CHUNK, 4C), one query, the scores of one head.
INLINE int64_t chunk_of(const struct sizes *s) {
    int64_t C = padded(s->width, LANES);
    return CHUNK * (2 * C + padded(4 * (int64_t)s->width, LANES)) + C + padded(s->context, LANES);
}

static int possible(const struct sizes *s) {  // the bounds of config.py
    return s->layers >= 1 && s->layers <= 512 && s->heads >= 1 && s->heads <= 1024 && s->width >= 1 &&
           s->width <= 1 << 16 && s->width % s->heads == 0 && s->context >= 1 && s->context <= 1 << 20 &&
           s->vocab >= 1 && s->vocab <= 1114112 && s->slots >= 1 && s->slots <= 1 << 12 && s->half >> 1 == 0;
}

// How many bytes the weights need; 0 for sizes that can't be.
EXPORT int64_t strivelm_weights_bytes(const struct sizes *s) {
    return possible(s) ? offset_of(s, LN1_GAIN, s->layers) : 0;
}

// How many bytes the arena needs; 0 for sizes that can't be, or come to more than 2^46 bytes.
EXPORT int64_t strivelm_arena_bytes(const struct sizes *s) {
    if (!possible(s)) return 0;
    int64_t slot = s->layers * (keys_of(s) + values_of(s));
    return slot > ((int64_t)1 << 44) / s->slots ? 0 : 4 * (s->slots * slot + chunk_of(s));
}

// -- weights -----------------------------------------------------------------------------------------------------------

// Puts one matrix or vector in its place; element (i, j) of (in, out) is source[i · along_in + j · along_out].
// Returns 1; 0 where float16 is asked for and does not have some of the numbers; -1 where some are not finite.
EXPORT int strivelm_pack(const struct sizes *s, void *weights, int kind, int layer, const void *source,
                         int64_t along_in, int64_t along_out, int source_half) {
    struct shape m = shape_of(s, kind);
    char *to = (char *)weights + offset_of(s, kind, layer);
    int half = m.matrix && s->half, exact = 1;
    int64_t block = m.matrix ? BLOCK : padded(m.out, LANES);
    for (int64_t column = 0; column < m.out; column += block) {
        int64_t left = m.out - column, columns = left < block ? left : block, wide = padded(columns, LANES);
        for (int64_t i = 0; i < m.in; i++)
            for (int64_t j = 0; j < columns; j++) {
                int64_t from = i * along_in + (column + j) * along_out, at = column * m.in + i * wide + j;
                union number x = {.f = source_half ? from_half(((const uint16_t *)source)[from])
                                                   : ((const float *)source)[from]};
                if (source_half ? (((const uint16_t *)source)[from] & 0x7c00) == 0x7c00
                                : (x.u & 0x7f800000) == 0x7f800000)
                    return -1;
                if (half) {
                    uint16_t h = to_half(x.f);
                    exact &= from_half(h) == x.f && (h & 0x7c00) != 0x7c00;
                    ((uint16_t *)to)[at] = h;
                } else {
                    ((float *)to)[at] = x.f;
                }
            }
    }
    return exact;
}

// A number that changes with the n 32-bit words of a tensor, and with what came before.
EXPORT uint64_t strivelm_digest(const uint32_t *words, int64_t n, uint64_t before) {
    uint64_t lane[8];
    for (int j = 0; j < 8; j++) lane[j] = before + (uint64_t)j;
    for (int64_t i = 0; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++) lane[j] = (lane[j] ^ words[i + j]) * 0x9e3779b97f4a7c15u;
    for (int64_t i = n / 8 * 8; i < n; i++) lane[i % 8] = (lane[i % 8] ^ words[i]) * 0x9e3779b97f4a7c15u;
    for (int j = 0; j < 8; j++) before = ((before ^ before >> 29) * 0xbf58476d1ce4e5b9u) ^ lane[j] ^ lane[j] >> 32;
    return before;
}

// -- the model ---------------------------------------------------------------------------------------------------------

// LayerNorm of n rows of C; the lanes beyond C are and stay 0.
static void layer_norm(int n, int C, const float *x, const float *gain, const float *bias, float *h) {
    int wide = (int)padded(C, LANES);
    for (; n--; x += wide, h += wide) {
        vec total = all(0), squares = all(0);
        for (int c = 0; c < wide; c += LANES) total += load(x + c);
        float mean = sum_of(total) / C;
        for (int c = 0; c < wide; c += LANES) {
            vec away = first(load(x + c) - mean, C - c);
            squares += away * away;
        }
        float scale = 1 / __builtin_sqrtf(sum_of(squares) / C + 1e-5f);
        for (int c = 0; c < wide; c += LANES)
            store(h + c, (load(x + c) - mean) * scale * load(gain + c) + load(bias + c));
    }
}

// Scores of `blocks` · LANES positions: q (hd,), already over √hd, with keys (blocks, hd, LANES).
INLINE void score(const int blocks, int hd, const float *q, const float *keys, float *scores) {
    vec sum[4];
    for (int b = 0; b < blocks; b++) sum[b] = all(0);
    for (int d = 0; d < hd; d++)
        for (int b = 0; b < blocks; b++) sum[b] += q[d] * load(keys + (b * hd + d) * (int64_t)LANES);
    for (int b = 0; b < blocks; b++) store(scores + b * LANES, sum[b]);
}

// softmax(q kᵀ / √hd) v of one head over its first n positions, into y (hd,).
static void attend(int hd, int n, const float *q, const float *keys, const float *values, float *scores, float *y) {
    int t = 0;
    for (; t + 4 * LANES <= n; t += 4 * LANES) score(4, hd, q, keys + (int64_t)t * hd, scores + t);
    for (; t < n; t += LANES) score(1, hd, q, keys + (int64_t)t * hd, scores + t);
    for (int past = n; past < t; past++) scores[past] = scores[0];  // what lies there is no score
    vec most = load(scores), total = all(0);
    for (int i = LANES; i < n; i += LANES) most = pick(load(scores + i) > most, load(scores + i), most);
    float top = most[0];
    for (int i = 1; i < LANES; i++) top = most[i] > top ? most[i] : top;
    for (int i = 0; i < n; i += LANES) {
        vec e = first(exp_of(load(scores + i) - top), n - i);
        total += e;
        store(scores + i, e);
    }
    float scale = 1 / sum_of(total);
    for (int i = 0; i < n; i += LANES) store(scores + i, load(scores + i) * scale);
    struct product mean = {.x = scores, .w = (const char *)values, .y = y, .in = n, .out = hd};
    mean.w_row = padded(hd, LANES);
    strips(NEAR, 1, 1, mean);
}

// What a pass keeps beside its logits where it is asked to; either may be NULL.
struct kept {
    float *attention;       // (L, H, n, wide): each row's weights from position 0 to its own
    float *depths;          // (2L, n, V): the residual stream at each depth, read as if it were the last
    int64_t n, wide, done;  // rows in all, positions, rows that were read before these
};

struct reader {
    const struct sizes *s;
    const char *weights;
    const uint8_t *off;  // (slots, layers, H + 1): the heads that are switched off, and the MLP; or NULL
    float *slots, *x, *h, *wide, *query, *scores;
    const struct kept *kept;  // or NULL
};

// What is switched off in a layer of the text that a row belongs to; NULL if nothing.
static const uint8_t *off_of(const struct reader *r, int layer, const struct row *row) {
    return r->off ? r->off + ((int64_t)row->slot * r->s->layers + layer) * (r->s->heads + 1) : 0;
}

static const float *vector(const struct reader *r, int kind, int layer) {
    return (const float *)(r->weights + offset_of(r->s, kind, layer));
}

static struct product matrix(const struct reader *r, int kind, int layer, const float *x, float *y) {
    struct shape m = shape_of(r->s, kind);
    return (struct product){.x = x, .w = r->weights + offset_of(r->s, kind, layer), .y = y, .in = (int)m.in,
                            .out = (int)m.out, .half = r->s->half, .x_row = padded(m.in, LANES),
                            .y_row = padded(m.out, LANES)};
}

// x = tok[id] + pos[position]; tok is read from the head's blocks.
static void embed(const struct reader *r, int n, const struct row *rows) {
    int C = r->s->width, V = r->s->vocab, wide = (int)padded(C, LANES);
    const char *tok = r->weights + offset_of(r->s, TOK, 0);
    for (int i = 0; i < n; i++) {
        int column = rows[i].id / BLOCK * BLOCK, left = V - column;
        int64_t w_row = left < BLOCK ? padded(left, LANES) : BLOCK, at = (int64_t)column * C + rows[i].id - column;
        const float *pos = vector(r, POS, 0) + (int64_t)rows[i].position * wide;
        for (int c = 0; c < C; c++, at += w_row)
            r->x[i * wide + c] =
                pos[c] + (r->s->half ? from_half(((const uint16_t *)tok)[at]) : ((const float *)tok)[at]);
    }
}

// Every row's key and value into its slot; from then on each row sees itself and what came before it there.
static float *remembered(const struct reader *r, int layer, int n, const struct row *rows) {
    const struct sizes *s = r->s;
    int C = s->width, hd = C / s->heads, deep = (int)padded(hd, LANES), wide = (int)padded(3 * C, LANES);
    int64_t a_layer = keys_of(s) + values_of(s);
    for (int i = 0; i < n; i++) {
        int t = rows[i].position;
        float *keys = r->slots + (rows[i].slot * (int64_t)s->layers + layer) * a_layer, *values = keys + keys_of(s);
        const float *k = r->wide + i * wide + C, *v = k + C;
        for (int h = 0; h < s->heads; h++, k += hd, v += hd) {
            float *key = keys + h * hd * padded(s->context, LANES) + t / LANES * (int64_t)LANES * hd + t % LANES;
            float *value = values + (h * (int64_t)s->context + t) * deep;
            for (int d = 0; d < hd; d++) key[d * LANES] = k[d], value[d] = v[d];
        }
    }
    return r->slots + layer * a_layer;
}

// The first n weights that a row has in a head.
static void keep_weights(const struct reader *r, int layer, int head, int row, int n) {
    const struct kept *k = r->kept;
    float *to = k->attention + (((int64_t)layer * r->s->heads + head) * k->n + k->done + row) * k->wide;
    for (int t = 0; t < n; t++) to[t] = r->scores[t];
}

static void attention(const struct reader *r, int layer, int from, int n, const struct row *rows) {
    const struct sizes *s = r->s;
    int C = s->width, hd = C / s->heads, row = (int)padded(C, LANES), wide = (int)padded(3 * C, LANES);
    float *slot = remembered(r, layer, n, rows), scale = 1 / __builtin_sqrtf((float)hd);
    int64_t a_slot = s->layers * (keys_of(s) + values_of(s)), a_head = hd * padded(s->context, LANES);
    for (int i = from; i < n; i++) {
        const float *keys = slot + rows[i].slot * a_slot, *values = keys + keys_of(s);
        for (int c = 0; c < C; c++) r->query[c] = r->wide[i * wide + c] * scale;
        const uint8_t *off = off_of(r, layer, rows + i);
        for (int h = 0; h < s->heads; h++) {
            float *y = r->h + i * row + h * hd;
            if (off && off[h])
                for (int d = 0; d < hd; d++) y[d] = 0;
            else
                attend(hd, rows[i].position + 1, r->query + h * hd, keys + h * a_head,
                       values + h * (int64_t)s->context * padded(hd, LANES), r->scores, y);
            if (r->kept && r->kept->attention) keep_weights(r, layer, h, i, off && off[h] ? 0 : rows[i].position + 1);
        }
    }
}

// Copies the rows whose MLP is switched off; h is free while the MLP's inner layer is multiplied down.
static void keep(const struct reader *r, int layer, int m, const struct row *rows, const float *x, float *h) {
    int wide = (int)padded(r->s->width, LANES);
    for (int i = 0; r->off && i < m; i++)
        if (off_of(r, layer, rows + i)[r->s->heads])
            for (int c = 0; c < wide; c += LANES) store(h + i * wide + c, load(x + i * wide + c));
}

// Logits (n, V) of what the final LayerNorm and the head read in n rows of x; h is overwritten.
static void read_out(const struct reader *r, int n, const float *x, float *logits) {
    layer_norm(n, r->s->width, x, vector(r, LNF_GAIN, 0), vector(r, LNF_BIAS, 0), r->h);
    struct product head = matrix(r, TOK, 0, r->h, logits);
    head.y_row = r->s->vocab;
    multiply(n, head);
}

static void keep_depth(const struct reader *r, int depth, int n) {
    const struct kept *k = r->kept;
    if (k && k->depths) read_out(r, n, r->x, k->depths + (depth * k->n + k->done) * r->s->vocab);
}

// One layer: rows from `from` on go through all of it, those before it only leave their keys and values.
static void block(const struct reader *r, int layer, int from, int n, const struct row *rows) {
    int C = r->s->width, row = (int)padded(C, LANES), m = n - from;
    keep_depth(r, 2 * layer, n);
    layer_norm(n, C, r->x, vector(r, LN1_GAIN, layer), vector(r, LN1_BIAS, layer), r->h);
    multiply(n, matrix(r, QKV, layer, r->h, r->wide));
    attention(r, layer, from, n, rows);
    float *x = r->x + from * row, *h = r->h + from * row;
    struct product proj = matrix(r, PROJ, layer, h, x), up = matrix(r, UP, layer, h, r->wide);
    struct product down = matrix(r, DOWN, layer, r->wide, x);
    proj.add = down.add = 1, up.bias = vector(r, UP_BIAS, layer), down.bias = vector(r, DOWN_BIAS, layer);
    if (!m) return;
    multiply(m, proj);
    keep_depth(r, 2 * layer + 1, n);
    layer_norm(m, C, x, vector(r, LN2_GAIN, layer), vector(r, LN2_BIAS, layer), h);
    multiply(m, up);
    for (int64_t i = 0; i < m * up.y_row; i += LANES) store(r->wide + i, gelu(load(r->wide + i)));
    keep(r, layer, m, rows + from, x, h);
    multiply(m, down);
    keep(r, layer, m, rows + from, h, x);
}

static int rows_read(const struct sizes *s, const void *weights, void *arena, const uint8_t *off, int n,
                     const struct row *rows, int wanted, float *logits, struct kept *kept) {
    for (int i = 0; i < n; i++)
        if (rows[i].id < 0 || rows[i].id >= s->vocab || rows[i].slot < 0 || rows[i].slot >= s->slots ||
            rows[i].position < 0 || rows[i].position >= s->context)
            return 0;
    int64_t C = padded(s->width, LANES), slots = s->slots * s->layers * (keys_of(s) + values_of(s));
    float *x = (float *)arena + slots, *wide = x + 2 * CHUNK * C;
    float *query = wide + CHUNK * padded(4 * (int64_t)s->width, LANES);
    struct reader r = {s, weights, off, arena, x, x + CHUNK * C, wide, query, query + C, kept};
    for (; n > 0; n -= CHUNK, rows += CHUNK) {
        int now = n < CHUNK ? n : CHUNK, silent = n - wanted < now ? n - wanted : now;
        if (silent < 0) silent = 0;
        embed(&r, now, rows);
        for (int layer = 0; layer < s->layers; layer++)
            block(&r, layer, layer == s->layers - 1 ? silent : 0, now, rows);
        if (kept) kept->done += now;
        if (silent == now) continue;
        read_out(&r, now - silent, r.x + silent * C, logits);
        logits += (int64_t)(now - silent) * s->vocab;
    }
    return 1;
}

// Reads n rows, of each slot in the order of its positions, and writes the logits (wanted, V) of the last ones.
// off: (slots, layers, H + 1), what is switched off for each slot: heads, then the MLP; NULL if nothing is.
// Returns 0, and does nothing, where a row is none: an id, a slot or a position out of bounds.
EXPORT int strivelm_read(const struct sizes *s, const void *weights, void *arena, const uint8_t *off, int n,
                         const struct row *rows, int wanted, float *logits) {
    return rows_read(s, weights, arena, off, n, rows, wanted, logits, 0);
}

// The same for all n rows, whose positions are below `wide`, with what struct kept says; what is NULL is not kept, and
// attention that a row does not have is not written.
EXPORT int strivelm_trace(const struct sizes *s, const void *weights, void *arena, const uint8_t *off, int n,
                          const struct row *rows, int wide, float *logits, float *attention, float *depths) {
    for (int i = 0; i < n; i++)
        if (rows[i].position >= wide) return 0;
    struct kept kept = {attention, depths, n, wide, 0};
    return rows_read(s, weights, arena, off, n, rows, n, logits, &kept);
}

// How many floats this build's vectors have; native.py names it.
EXPORT int strivelm_lanes(void) { return LANES; }
