/* One step of word vectors: what it is given, and how it is cut into pieces that threads may take in any order. */

enum {
    TILE_WORDS = 8,              /* positions that share their negatives */
    WAVE_WORDS = 1024,           /* positions computed against the same tables: enough for many threads */
    MOST_NEGATIVES = 64,
    MOST_WINDOW = 32,
    MOST_ROWS = 2 * MOST_WINDOW + MOST_NEGATIVES
};

/* One call; mirrored field by field in __init__.py. */
struct step {
    long words;                  /* positions of the text */
    long width;                  /* floats of a row, a multiple of 16 */
    long window;                 /* neighbours on either side at most */
    long shared;                 /* negatives of a tile */
    long cbow;                   /* 1: the mean of the neighbours predicts the word; 0: the word predicts each neighbour */
    const int32_t *numbers;      /* (words): the word at each position */
    const int32_t *begins;       /* (words): the window of p is begins[p] <= q < ends[p] without p itself */
    const int32_t *ends;         /* (words) */
    const int32_t *negatives;    /* (tiles, shared) */
    const int64_t *offsets;      /* (vocabulary + 1): input rows of a word are parts[offsets[w]:offsets[w + 1]]; or NULL */
    const int32_t *parts;
    float *inputs, *outputs;     /* the tables, (rows, width) */
    float *scratch;              /* step_scratch(run) floats */
    double *losses;              /* (tiles): sums over the pairs of a tile */
    float *input_masses;         /* zeros, one a row of the table: its corrections in a wave, see `damped` */
    float *output_masses;
    double rate;
    double weight;               /* of one shared negative in the loss of a pair */
    long instructions;           /* see choose() */
    struct threads threads;
    long first, last;            /* own: the wave */
    float *hidden, *gradients, *near, *errors, *negative_gradients; /* own: pieces of scratch */
};

static long tiles_of(long words) { return (words + TILE_WORDS - 1) / TILE_WORDS; }

static long slots_of(const struct step *run) { return 2 * run->window + 1; }

/* Floats of scratch: for each position of a wave its input vector, the gradient of that, the gradient of its own row in the
 * table where it has one, and its errors by neighbour; and the gradients of a wave's negatives. */
long step_scratch(const struct step *run) {
    return WAVE_WORDS * (3 * run->width + round_up(slots_of(run), 16)) + tiles_of(WAVE_WORDS) * run->shared * run->width;
}

static void divide_scratch(struct step *run) {
    run->hidden = run->scratch;
    run->gradients = run->hidden + WAVE_WORDS * run->width;
    run->near = run->gradients + WAVE_WORDS * run->width;
    run->negative_gradients = run->near + WAVE_WORDS * run->width;
    run->errors = run->negative_gradients + tiles_of(WAVE_WORDS) * run->shared * run->width;
}

/* The rows of the input table that make up the vector of a word; without n-grams the word's own. */
static long parts_of(const struct step *run, const int32_t *word, const int32_t **parts) {
    if (!run->offsets) {
        *parts = word;
        return 1;
    }
    *parts = run->parts + run->offsets[*word];
    return run->offsets[*word + 1] - run->offsets[*word];
}

/* Corrections that a row may get from one wave at the full rate, and how much less far it goes for each more, by the rate.
 * Found by trial on 3.4 million words of Wikipedia: without them training diverges from waves of 256 words on; with them
 * waves of 1,024 score as those of 16 do. */
#define FREE_PAIRS 100.0f
#define DAMPING 0.3f

/* A word's vector is the sum of its rows divided by the square root of their number, and so is each row's gradient: a step
 * then moves the vector as far as if it were one row. */
static float share_of(long parts) { return parts == 1 ? 1.0f : 1.0f / sqrtf((float)parts); }

/* Positions of a wave and their neighbours' reach, and the negatives drawn for it. */
struct reach {
    long from, to, negatives;
    const int32_t *drawn;
};

static struct reach reach_of(const struct step *run) {
    const long from = run->first - run->window, to = run->last + run->window;
    return (struct reach){from > 0 ? from : 0, to < run->words ? to : run->words,
                          tiles_of(run->last - run->first) * run->shared,
                          run->negatives + run->first / TILE_WORDS * run->shared};
}

static int inside(const struct step *run, long position) { return position >= run->first && position < run->last; }

/* Corrections that a position makes, counted in pairs of words. */
static float pairs_at(const struct step *run, long position) {
    return inside(run, position) ? (float)(run->ends[position] - run->begins[position] - 1) : 0.0f;
}

/* Which owner a row has: by a multiplicative hash, since frequent words have neighbouring numbers. */
static long owner_of(const struct step *run, int32_t row) {
    return ((uint32_t)row * 2654435769u >> 16) * (uint32_t)run->threads.count >> 16;
}

/* What a position gets from those whose window it stands in: the gradient of its output row, or with cbow of its vector, as
 * rows and a factor of each. Returns how many. */
static long from_neighbours(const struct step *run, long position, float *factors, const float **rows) {
    const long from = position - run->window > run->first ? position - run->window : run->first;
    const long to = position + run->window + 1 < run->last ? position + run->window + 1 : run->last;
    long count = 0;
    for (long p = from; p < to; p++) {
        if (p == position || run->begins[p] > position || run->ends[p] <= position) continue;
        const long place = p - run->first;
        rows[count] = (run->cbow ? run->gradients : run->hidden) + place * run->width;
        factors[count++] = run->cbow ? 1.0f : run->errors[place * slots_of(run) + position - p + run->window];
    }
    return count;
}
