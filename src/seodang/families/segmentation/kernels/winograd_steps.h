/* The tasks of winograd.h, for CPUs with AVX512-BF16. */

typedef float vec __attribute__((vector_size(64)));

#define LOAD(address) ((vec)_mm512_loadu_ps(address))
#define LANE_NUMBERS _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

/* A mask of as many lanes as channels are left. */
static ALWAYS __mmask16 lanes(long channels) {
    return channels >= 16 ? 0xffff : channels > 0 ? (__mmask16)((1 << channels) - 1) : 0;
}

/* One chunk of a pixel; zeros outside of the image and where the mask has none. */
static ALWAYS vec pixel(const struct winograd *run, const uint16_t *image, long channels, long y, long x, __mmask16 mask) {
    static const uint16_t outside[CHUNK] = {0};
    const int inside = y >= 0 && y < run->height && x >= 0 && x < run->width;
    const uint16_t *from = inside ? image + (y * run->width + x) * channels : outside;
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from)), 16);
}

/* Numbers of two rows as words, as many as the mask has. */
static ALWAYS void put_words(word *to, __mmask16 mask, vec first, vec second) {
    const __m512i other = _mm512_add_epi32(LANE_NUMBERS, _mm512_set1_epi32(16));
    const __m512i order = _mm512_or_si512(LANE_NUMBERS, _mm512_slli_epi32(other, 16));
    const __m512i numbers = (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
    if (mask == 0xffff) /* quicker than a store with a mask */
        _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, numbers));
    else
        _mm512_mask_storeu_epi32(to, mask, _mm512_permutexvar_epi16(order, numbers));
}

/* One tile of a product: c[ROWS, columns] = a[ROWS, depth] b[depth, columns], or that added to c. Half a vector of columns
 * takes half the time of a whole one. */
static ALWAYS void multiply(const int columns, const int add, long depth, const word *a, long a_row, long a_step, const word *b,
                            float *c) {
    const int vectors = columns / 16, half = columns % 16;
    __m512 sum[ROWS][MOST_COLUMNS / 16];
    __m256 last[ROWS];
    UNROLL for (int r = 0; r < ROWS; r++) {
        UNROLL for (int v = 0; v < vectors; v++)
            sum[r][v] = add ? _mm512_loadu_ps(c + r * columns + 16 * v) : _mm512_setzero_ps();
        if (half) last[r] = add ? _mm256_loadu_ps(c + r * columns + 16 * vectors) : _mm256_setzero_ps();
    }
    for (long k = 0; k < depth; k++, a += a_step, b += columns) {
        __m512bh right[MOST_COLUMNS / 16];
        __m256bh right_half;
        UNROLL for (int v = 0; v < vectors; v++) right[v] = (__m512bh)_mm512_loadu_si512(b + 16 * v);
        if (half) right_half = (__m256bh)_mm256_loadu_si256((const __m256i *)(b + 16 * vectors));
        UNROLL for (int r = 0; r < ROWS; r++) {
            const __m512i left = _mm512_set1_epi32((int)a[r * a_row]);
            UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = _mm512_dpbf16_ps(sum[r][v], (__m512bh)left, right[v]);
            if (half) last[r] = _mm256_dpbf16_ps(last[r], (__m256bh)_mm512_castsi512_si256(left), right_half);
        }
    }
    UNROLL for (int r = 0; r < ROWS; r++) {
        UNROLL for (int v = 0; v < vectors; v++) _mm512_storeu_ps(c + r * columns + 16 * v, sum[r][v]);
        if (half) _mm256_storeu_ps(c + r * columns + 16 * vectors, last[r]);
    }
}

/* ---- Weights: G g G' ---- */

static ALWAYS void transform_weights(const struct winograd *run, const float *from, __mmask16 mask, vec u[PLACES]) {
    vec t[4][3];
    UNROLL for (int column = 0; column < 3; column++) {
        vec g[3];
        UNROLL for (int r = 0; r < 3; r++)
            g[r] = (vec)_mm512_maskz_loadu_ps(mask, from + r * run->by_row + column * run->by_column);
        t[0][column] = g[0];
        t[1][column] = 0.5f * (g[0] + g[2] + g[1]);
        t[2][column] = 0.5f * (g[0] + g[2] - g[1]);
        t[3][column] = g[2];
    }
    UNROLL for (int r = 0; r < 4; r++) {
        u[4 * r] = t[r][0];
        u[4 * r + 1] = 0.5f * (t[r][0] + t[r][2] + t[r][1]);
        u[4 * r + 2] = 0.5f * (t[r][0] + t[r][2] - t[r][1]);
        u[4 * r + 3] = t[r][2];
    }
}

