// What decoder.c, sampling.c, guessing.c and writing.c know of each other; native.py knows the same structures.

#ifndef STRIVELM_DECODER_H
#define STRIVELM_DECODER_H

#include "kernels.h"

struct sizes {
    int32_t layers, heads, width, context, vocab, slots, half;  // half: the matrices are float16
};

// A character to be read: its id, the slot whose text it goes on with, and its position there.
struct row {
    int32_t id, slot, position;
};

int strivelm_read(const struct sizes *s, const void *weights, void *arena, const uint8_t *off, int n,
                  const struct row *rows, int wanted, float *logits);

// The probabilities that a character was drawn from, times `total`; NULL where the likeliest one was taken.
struct drawn {
    const float *e;
    double total;
};

__attribute__((visibility("hidden"))) int draw(int V, const float *logits, float temperature, int top_k, double top_p, double u,
                                               float *work, struct drawn *from);

// guessing.c: what may come next after the characters before `end`, of which `known` are there, or -1; and what did.
int strivelm_guess(const uint64_t *table, const int32_t *end, int known);
__attribute__((visibility("hidden"))) void learn(uint64_t *table, const int32_t *end, int known, int id);

#endif
