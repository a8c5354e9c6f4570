// Many texts that are written at once, some characters each, without a word to Python between them.
//
// In one turn every text goes on by one character: all rows of all texts are read in one pass over the weights, and
// each text's next character is drawn from its logits by its own settings and its own random number. A prompt is read
// in pieces, so that the others need not wait for it.
//
// A text that is alone, or nearly, leaves the processor waiting for the weights: then what may come next (guessing.c) is
// read in the same pass. As long as what is drawn is what was guessed, the pass gives one character more. A guess chooses
// nothing: each character is drawn from the model's own logits, which are the same as without.
//
// A full context goes on from its last half, read afresh (see Decoder in decoder.py). Where a text has a second slot,
// that half is read there meanwhile, two characters at a time: one row alone waits for the weights to come from memory,
// so that two more beside it cost little.

#include "decoder.h"

enum {
    BEST = 8,     // the likeliest characters that are kept of a choice
    BESIDE = 2,   // rows of the half that stays, beside a row
    GUESSED = 2,  // guesses that are read beside a row of a text that is alone
    FEW = 4,      // so many texts have one guess each
    TRUST = 8,    // so many wrong guesses are put up with; a right one makes good two of them
    PAUSE = 16,   // turns without a guess after that
};

struct stream {
    int32_t slot, spare;        // where the text is remembered; where the half that stays is read meanwhile, or -1
    int32_t known, read;        // of the characters in view: how many there are, and how many were read
    int32_t again;              // how many of the half that stays were read
    int32_t left, chosen;       // how many characters are to be chosen yet; how many were in this call
    int32_t top_k;
    int32_t row, guessed;       // in a turn, its first row of the logits, and how many rows of guesses come after that
    int32_t trust;              // how many wrong guesses are put up with; below 0, for how many turns there is none
    double top_p, temperature;
};

struct choice {
    double total;              // Σ e^(z - top), of the model's own logits z with the largest one, top
    int32_t row;               // its logits' row
    int32_t id;                // -1 where C can't tell
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

// Whether all of a text was read but for its last character, and more is to come.
static int is_ready(const struct stream *one) { return one->left && one->read >= one->known - 1; }

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

// How many guesses are read beside the next row of each of so many texts.
static int guesses_of(int texts) { return texts == 1 ? GUESSED : texts <= FEW ? 1 : 0; }

// The last row of each text that was read up to it, and the guesses after it. Returns how many.
static int last(int n, struct stream *streams, int32_t *ids, int T, int V, int guesses, const uint64_t *table,
                struct row *rows) {
    int count = 0;
    for (int i = 0; i < n; i++, ids += T + 1) {
        struct stream *one = streams + i;
        if (!is_ready(one)) continue;
        one->row = count, one->guessed = 0;
        rows[count++] = (struct row){ids[one->read], one->slot, one->read};
        if (one->trust < 0) one->trust++;
        for (int j = 0; one->trust >= 0 && j < guesses && j < one->left - 1 && one->known + j < T; j++, one->guessed++) {
            int id = strivelm_guess(table, ids + one->known + j, one->known + j);
            if (id < 0 || id >= V) break;
            ids[one->known + j] = id;
            rows[count++] = (struct row){id, one->slot, one->known + j};
        }
    }
    return count;
}

// Where guesses are wrong again and again there are none for a while: in a small model they cost more than they give.
static void trust(struct stream *one, int right) {
    if (right)
        one->trust = one->trust < TRUST ? one->trust + 2 : TRUST;
    else if (--one->trust < 0)
        one->trust = -PAUSE;
}

// Draws what comes next in a text, and goes on while what is drawn was guessed. Returns 0 where C can't tell.
static int choose(struct stream *one, int V, int32_t *ids, int many, const double *u, const int32_t *forced,
                  uint64_t *table, float *work, struct choice *choices, int32_t row, const float *logits) {
    for (int j = 0, right = 1; right; j++, logits += V) {
        struct choice *c = choices + one->chosen;
        struct drawn from;
        c->row = row + j;
        c->id = draw(V, logits, (float)one->temperature, one->top_k, one->top_p, u[one->chosen], work, &from);
        one->read++;
        if (c->id < 0) return 0;
        if (forced[one->chosen] >= 0) c->id = forced[one->chosen];
        if (many) describe(V, logits, many, from, c, work);
        right = j < one->guessed && ids[one->known] == c->id;
        if (j < one->guessed) trust(one, right);
        if (table) learn(table, ids + one->known, one->known, c->id);
        ids[one->known++] = c->id, one->left--, one->chosen++;
    }
    return 1;
}

// Writes some characters of each of n texts, in up to `turns` passes over the weights; returns how many it made: fewer
// where no text has any left, and where C can't tell what a text's character is, after that pass. A text's choice is
// then the caller's to append: the one after those that were chosen, which has the id -1.
//
// ids: (n, context + 1), each text's characters in view. piece: how many characters of prompts a turn may read.
// u, forced, choices: (n, turns * (1 + GUESSED)), each text's next random numbers; ids that are taken whatever they
// draw, or -1; and what was chosen. many: how many of the likeliest characters are kept of a choice, at most 8; 0
// describes none. table: guessing.c's, or NULL. rows: room for 3 n + FEW + piece of them. work: what `draw` needs.
// logits: room for turns * (n + FEW) rows of them, (V,) each, by `row` of the choices.
EXPORT int strivelm_write(const struct sizes *s, const void *weights, void *arena, const uint8_t *off, uint64_t *table,
                          int n, struct stream *streams, int32_t *ids, int turns, int piece, int many, const double *u,
                          const int32_t *forced, struct row *rows, float *work, struct choice *choices, float *logits) {
    int T = s->context, V = s->vocab, room = turns * (1 + GUESSED), first = 0;
    for (int i = 0; i < n; i++) streams[i].chosen = 0;
    for (int turn = 0; turn < turns; turn++) {
        int count = before(n, streams, ids, T, piece, rows), texts = 0;
        for (int i = 0; i < n; i++) texts += is_ready(streams + i);
        int wanted = last(n, streams, ids, T, V, table ? guesses_of(texts) : 0, table, rows + count);
        if (!(count + wanted)) return turn;
        if (!strivelm_read(s, weights, arena, off, count + wanted, rows, wanted, logits)) return -1;
        int told = 1;
        for (int i = 0; i < n; i++) {
            struct stream *one = streams + i;
            int64_t at = i * (int64_t)room;
            if (is_ready(one))
                told &= choose(one, V, ids + i * (int64_t)(T + 1), many, u + at, forced + at, table, work, choices + at,
                               first + one->row, logits + (int64_t)one->row * V);
        }
        first += wanted, logits += (int64_t)wanted * V;
        if (!told) return turn + 1;
    }
    return turns;
}
