// Guesses at the next character, from what came after the same characters before: writing.c reads them in the pass over
// the weights that it makes anyway. A right guess saves a pass; a wrong one costs a little time and changes no text.
//
// The table is shared by all texts of a model, also by several threads. An entry says of a context, of 1 to ORDER
// characters, what mostly came next: 32 bits of its hash, the id, and how much speaks for it. That is the majority vote
// of Boyer and Moore (1981): another character takes away what speaks for this one, and takes its place when nothing is
// left.

#include "decoder.h"

enum { ORDER = 4, ENTRIES = 1 << 17, MOST = 0xffff };

struct entry {
    uint32_t mark;
    uint16_t id, votes;
};

// An entry is read and written whole, so that no thread sees half of another's.
union whole {
    struct entry entry;
    uint64_t all;
};

static struct entry seen(const uint64_t *at) {
    return ((union whole){.all = __atomic_load_n(at, __ATOMIC_RELAXED)}).entry;
}

static void put(uint64_t *at, struct entry entry) {
    __atomic_store_n(at, ((union whole){.entry = entry}).all, __ATOMIC_RELAXED);
}

// The hash of a context that ends before `end`, never 0 in its mark: that is an empty entry's.
static uint64_t hash(const int32_t *end, int order) {
    uint64_t h = (uint64_t)order << 32;  // beyond any id
    for (int i = 1; i <= order; i++) h = (h ^ (uint32_t)end[-i]) * 0x9e3779b97f4a7c15u, h ^= h >> 32;
    return h | (uint64_t)1 << 63;
}

// What mostly followed the characters before `end`, of which `known` are there: by the longest context that was met, -1
// where none was.
EXPORT int strivelm_guess(const uint64_t *table, const int32_t *end, int known) {
    for (int order = known < ORDER ? known : ORDER; order; order--) {
        uint64_t h = hash(end, order);
        struct entry e = seen(table + h % ENTRIES);
        if (e.mark == (uint32_t)(h >> 32)) return e.id;
    }
    return -1;
}

static void vote(uint64_t *table, const int32_t *end, int order, int id, int votes) {
    uint64_t h = hash(end, order), *at = table + h % ENTRIES;
    struct entry e = seen(at);
    if (e.mark == (uint32_t)(h >> 32) && e.id == id)
        e.votes = (uint16_t)(MOST - e.votes < votes ? MOST : e.votes + votes);
    else if (e.votes > votes)  // also where another context lies there
        e.votes = (uint16_t)(e.votes - votes);
    else
        e = (struct entry){(uint32_t)(h >> 32), (uint16_t)id, (uint16_t)votes};
    put(at, e);
}

// That an id came after the characters before `end`, of which `known` are there.
void learn(uint64_t *table, const int32_t *end, int known, int id) {
    if (id > MOST) return;
    for (int order = 1; order <= ORDER && order <= known; order++) vote(table, end, order, id, 1);
}

// How many bytes the table takes; zeros to begin with.
EXPORT int64_t strivelm_guesses_bytes(void) { return ENTRIES * (int64_t)sizeof(uint64_t); }

// That ids (n,) came so often (n,) after contexts (n, order).
EXPORT void strivelm_teach(uint64_t *table, int64_t n, int order, const int32_t *contexts, const int32_t *ids,
                           const int32_t *times) {
    for (int64_t i = 0; i < n; i++)
        if (order <= ORDER && ids[i] >= 0 && ids[i] <= MOST && times[i] > 0)
            vote(table, contexts + (i + 1) * order, order, ids[i], times[i] < MOST ? times[i] : MOST);
}
