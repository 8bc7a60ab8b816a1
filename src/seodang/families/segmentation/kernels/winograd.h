/* A 3 x 3 convolution of stride 1, padded with a ring of zeros, in 16 instead of 36 multiplications for 2 x 2 answers:
 * F(2 x 2, 3 x 3) of Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, arXiv:1509.09308.
 *
 * A tile is 2 x 2 answers and the 4 x 4 pixels that they look at. Pixels d, weights g and answers y of a tile are related by
 *
 *     y = A' [(G g G') * (B' d B)] A      * number by number, ' transposed
 *
 *     B' = 1  0 -1  0     G = 1    0    0      A' = 1  1  1  0
 *          0  1  1  0         1/2  1/2  1/2         0  1 -1  1
 *          0 -1  1  0         1/2 -1/2  1/2
 *          0 -1  0  1         0    0    1
 *
 * (the paper has the last row of B' and the last column of A' with the other sign, which cancels). Summed over channels, each
 * of the 16 places of a transformed tile is a matrix product. Both factors of it are rounded to bfloat16, all else is computed
 * in floats. The gradient by the images is the same with weights turned around; the gradient by the weights is the formula
 * read backwards, G' [sum over tiles of (A y A') * (B' d B)] G, with y the gradient by the answers.
 */

enum {
    PLACES = 16,      /* numbers of a transformed tile */
    CHUNK = 16,       /* channels that are transformed at once: a vector */
    ROWS = 8,         /* of a product, computed at once */
    MOST_COLUMNS = 48, /* of a product, computed at once */
    MOST_RUN = 8,     /* tiles whose pixels are read for one chunk and then for the next: they stay in the L1 cache */
    BLOCK_TILES = 24, /* transformed at once: they stay in the L2 cache, and are not a power of two apart in it */
    WAVE_PAIRS = 64,  /* pairs of tiles whose products are added to the sums at once, for each thread */
};

/* One call; mirrored field by field in __init__.py. */
struct winograd {
    long batch, height, width;
    long inputs, outputs;   /* channels, multiples of 8 */
    const uint16_t *images; /* (batch, height, width, inputs), bfloat16 */
    uint16_t *answers;      /* (batch, height, width, outputs), bfloat16; run_weight_gradient reads the gradient by them */
    float *weights;         /* (outputs, inputs, 3, 3), strided; run_weight_gradient writes (outputs, 3, 3, inputs) */
    long by_output, by_input; /* floats from a weight to the next; one of them is 1 */
    long by_row, by_column;
    void *scratch;          /* as many bytes as winograd_scratch or weight_gradient_scratch says, from a multiple of 64 on */
    struct threads threads;
    long next_block, first_pair; /* the call's own */
};

/* Columns of a product that are computed next, where so many are left; only the last can be 24, which ends in half a vector. */
static long panel_columns(long left) {
    return left > 48 ? 32 : left > 40 ? 48 : left > 32 ? 16 : left > 24 ? 32 : left > 16 ? 24 : 16;
}

static long panels_of(long columns) {
    long panels = 0;
    for (; columns > 0; columns -= panel_columns(columns)) panels++;
    return panels;
}

/* ---- Answers ---- */

static long tiles_of(const struct winograd *run) { return run->batch * ((run->height + 1) / 2) * ((run->width + 1) / 2); }

/* Words of a transformed tile at one place, not a power of two: rows of a product would meet in a few sets of the cache. */
static long tile_words(const struct winograd *run) { return round_up(run->inputs / 2, 16) + 16; }

static long block_words(const struct winograd *run) { return PLACES * BLOCK_TILES * tile_words(run); }

static long weight_words(const struct winograd *run) { return PLACES * round_up(run->outputs, 16) * run->inputs / 2; }

long winograd_scratch(const struct winograd *run) {
    return (long)sizeof(word) * (weight_words(run) + run->threads.count * block_words(run));
}

/* ---- The gradient by the weights ---- */

/* Pairs of tiles beside each other that a step of a product takes, and where they are put. */
struct wave {
    long pairs;
    int single;           /* all pairs are in this wave: their sums need no memory */
    word *pixels;         /* (PLACES, panels of inputs, pairs, inputs of a panel), places pixel_words apart */
    word *gradients;      /* (PLACES, chunks of outputs, pairs, CHUNK), places gradient_words apart */
    float *sums;          /* (PLACES, panels of inputs, outputs, inputs of a panel) */
    long pixel_words, gradient_words, sum_floats; /* of a place */
};

static long pairs_of(const struct winograd *run) { return run->batch * ((run->height + 1) / 2) * ((run->width + 3) / 4); }

/* Every number is added up in the order of the pairs, so the results do not depend on the size of a wave. */
static struct wave wave_of(const struct winograd *run) {
    enum { MOST_THREADS = 8 }; /* that larger waves are made for */
    const long inputs = round_up(run->inputs, 16), outputs = round_up(run->outputs, 16), pairs = pairs_of(run);
    struct wave wave = {.single = pairs * (inputs + outputs) <= inputs * outputs};
    wave.pairs = WAVE_PAIRS * (run->threads.count < MOST_THREADS ? run->threads.count : MOST_THREADS);
    if (wave.single || wave.pairs > pairs) wave.pairs = pairs;
    wave.pixel_words = wave.pairs * inputs + 16; /* not a power of two, see tile_words */
    wave.gradient_words = wave.pairs * outputs + 16;
    wave.sum_floats = run->outputs * inputs + 8; /* the last half of a vector is read as a whole */
    wave.pixels = run->scratch;
    wave.gradients = wave.pixels + PLACES * wave.pixel_words;
    wave.sums = (float *)(wave.gradients + PLACES * wave.gradient_words);
    return wave;
}

long weight_gradient_scratch(const struct winograd *run) {
    const struct wave wave = wave_of(run);
    return (long)sizeof(word) * PLACES * (wave.pixel_words + wave.gradient_words + (wave.single ? 0 : wave.sum_floats));
}
