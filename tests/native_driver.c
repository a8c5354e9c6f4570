// Reads and draws with random models of many sizes, each piece of memory as large as decoder.c asks for and no larger:
// to be compiled with -fsanitize=address,undefined. Prints the sum of what the logits are, for comparison.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sizes {
    int32_t layers, heads, width, context, vocab, slots, half;
};
int64_t strivelm_weights_bytes(const struct sizes *), strivelm_arena_bytes(const struct sizes *);
int strivelm_pack(const struct sizes *, void *, int, int, const void *, int64_t, int64_t, int);
int strivelm_read(const struct sizes *, const void *, void *, const uint8_t *, int, const int32_t *, int, float *);
int strivelm_trace(const struct sizes *, const void *, void *, const uint8_t *, int, const int32_t *, int, float *, float *,
                   float *);
int strivelm_draw(int, const float *, float, int, double, double, float *);
struct stream {
    int32_t slot, spare, known, read, again, left, chosen, top_k, row, guessed, trust;
    double top_p, temperature;
};
struct choice {
    double total;
    int32_t row, id;
    float gap, drawn;
    int32_t best[8];
    float gaps[8], q[8];
};
int strivelm_write(const struct sizes *, const void *, void *, const uint8_t *, uint64_t *, int, struct stream *, int32_t *,
                   int, int, int, const double *, const int32_t *, int32_t *, float *, struct choice *, float *);
int64_t strivelm_guesses_bytes(void);
void strivelm_teach(uint64_t *, int64_t, int, const int32_t *, const int32_t *, const int32_t *);
uint64_t strivelm_digest(const uint32_t *, int64_t, uint64_t);

static uint32_t state = 1;
static int number(int most) {  // from 1 to most
    state = state * 1664525u + 1013904223u;
    return (int)((state >> 8) % (uint32_t)most) + 1;
}

static void *zeros(int64_t bytes) {
    void *found = NULL;
    if (bytes <= 0 || posix_memalign(&found, 64, (size_t)bytes)) exit(3);
    return memset(found, 0, (size_t)bytes);
}

static void fill(const struct sizes *s, void *weights) {
    int64_t C = s->width;
    int64_t shapes[14][2] = {{C, s->vocab}, {s->context, C}, {1, C}, {1, C}, {1, C},     {1, C},     {C, 3 * C},
                             {C, C},        {1, C},          {1, C}, {C, 4 * C}, {1, 4 * C}, {4 * C, C}, {1, C}};
    for (int kind = 0; kind < 14; kind++)
        for (int layer = 0; layer < (kind < 4 ? 1 : s->layers); layer++) {
            int64_t n = shapes[kind][0] * shapes[kind][1];
            float *source = malloc((size_t)n * sizeof *source);
            for (int64_t i = 0; i < n; i++) source[i] = (float)(number(4097) - 2049) / 4096;  // float16 has them all
            if (strivelm_pack(s, weights, kind, layer, source, shapes[kind][1], 1, 0) != 1) exit(4);
            strivelm_digest((const uint32_t *)source, n, 7);
            free(source);
        }
}

// Writes texts far beyond the context, with every other head and MLP of the first one switched off.
static int write_texts(const struct sizes *s, const void *weights, void *arena, float *work, uint64_t *table) {
    enum { TURNS = 3, PIECE = 2, FEW = 4, ROOM = TURNS * 3 };
    int n = s->slots > 1 ? s->slots / 2 : 1, T = s->context, many = s->vocab < 8 ? s->vocab : 8, done = 0;
    size_t parts = (size_t)s->layers * (size_t)(s->heads + 1);
    uint8_t *off = calloc((size_t)s->slots, parts);
    for (size_t i = 0; i < parts; i += 2) off[i] = 1;
    struct stream *texts = calloc((size_t)n, sizeof *texts);
    int32_t *ids = calloc((size_t)n, (size_t)(T + 1) * 4), *forced = malloc((size_t)n * ROOM * 4);
    int32_t *rows = malloc((size_t)(3 * n + FEW + PIECE) * 12);
    double *u = calloc((size_t)n, ROOM * sizeof *u);
    struct choice *choices = calloc((size_t)n, ROOM * sizeof *choices);
    float *logits = malloc((size_t)(n + FEW) * TURNS * (size_t)s->vocab * 4);
    for (int i = 0; i < n; i++) {
        texts[i] = (struct stream){i, s->slots > 1 ? n + i : -1, i % 2 ? T : 1, 0, 0, 2 * T + 5, 0, i % 2 ? 3 : 0, 0, 0, 0, 0.9, 0.8};
        if (texts[i].top_k > s->vocab) texts[i].top_k = s->vocab;
        for (int j = 0; j < ROOM; j++) u[i * ROOM + j] = 0.17 + 0.1 * j, forced[i * ROOM + j] = j == 1 ? s->vocab - 1 : -1;
    }
    while (done >= 0) {
        int left = 0;
        for (int i = 0; i < n; i++) left += texts[i].left;
        if (!left) break;
        done = strivelm_write(s, weights, arena, off, table, n, texts, ids, TURNS, PIECE, many, u, forced, rows, work, choices,
                              logits);
        for (int i = 0; done > 0 && i < n; i++)
            if (texts[i].chosen < ROOM && choices[i * ROOM + texts[i].chosen].id == -1) {  // the caller's to choose
                ids[i * (T + 1) + texts[i].known++] = 0, texts[i].left--;
                choices[i * ROOM + texts[i].chosen].id = 0;
            }
    }
    free(off), free(texts), free(ids), free(forced), free(rows), free(u), free(choices), free(logits);
    return done >= 0;
}

