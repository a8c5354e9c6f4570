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
int strivelm_draw(int, const float *, float, int, double, double, float *);
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
