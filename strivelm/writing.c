// Many texts that are written at once, some characters each, without a word to Python between them.
//
// In one turn every text goes on by one character: all rows of all texts are read in one pass over the weights, and
// each text's next character is drawn from its logits by its own settings and its own random number. A prompt is read
// in pieces, so that the others need not wait for it.
//
// A full context goes on from its last half, read afresh (see Decoder in decoder.py). Where a text has a second slot,
// that half is read there meanwhile, two characters at a time: one row alone waits for the weights to come from memory,
// so that two more beside it cost little.

#include "decoder.h"

enum { BEST = 8, BESIDE = 2 };  // the likeliest characters that are kept of a choice; rows of the half beside a row

struct stream {
    int32_t slot, spare;        // where the text is remembered; where the half that stays is read meanwhile, or -1
    int32_t known, read;        // of the characters in view: how many there are, and how many were read
    int32_t again;              // how many of the half that stays were read
    int32_t left, chosen;       // how many characters are to be chosen yet; how many were in this call
    int32_t top_k;
    double top_p, temperature;
};

struct choice {
    double total;              // Σ e^(z - top), of the model's own logits z with the largest one, top
    int32_t row;               // its logits' row of this turn
    int32_t id;                // -1 where C can't tell, -2 where the prompt is not read yet
    float gap, drawn;          // top - z of this character; the probability that it was drawn with
    int32_t best[BEST];        // the likeliest characters
    float gaps[BEST], q[BEST];  // the same of each
};

// The place in order of the likeliest `many` characters, the first of equal ones first.
static void describe(int V, const float *z, int many, struct drawn from, struct choice *c, float *work) {
    int count = 0;
    for (int i = 0; i < V; i++) {
        int at = count < many ? count++ : many;
        for (; at > 0 && z[c->best[at - 1]] < z[i]; at--)
            if (at < many) c->best[at] = c->best[at - 1];
        if (at < many) c->best[at] = i;
    }
    float top = z[c->best[0]];
    c->total = 0;
    int wide = (int)padded(V, LANES);
    for (int i = 0; i < V; i++) work[i] = z[i] - top;
    for (int i = V; i < wide; i++) work[i] = 0;
    for (int i = 0; i < wide; i += LANES) store(work + i, exp_of(load(work + i)));
    for (int i = 0; i < V; i++) c->total += work[i];
    c->gap = top - z[c->id];
    c->drawn = from.e ? (float)(from.e[c->id] / from.total) : c->id == c->best[0];
    for (int i = 0; i < count; i++) {
        c->gaps[i] = top - z[c->best[i]];
        c->q[i] = from.e ? (float)(from.e[c->best[i]] / from.total) : i == 0;
    }
}

// Makes room in a full context: its last half goes to the front.
static void slide(struct stream *one, int32_t *ids, int T) {
    int half = T / 2 > 1 ? T / 2 : 1;
    for (int i = 0; i < half; i++) ids[i] = ids[T + 1 - half + i];
    int32_t slot = one->slot;
    one->known = half, one->read = one->spare < 0 ? 0 : one->again, one->again = 0;
    if (one->spare >= 0) one->slot = one->spare, one->spare = slot;
}

// The rows of a turn that come before each text's last one: its prompt's, and the half's that stays. Returns how many.
static int before(int n, struct stream *streams, int32_t *ids, int T, int piece, struct row *rows) {
    int count = 0, stays = T + 1 - (T / 2 > 1 ? T / 2 : 1);
    for (int i = 0; i < n; i++, ids += T + 1) {
        struct stream *one = streams + i;
        if (!one->left) continue;
        if (one->known > T) slide(one, ids, T);
        for (; one->read < one->known - 1 && piece; piece--, one->read++)
            rows[count++] = (struct row){ids[one->read], one->slot, one->read};
        if (one->spare < 0 || one->known + one->left <= T + 1 || one->known - stays - one->again < BESIDE) continue;
        for (int j = 0; j < BESIDE; j++, one->again++)
            rows[count++] = (struct row){ids[stays + one->again], one->spare, one->again};
    }
    return count;
}

// Writes up to `turns` characters of each of n texts; returns how many turns it took: fewer where none has any left, and
// where C can't tell what a text's character is, after that turn. A text's choice is then the caller's to append.
//
// ids: (n, context + 1), each text's characters in view. piece: how many characters of prompts a turn may read.
// u, forced: (n, turns), each text's next random numbers, and ids that are taken whatever they draw, or -1.
// many: how many of the likeliest characters are kept of a choice, at most 8; 0 describes none.
// rows: room for 3 n + piece of them. work: what `draw` needs. choices: (turns, n). logits: (turns, n, V), each turn's
// by `row` of its choices.
EXPORT int strivelm_write(const struct sizes *s, const void *weights, void *arena, const uint8_t *off, int n,
                          struct stream *streams, int32_t *ids, int turns, int piece, int many, const double *u,
                          const int32_t *forced, struct row *rows, float *work, struct choice *choices, float *logits) {
    int T = s->context, V = s->vocab;
    for (int i = 0; i < n; i++) streams[i].chosen = 0;
    for (int turn = 0; turn < turns; turn++, choices += n, logits += (int64_t)n * V) {
        int count = before(n, streams, ids, T, piece, rows), wanted = 0, open = 0;
        for (int i = 0; i < n; i++) {
            struct stream *one = streams + i;
            choices[i].id = -2;
            if (!one->left || one->read < one->known - 1) continue;
            choices[i].row = wanted++;
            rows[count++] = (struct row){ids[i * (int64_t)(T + 1) + one->read], one->slot, one->read};
        }
        if (!count) return turn;
        if (!strivelm_read(s, weights, arena, off, count, rows, wanted, logits)) return -1;
        for (int i = 0; i < n; i++) {
            struct stream *one = streams + i;
            struct choice *c = choices + i;
            if (!one->left || one->read < one->known - 1) continue;
            const float *z = logits + (int64_t)c->row * V;
            int64_t at = (int64_t)i * turns + one->chosen;
            struct drawn from;
            c->id = draw(V, z, (float)one->temperature, one->top_k, one->top_p, u[at], work, &from);
            one->read++;
            if (c->id < 0) {
                open = 1;
                continue;
            }
            if (forced[at] >= 0) c->id = forced[at];
            if (many) describe(V, z, many, from, c, work);
            ids[i * (int64_t)(T + 1) + one->known++] = c->id, one->left--, one->chosen++;
        }
        if (open) return turn + 1;
    }
    return turns;
}