/* A matrix of 16 x 16 words, a row a vector, by swapping blocks of 1, 2, 4 and 8. */
static ALWAYS void transpose(__m512i rows[16]) {
    UNROLL for (int block = 1; block < 16; block *= 2) {
        const __mmask16 right = _mm512_test_epi32_mask(LANE_NUMBERS, _mm512_set1_epi32(block));
        const __m512i left_lanes = _mm512_mask_add_epi32(LANE_NUMBERS, right, LANE_NUMBERS, _mm512_set1_epi32(16 - block));
        const __m512i right_lanes = _mm512_add_epi32(left_lanes, _mm512_set1_epi32(block));
        _Pragma("GCC unroll 16") for (int r = 0; r < 16; r++) {
            if (r & block) continue;
            const __m512i one = rows[r], two = rows[r + block];
            rows[r] = _mm512_permutex2var_epi32(one, left_lanes, two);
            rows[r + block] = _mm512_permutex2var_epi32(one, right_lanes, two);
        }
    }
}

/* Weights whose inputs stand side by side: 32 inputs of 16 outputs at once. */
static void pack_by_input(const struct winograd *run, long output, long columns, word *panel) {
    __m512i words[PLACES][16];
    const long depth = run->inputs / 2;
    for (long column = 0; column < columns; column += 16)
        for (long input = 0; input < run->inputs; input += 2 * CHUNK) {
            for (long o = 0; o < 16; o++) {
                const long at = output + column + o, left = at < run->outputs ? run->inputs - input : 0;
                const float *from = run->weights + at * run->by_output + input;
                vec u[2][PLACES];
                transform_weights(run, from, lanes(left), u[0]);
                transform_weights(run, from + CHUNK, lanes(left - CHUNK), u[1]);
                for (int place = 0; place < PLACES; place++)
                    words[place][o] = (__m512i)_mm512_cvtne2ps_pbh((__m512)u[1][place], (__m512)u[0][place]);
            }
            for (int place = 0; place < PLACES; place++) {
                transpose(words[place]);
                for (long k = 0; k < 16 && input / 2 + k < depth; k++)
                    _mm512_mask_storeu_epi32(panel + (place * depth + input / 2 + k) * columns + column,
                                             lanes(columns - column), words[place][k]);
            }
        }
}

/* Weights whose outputs stand side by side. */
static void pack_by_output(const struct winograd *run, long output, long columns, word *panel) {
    const long depth = run->inputs / 2;
    for (long column = 0; column < columns; column += 16)
        for (long k = 0; k < depth; k++) {
            const __mmask16 mask = lanes(run->outputs - output - column);
            const float *from = run->weights + output + column + 2 * k * run->by_input;
            vec u[2][PLACES];
            transform_weights(run, from, mask, u[0]);
            transform_weights(run, from + run->by_input, mask, u[1]);
            for (int place = 0; place < PLACES; place++)
                put_words(panel + (place * depth + k) * columns + column, mask, u[0][place], u[1][place]);
        }
}

/* One panel of outputs, as (PLACES, inputs / 2, outputs of the panel) words. */
static void pack_task(const void *call, long number) {
    const struct winograd *run = call;
    long output = 0;
    for (; number > 0; number--) output += panel_columns(run->outputs - output);
    word *panel = (word *)run->scratch + PLACES * output * run->inputs / 2;
    (run->by_input == 1 ? pack_by_input : pack_by_output)(run, output, panel_columns(run->outputs - output), panel);
}

/* ---- Answers: tiles x inputs times inputs x outputs ---- */

/* B' d B of tiles beside each other, the first with the corner (y, x), to (PLACES, BLOCK_TILES, tile_words). */
static void transform_tiles(const struct winograd *run, long number, long y, long x, long count, word *to) {
    const long channels = run->inputs, row = tile_words(run), plane = BLOCK_TILES * row;
    const uint16_t *image = run->images + number * run->height * run->width * channels;
    for (long channel = 0; channel < channels; channel += CHUNK) {
        const __mmask16 mask = lanes(channels - channel);
        vec t[4][4]; /* B' d; a tile shares two columns with the one before, for the first -1 reads them */
        for (long n = -1; n < count; n++) {
            UNROLL for (int column = 2; column < 4; column++) {
                vec d[4];
                UNROLL for (int r = 0; r < 4; r++)
                    d[r] = pixel(run, image + channel, channels, y + r, x + 2 * n + column, mask);
                t[0][column] = d[0] - d[2];
                t[1][column] = d[1] + d[2];
                t[2][column] = d[2] - d[1];
                t[3][column] = d[3] - d[1];
            }
            if (n >= 0)
                UNROLL for (int r = 0; r < 4; r++) {
                    const vec v[4] = {t[r][0] - t[r][2], t[r][1] + t[r][2], t[r][2] - t[r][1], t[r][3] - t[r][1]};
                    UNROLL for (int column = 0; column < 4; column++)
                        _mm256_storeu_si256((__m256i *)(to + (4 * r + column) * plane + n * row + channel / 2),
                                            (__m256i)_mm512_cvtneps_pbh((__m512)v[column]));
                }
            UNROLL for (int r = 0; r < 4; r++) t[r][0] = t[r][2], t[r][1] = t[r][3];
        }
    }
}

