/* The convolution's tasks for one instruction set; see vectors.h for what is defined. */

static void NAME(convolution_pack)(const void *call, long panel) {
    const struct convolution *run = call;
    const long depth = run->width * run->channels, column = panel * PANEL;
    NAME(pack)(run->weights + column * depth, depth, 1, PANEL, depth, (word *)run->scratch + column * depth / PER_WORD);
}

/* A text as words. */
static const word *NAME(convolution_text)(const struct convolution *run, long row) {
    const long numbers = run->length * run->channels;
    const float *text = run->vectors + row * numbers;
#if PAIRS
    word *words = (word *)run->scratch + packed_weights(run) + row * round_up(numbers, 16);
    long j = 0;
    for (; j + LANES <= numbers; j += LANES) NAME(put)(words, j, LOAD(text + j));
    if (j < numbers) {
        float last[LANES] = {0};
        memcpy(last, text + j, sizeof(float) * (numbers - j));
        NAME(put)(words, j, LOAD(last));
    }
    return words;
#else
    return (const word *)text;
#endif
}

/* The strongest answer of each filter in one text. A window after another is a row of the product: they overlap in memory. */
static void NAME(convolution_forward)(const void *call, long row) {
    const struct convolution *run = call;
    const long depth = run->width * run->channels / PER_WORD, apart = run->channels / PER_WORD;
    const long windows = run->length - run->width + 1, rows = windows < TILE ? 1 : TILE;
    const word *text = NAME(convolution_text)(run, row), *weights = (const word *)run->scratch;
    for (long column = 0; column < run->filters; column += PANEL) {
        float answers[TILE * PANEL];
        vec best[2] = {ALL(-INFINITY), ALL(-INFINITY)};
        vec_i places[2] = {ALL_WHOLE(0), ALL_WHOLE(0)};
        for (long next = 0; next < windows; next += rows) {
            const long window = next + rows > windows ? windows - rows : next; /* the last tile looks at some windows again */
            NAME(product)(rows, depth, PANEL, text + window * apart, apart, 1, weights + column * depth, PANEL, 0, answers,
                          PANEL, run->bias + column);
            for (long r = 0; r < rows; r++)
                UNROLL for (int half = 0; half < 2; half++) {
                    vec answer = LOAD(answers + r * PANEL + half * LANES);
                    vec_i kept = (vec_i)(answer <= best[half]) | (vec_i)(best[half] != best[half]); /* a NaN stays */
                    best[half] = (vec)((kept & (vec_i)best[half]) | (~kept & (vec_i)answer));
                    places[half] = (kept & places[half]) | (~kept & ALL_WHOLE(window + r));
                }
        }
        UNROLL for (int half = 0; half < 2; half++) {
            STORE(run->maxima + row * run->filters + column + half * LANES, best[half]);
            STORE_WHOLE(run->places + row * run->filters + column + half * LANES, places[half]);
        }
    }
}