// Reads the same rows again, and keeps all that there is; whether the last logits are the same to the bit.
static int traced_alike(const struct sizes *s, const void *weights, void *arena, int n, const int32_t *rows, int wanted,
                        const float *expected) {
    size_t V = (size_t)s->vocab, L = (size_t)s->layers, N = (size_t)n;
    float *logits = malloc(N * V * 4), *depths = malloc(2 * L * N * V * 4);
    float *attention = calloc(L * (size_t)s->heads * N, (size_t)s->context * 4);
    int same = strivelm_trace(s, weights, arena, NULL, n, rows, s->context, logits, attention, depths) == 1;
    same &= !memcmp(logits + (N - (size_t)wanted) * V, expected, (size_t)wanted * V * 4);
    for (size_t i = 0; i < L * (size_t)s->heads * N; i++) {
        double sum = 0;
        for (int t = 0; t < s->context; t++) sum += attention[i * (size_t)s->context + (size_t)t];
        same &= sum > 0.9999 && sum < 1.0001;
    }
    same &= !strivelm_trace(s, weights, arena, NULL, n, rows, s->context - 1, logits, NULL, NULL);
    free(logits), free(depths), free(attention);
    return same;
}

int main(void) {
    double total = 0;
    for (int round = 0; round < 30; round++) {
        int heads = number(4), wide[] = {1, 3, 8, 16, 17, 33, 64}, contexts[] = {1, 2, 7, 16, 63, 64, 130, 250};
        struct sizes s = {number(3), heads, heads * wide[number(7) - 1], contexts[number(8) - 1],
                          round % 5 ? number(70) : number(600), number(4), round % 2};
        void *weights = zeros(strivelm_weights_bytes(&s)), *arena = zeros(strivelm_arena_bytes(&s));
        fill(&s, weights);
        int n = s.context * s.slots, wanted = number(n);
        int32_t *rows = malloc((size_t)n * 12);
        float *logits = malloc((size_t)wanted * (size_t)s.vocab * 4), *work = malloc(((size_t)s.vocab * 3 + 64) * 4);
        for (int again = 0; again < 2; again++) {  // all at once, then one at a time
            for (int i = 0; i < n; i++)
                rows[3 * i] = number(s.vocab) - 1, rows[3 * i + 1] = i % s.slots, rows[3 * i + 2] = i / s.slots;
            if (!again) {
                if (!strivelm_read(&s, weights, arena, NULL, n, rows, wanted, logits)) return 5;
                for (int i = 0; i < wanted * s.vocab; i++) total += logits[i];
                if (!traced_alike(&s, weights, arena, n, rows, wanted, logits)) return 11;
            }
            for (int i = 0; again && i < n; i++)
                if (!strivelm_read(&s, weights, arena, NULL, 1, rows + 3 * i, 1, logits)) return 6;
        }
        for (int i = 0; i < 50; i++) {
            int id = strivelm_draw(s.vocab, logits, (float)number(20) / 10, number(s.vocab + 1) - 1, number(10) / 10.,
                                   (number(1000) - 1) / 1000., work);
            if (id < -1 || id >= s.vocab) return 7;
        }
        int32_t wrong[][3] = {{s.vocab, 0, 0}, {-1, 0, 0}, {0, s.slots, 0}, {0, -1, 0}, {0, 0, s.context}, {0, 0, -1}};
        for (int i = 0; i < 6; i++)
            if (strivelm_read(&s, weights, arena, NULL, 1, wrong[i], 1, logits)) return 8;
        uint64_t *table = zeros(strivelm_guesses_bytes());
        uint32_t numbers = state;
        for (int i = 0; i < 999; i++) {  // also ids that there are not
            int32_t context[] = {number(s.vocab) - 1, number(s.vocab) - 1}, id = number(2 * s.vocab) - 1, times = number(70000);
            strivelm_teach(table, 1, number(2), context, &id, &times);
        }
        for (int with = 0; with < 2; with++)
            if (!write_texts(&s, weights, arena, work, with ? table : NULL)) return 10;
        free(table), state = numbers;
        free(weights), free(arena), free(rows), free(logits), free(work);
    }
    struct sizes impossible[] = {{0, 1, 8, 8, 8, 1, 0},     {1, 3, 8, 8, 8, 1, 0},           {1, 1, 1 << 17, 8, 8, 1, 0},
                                 {1, 1, 8, 8, 8, 0, 0},     {1, 1, 8, 1 << 21, 8, 1, 0},     {1, 1, 8, 8, 2000000, 1, 0},
                                 {1, 1, -8, 8, 8, 1, 0},    {1, 1, 8, 8, 8, 1, 2},           {512, 1024, 1 << 16, 1 << 20, 8, 4096, 0}};
    for (int i = 0; i < 9; i++)
        if (strivelm_arena_bytes(&impossible[i])) return 9;
    printf("%.6f\n", total);
    return 0;
}