/* Where the answers of a tile go, and how many of its rows and columns are inside of the image. */
struct tile {
    uint16_t *to;
    int rows, columns;
};

/* A' m A of one tile and one vector of outputs; m: (PLACES, plane). */
static ALWAYS void put_answers(const struct winograd *run, const float *m, long plane, const struct tile *tile, long output) {
    const __mmask16 mask = lanes(run->outputs - output);
    vec t[2][4];
    UNROLL for (int column = 0; column < 4; column++) {
        const vec one = LOAD(m + (4 + column) * plane), two = LOAD(m + (8 + column) * plane);
        t[0][column] = LOAD(m + column * plane) + one + two;
        t[1][column] = LOAD(m + (12 + column) * plane) + one - two;
    }
    UNROLL for (int r = 0; r < 2; r++) {
        const vec y[2] = {t[r][0] + t[r][1] + t[r][2], t[r][3] + t[r][1] - t[r][2]};
        UNROLL for (int column = 0; column < 2; column++)
            if (r < tile->rows && column < tile->columns)
                _mm256_mask_storeu_epi16(tile->to + (r * run->width + column) * run->outputs + output, mask,
                                         (__m256i)_mm512_cvtneps_pbh((__m512)y[column]));
    }
}

/* The answers of a block of tiles for one panel of outputs. */
static ALWAYS void answer(const struct winograd *run, const int columns, const struct tile *tiles, long count,
                          const word *pixels, long output) {
    float products[PLACES * ROWS * MOST_COLUMNS] __attribute__((aligned(64)));
    const long depth = run->inputs / 2, row = tile_words(run);
    const word *weights = (const word *)run->scratch + PLACES * output * depth;
    for (long first = 0; first < count; first += ROWS) {
        for (long place = 0; place < PLACES; place++)
            multiply(columns, 0, depth, pixels + (place * BLOCK_TILES + first) * row, row, 1,
                     weights + place * depth * columns, products + place * ROWS * columns);
        for (long n = first; n < count && n < first + ROWS; n++)
            UNROLL for (int column = 0; column < columns; column += 16)
                put_answers(run, products + (n - first) * columns + column, ROWS * columns, tiles + n, output + column);
    }
}

/* Blocks of tiles, until none is left. */
static void answer_task(const void *call, long worker) {
    struct winograd *run = (struct winograd *)call;
    const long down = (run->height + 1) / 2, across = (run->width + 1) / 2, total = tiles_of(run);
    word *pixels = (word *)run->scratch + weight_words(run) + worker * block_words(run);
    struct tile tiles[BLOCK_TILES];
    for (long begin; (begin = BLOCK_TILES * __atomic_fetch_add(&run->next_block, 1, __ATOMIC_RELAXED)) < total;) {
        const long count = total - begin < BLOCK_TILES ? total - begin : BLOCK_TILES;
        for (long n = 0, some; n < count; n += some) {
            const long x = (begin + n) % across, y = (begin + n) / across % down, image = (begin + n) / across / down;
            some = across - x < count - n ? across - x : count - n;
            if (some > MOST_RUN) some = MOST_RUN;
            transform_tiles(run, image, 2 * y - 1, 2 * x - 1, some, pixels + n * tile_words(run));
            for (long m = 0; m < some; m++)
                tiles[n + m] = (struct tile){
                    run->answers + ((image * run->height + 2 * y) * run->width + 2 * (x + m)) * run->outputs,
                    2 * y + 1 < run->height ? 2 : 1, 2 * (x + m) + 1 < run->width ? 2 : 1};
        }
        for (long output = 0, columns; output < run->outputs; output += columns) {
            columns = panel_columns(run->outputs - output);
            if (columns == 16) answer(run, 16, tiles, count, pixels, output);
            if (columns == 24) answer(run, 24, tiles, count, pixels, output);
            if (columns == 32) answer(run, 32, tiles, count, pixels, output);
            if (columns == 48) answer(run, 48, tiles, count, pixels, output);
        }
    }
}

