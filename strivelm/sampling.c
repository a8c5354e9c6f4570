// The character that a uniform number chooses: `distribution` and `draw` of generation.py, where rounding can't decide.

#include "decoder.h"

static const double CLOSE = 1e-5;  // far more than float32 rounds a sum of probabilities by

static int near(double a, double b) { return a - b < CLOSE && b - a < CLOSE; }

// Orders ids from the largest z to the smallest, equal ones by id (Shell 1959).
static void order(int V, const float *z, int32_t *ids) {
    for (int i = 0; i < V; i++) ids[i] = i;
    for (int gap = V / 2; gap; gap = gap == 2 ? 1 : gap * 5 / 11)
        for (int i = gap; i < V; i++) {
            int32_t id = ids[i], j = i;
            for (; j >= gap && (z[ids[j - gap]] < z[id] || (z[ids[j - gap]] == z[id] && ids[j - gap] > id)); j -= gap)
                ids[j] = ids[j - gap];
            ids[j] = id;
        }
}

// Whether the i-th and the next in an order are so alike that rounding may have ordered them.
static int alike(const float *z, const int32_t *ids, int i) {
    float a = z[ids[i]], b = z[ids[i + 1]], size = a < 0 ? -a : a;
    return a - b <= 1e-6f * (1 + size);
}

// The id that u in [0, 1) draws from logits (V,); top_k 0 and top_p 1 keep all. Of `work` it needs room for 2 V floats,
// rounded up to whole vectors, and for V more numbers. Returns -1 where it can't tell: what is close enough to a
// boundary that float32 may put it on the other side, and logits that are not finite. The caller then computes in full.
// `from` lies in `work`.
int draw(int V, const float *logits, float temperature, int top_k, double top_p, double u, float *work,
         struct drawn *from) {
    int wide = (int)padded(V, LANES), kept = V, best = 0, equals = 0;
    float *z = work, *e = work + wide;
    int32_t *ids = (int32_t *)(e + wide);
    for (int i = 0; i < V; i++) {
        if (!(logits[i] > -1e30f && logits[i] < 1e30f)) return -1;
        if (logits[i] == logits[best]) equals++;
        if (logits[i] > logits[best]) best = i, equals = 1;
    }
    *from = (struct drawn){0};
    if (temperature == 0) return equals == 1 ? best : -1;
    if (temperature < 1e-6f) temperature = 1e-6f;
    for (int i = 0; i < V; i++) z[i] = logits[i] / temperature;
    if ((top_k && top_k < V) || top_p < 1) order(V, z, ids);
    if (top_k && top_k < V) {
        kept = top_k;
        if (alike(z, ids, kept - 1)) return -1;
    }
    for (int i = V; i < wide; i++) z[i] = z[best];
    for (int i = 0; i < wide; i += LANES) store(e + i, exp_of(load(z + i) - z[best]));
    if (kept < V)
        for (int i = kept; i < V; i++) e[ids[i]] = 0;
    double total = 0, before = 0;
    for (int i = 0; i < V; i++) total += e[i];
    if (top_p < 1) {
        int nucleus = 0;
        for (; nucleus < kept && (nucleus == 0 || before < top_p * total); nucleus++) {
            before += e[ids[nucleus]];
            if (near(before / total, top_p)) return -1;
        }
        if (nucleus < kept && alike(z, ids, nucleus - 1)) return -1;
        for (int i = nucleus; i < kept; i++) e[ids[i]] = 0;
        total = before;
    }
    *from = (struct drawn){e, total};
    double at = 0;
    for (int i = 0; i < V; i++) {
        if (e[i] > 0 && near(at / total, u) && at > 0) return -1;
        at += e[i];
        if (at > u * total) return near(at / total, u) ? -1 : i;
    }
    return -1;
}

// The choice alone.
EXPORT int strivelm_draw(int V, const float *logits, float temperature, int top_k, double top_p, double u, float *work) {
    struct drawn from;
    return draw(V, logits, temperature, top_k, top_p, u, work, &from);
}