/* ---- The gradient by the weights: outputs x pairs of tiles times pairs of tiles x inputs ---- */

/* B' d B of pairs of tiles beside each other, the first with the corner (y, x) and the number `pair` in the wave. */
static void transform_pixels(const struct winograd *run, const struct wave *wave, long number, long y, long x, long count,
                             long pair) {
    const long channels = run->inputs, plane = wave->pixel_words;
    const uint16_t *image = run->images + number * run->height * run->width * channels;
    for (long first = 0, columns; first < channels; first += columns) {
        columns = panel_columns(channels - first);
        for (long channel = first; channel < first + columns; channel += CHUNK) {
            const __mmask16 mask = lanes(channels - channel);
            word *to = wave->pixels + first * wave->pairs + pair * columns + channel - first;
            vec t[4][6]; /* B' d; a pair shares two columns with the one before */
            for (long n = 0; n < count; n++, to += columns) {
                UNROLL for (int column = 0; column < 6; column++) {
                    if (n && column < 2) continue;
                    vec d[4];
                    UNROLL for (int r = 0; r < 4; r++)
                        d[r] = pixel(run, image + channel, channels, y + r, x + 4 * n + column, mask);
                    t[0][column] = d[0] - d[2];
                    t[1][column] = d[1] + d[2];
                    t[2][column] = d[2] - d[1];
                    t[3][column] = d[3] - d[1];
                }
                UNROLL for (int r = 0; r < 4; r++) {
                    put_words(to + 4 * r * plane, mask, t[r][0] - t[r][2], t[r][2] - t[r][4]);
                    put_words(to + (4 * r + 1) * plane, mask, t[r][1] + t[r][2], t[r][3] + t[r][4]);
                    put_words(to + (4 * r + 2) * plane, mask, t[r][2] - t[r][1], t[r][4] - t[r][3]);
                    put_words(to + (4 * r + 3) * plane, mask, t[r][3] - t[r][1], t[r][5] - t[r][3]);
                    t[r][0] = t[r][4], t[r][1] = t[r][5];
                }
            }
        }
    }
}

/* A y A' of pairs of tiles beside each other. */
static void transform_gradients(const struct winograd *run, const struct wave *wave, long number, long y, long x, long count,
                                long pair) {
    const long channels = run->outputs, plane = wave->gradient_words;
    const uint16_t *image = run->answers + number * run->height * run->width * channels;
    for (long channel = 0; channel < channels; channel += CHUNK) {
        const __mmask16 mask = lanes(channels - channel);
        word *to = wave->gradients + channel * wave->pairs + pair * CHUNK;
        for (long n = 0; n < count; n++, to += CHUNK) {
            vec t[4][4]; /* A y */
            UNROLL for (int column = 0; column < 4; column++) {
                vec d[2];
                UNROLL for (int r = 0; r < 2; r++)
                    d[r] = pixel(run, image + channel, channels, y + r, x + 4 * n + column, mask);
                t[0][column] = d[0];
                t[1][column] = d[0] + d[1];
                t[2][column] = d[0] - d[1];
                t[3][column] = d[1];
            }
            UNROLL for (int r = 0; r < 4; r++) {
                put_words(to + 4 * r * plane, mask, t[r][0], t[r][2]);
                put_words(to + (4 * r + 1) * plane, mask, t[r][0] + t[r][1], t[r][2] + t[r][3]);
                put_words(to + (4 * r + 2) * plane, mask, t[r][0] - t[r][1], t[r][2] - t[r][3]);
                put_words(to + (4 * r + 3) * plane, mask, t[r][1], t[r][3]);
            }
        }
    }
}

/* A run of pairs of the wave. */
static void transform_task(const void *call, long number) {
    const struct winograd *run = call;
    const struct wave wave = wave_of(run);
    const long down = (run->height + 1) / 2, across = (run->width + 3) / 4;
    long first = number * MOST_RUN, last = first + MOST_RUN;
    if (last > wave.pairs) last = wave.pairs;
    if (last > pairs_of(run) - run->first_pair) last = pairs_of(run) - run->first_pair;
    for (long n = first, some; n < last; n += some) {
        const long pair = run->first_pair + n, x = pair % across, y = pair / across % down, image = pair / across / down;
        some = across - x < last - n ? across - x : last - n;
        transform_pixels(run, &wave, image, 2 * y - 1, 4 * x - 1, some, n);
        transform_gradients(run, &wave, image, 2 * y, 4 * x, some, n);
    }
}

/* Adds up the products of the wave at one place. */
static void add_task(const void *call, long place) {
    const struct winograd *run = call;
    const struct wave wave = wave_of(run);
    const long left = pairs_of(run) - run->first_pair, depth = left < wave.pairs ? left : wave.pairs;
    float *sums = wave.sums + place * wave.sum_floats;
    if (run->first_pair == 0) memset(sums, 0, sizeof(float) * wave.sum_floats);
    for (long input = 0, columns; input < run->inputs; input += columns) {
        columns = panel_columns(run->inputs - input);
        const word *panel = wave.pixels + place * wave.pixel_words + input * wave.pairs;
        for (long output = 0; output < run->outputs; output += ROWS) {
            const word *chunk = wave.gradients + place * wave.gradient_words + output / CHUNK * CHUNK * wave.pairs;
            const word *rows = chunk + output % CHUNK;
            float *to = sums + input * run->outputs + output * columns;
            if (columns == 16) multiply(16, 1, depth, rows, 1, CHUNK, panel, to);
            if (columns == 24) multiply(24, 1, depth, rows, 1, CHUNK, panel, to);
            if (columns == 32) multiply(32, 1, depth, rows, 1, CHUNK, panel, to);
            if (columns == 48) multiply(48, 1, depth, rows, 1, CHUNK, panel, to);
        }
    }
}

/* G' s G of one output and one vector of inputs; s: (PLACES, plane). */
static ALWAYS void put_gradient(const struct winograd *run, const float *s, long plane, long output, long input) {
    float *to = run->weights + 9 * output * run->inputs + input;
    vec t[3][4];
    UNROLL for (int column = 0; column < 4; column++) {
        const vec one = LOAD(s + (4 + column) * plane), two = LOAD(s + (8 + column) * plane);
        t[0][column] = LOAD(s + column * plane) + 0.5f * (one + two);
        t[1][column] = 0.5f * (one - two);
        t[2][column] = LOAD(s + (12 + column) * plane) + 0.5f * (one + two);
    }
    UNROLL for (int r = 0; r < 3; r++) {
        const vec half = 0.5f * (t[r][1] + t[r][2]), g[3] = {t[r][0] + half, 0.5f * (t[r][1] - t[r][2]), t[r][3] + half};
        UNROLL for (int column = 0; column < 3; column++)
            _mm512_mask_storeu_ps(to + (3 * r + column) * run->inputs, lanes(run->inputs - input), (__m512)g[column]);
    }
}

/* The gradient of ROWS outputs, from sums that are complete. */
static void gradient_task(const void *call, long number) {
    const struct winograd *run = call;
    const struct wave wave = wave_of(run);
    for (long output = number * ROWS; output < (number + 1) * ROWS; output++)
        for (long input = 0, columns; input < run->inputs; input += columns) {
            columns = panel_columns(run->inputs - input);
            for (long column = 0; column < columns; column += 16)
                put_gradient(run, wave.sums + input * run->outputs + output * columns + column, wave.sum_floats, output,
                             input + column);
        }
}

/* The gradient of one panel of inputs, where all pairs are in one wave. */
static ALWAYS void whole_gradient(const struct winograd *run, const int columns, long input) {
    float sums[PLACES * ROWS * MOST_COLUMNS] __attribute__((aligned(64)));
    const struct wave wave = wave_of(run);
    for (long output = 0; output < run->outputs; output += ROWS) {
        const word *panel = wave.pixels + input * wave.pairs;
        const word *rows = wave.gradients + output / CHUNK * CHUNK * wave.pairs + output % CHUNK;
        for (long place = 0; place < PLACES; place++)
            multiply(columns, 0, wave.pairs, rows + place * wave.gradient_words, 1, CHUNK, panel + place * wave.pixel_words,
                     sums + place * ROWS * columns);
        for (long r = 0; r < ROWS; r++)
            for (long column = 0; column < columns; column += 16)
                put_gradient(run, sums + r * columns + column, ROWS * columns, output + r, input + column);
    }
}

static void whole_gradient_task(const void *call, long number) {
    const struct winograd *run = call;
    long input = 0;
    for (; number > 0; number--) input += panel_columns(run->inputs - input);
    const long columns = panel_columns(run->inputs - input);
    if (columns == 16) whole_gradient(run, 16, input);
    if (columns == 24) whole_gradient(run, 24, input);
    if (columns == 32) whole_gradient(run, 32, input);
    if (columns == 48) whole_gradient(run, 48, input);
}
