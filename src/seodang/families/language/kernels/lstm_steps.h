/* The tasks of the LSTM for one instruction set; see vectors.h for what is defined, lstm.h for the shapes. */

#define SUMS (4 * BLOCK)                     /* a row's gates before their squashing */
#define GATE_ROW(run) (4 * (run)->hidden / PER_WORD + GAP / (long)sizeof(word)) /* words between rows of by_gates */

#if PAIRS
typedef uint16_t NAME(kept_gate);
#else
typedef float NAME(kept_gate);
#endif

/* Keep a number between 0 and 1. In place of a bfloat16, 16 bits after the point: they leave 1 - x its digits, which the
 * slope of a gate near 1 is made of. */
static ALWAYS void NAME(keep)(NAME(kept_gate) *to, vec number) {
#if PAIRS
    __m512i whole = _mm512_cvtps_epi32((__m512)(number * 65535.0f));
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtepi32_epi16(whole));
#else
    STORE(to, number);
#endif
}

static ALWAYS vec NAME(kept)(const NAME(kept_gate) *from) {
#if PAIRS
    __m512i whole = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
    return (vec)_mm512_cvtepi32_ps(whole) * (1.0f / 65535.0f);
#else
    return LOAD(from);
#endif
}

/* The weights of a block's gates as the way forward multiplies by them: of LANES units i, f, g, o side by side. */
static void NAME(lstm_pack_forward)(const void *call, long block) {
    const struct lstm *run = call;
    const long depth = run->hidden / PER_WORD;
    word *to = run->packed + block * SUMS * depth;
    for (long panel = 0; panel < SUMS; panel += PANEL) {
        const word *rows[PANEL];
        for (long c = 0; c < PANEL; c++) {
            const long group = (panel + c) / LANES, unit = block * BLOCK + group / 4 * LANES + c % LANES;
            rows[c] = run->weight + (group % 4 * run->hidden + unit) * depth;
        }
        for (long k = 0; k < depth; k++)
            for (long c = 0; c < PANEL; c++) *to++ = rows[c][k];
    }
}

/* A step of a block's units: gates, cells and states. */
static void NAME(lstm_forward)(const void *call, long block) {
    const struct lstm *run = call;
    const long batch = run->batch, hidden = run->hidden, depth = hidden / PER_WORD;
    const word *before = run->states + run->step * batch * depth, *weights = run->packed + block * SUMS * depth;
    float sums[ROWS * SUMS];
    for (long first = 0, rows; first < batch; first += rows) {
        rows = batch - first < ROWS ? batch - first : ROWS;
        for (long r = 0; r < rows; r++) {
            const word *entering = run->entering + row_at(run, first + r) * 4 * depth;
            for (long j = 0; j < BLOCK; j += LANES)
                UNROLL for (int g = 0; g < 4; g++)
                    STORE(sums + r * SUMS + 4 * j + g * LANES, NAME(get)(entering, g * hidden + block * BLOCK + j));
        }
        NAME(product)(rows, depth, SUMS, before + first * depth, depth, 1, weights, PANEL, PANEL * depth, sums, SUMS, NULL);
        for (long r = 0; r < rows; r++) {
            const float *cells = run->cells + at_block(run, run->step, block, first + r);
            float *next_cells = run->cells + at_block(run, run->step + 1, block, first + r);
            word *states = run->states + ((run->step + 1) * batch + first + r) * depth;
            for (long j = 0; j < BLOCK; j += LANES) {
                const float *sum = sums + r * SUMS + 4 * j;
                vec input = NAME(sigmoid)(LOAD(sum)), forget = NAME(sigmoid)(LOAD(sum + LANES));
                vec fresh = NAME(tanh)(LOAD(sum + 2 * LANES)), output = NAME(sigmoid)(LOAD(sum + 3 * LANES));
                vec cell = forget * LOAD(cells + j) + input * fresh;
                STORE(next_cells + j, cell);
                NAME(put)(states, block * BLOCK + j, output * NAME(tanh)(cell));
                if (!run->gates) continue;
                NAME(kept_gate) *gates = (NAME(kept_gate) *)run->gates + 4 * at_block(run, run->step, block, first + r) + j;
                NAME(keep)(gates, input);
                NAME(keep)(gates + BLOCK, forget);
                NAME(keep)(gates + 2 * BLOCK, fresh * 0.5f + 0.5f);
                NAME(keep)(gates + 3 * BLOCK, output);
            }
        }
    }
}

/* The weights from all gates to a pair of blocks as the way back multiplies by them. */
static void NAME(lstm_pack_backward)(const void *call, long pair) {
    const struct lstm *run = call;
    const long depth = 4 * run->hidden / PER_WORD;
    word *to = run->packed + pair * PAIR * depth;
    for (long panel = pair * PAIR; panel < (pair + 1) * PAIR; panel += PANEL)
        for (long k = 0; k < depth; k++, to += PANEL)
#if PAIRS
            for (long c = 0; c < PANEL; c++) {
                const uint16_t *from = (const uint16_t *)run->weight + 2 * k * run->hidden + panel + c;
                to[c] = from[0] | (word)from[run->hidden] << 16;
            }
#else
            memcpy(to, run->weight + k * run->hidden + panel, sizeof(word) * PANEL);
#endif
}

/* The gradients of a step's gates and of the cells before, for LANES units of a row, from that of their states; Graves 2012,
 * "Supervised Sequence Labelling with Recurrent Neural Networks", section 4.4. */
static ALWAYS void NAME(gates_back)(const struct lstm *run, long unit, long row, vec state) {
    const long block = unit / BLOCK, j = unit % BLOCK, hidden = run->hidden;
    const NAME(kept_gate) *gates = (const NAME(kept_gate) *)run->gates + 4 * at_block(run, run->step, block, row) + j;
    const float *cells = run->cells + at_block(run, run->step, block, row) + j;
    const float *next_cells = run->cells + at_block(run, run->step + 1, block, row) + j;
    float *carried = run->carried + at_block(run, 0, block, row) + j;
    vec input = NAME(kept)(gates), forget = NAME(kept)(gates + BLOCK);
    vec fresh = NAME(kept)(gates + 2 * BLOCK) * 2.0f - 1.0f, output = NAME(kept)(gates + 3 * BLOCK);
    vec squashed = NAME(tanh)(LOAD(next_cells));
    vec cell = LOAD(carried) + state * output * (1.0f - squashed * squashed);
    vec by_gate[4] = {cell * fresh * input * (1.0f - input), cell * LOAD(cells) * forget * (1.0f - forget),
                      cell * input * (1.0f - fresh * fresh), state * squashed * output * (1.0f - output)};
    STORE(carried, cell * forget);
    word *by_gates = run->by_gates + (run->step * run->batch + row) * GATE_ROW(run);
    UNROLL for (int g = 0; g < 4; g++) NAME(put)(by_gates, g * hidden + unit, by_gate[g]);
    if (!run->by_rows) return;
    float *sum = run->by_rows + row_at(run, row) * 4 * hidden + unit;
    UNROLL for (int g = 0; g < 4; g++) STORE(sum + g * hidden, LOAD(sum + g * hidden) + by_gate[g]);
}

/* A step back of a pair of blocks: gradients of its states, from above and from the gates of the step behind it. */
static void NAME(lstm_backward)(const void *call, long pair) {
    const struct lstm *run = call;
    const long batch = run->batch, depth = run->hidden / PER_WORD;
    const word *weights = run->packed + pair * PAIR * 4 * depth;
    const word *behind = run->by_gates + (run->step + 1) * batch * GATE_ROW(run);
    float sums[ROWS * PAIR];
    for (long first = 0, rows; first < batch; first += rows) {
        rows = batch - first < ROWS ? batch - first : ROWS;
        for (long r = 0; r < rows; r++) {
            const long at = run->step * run->step_stride + (first + r) * run->row_stride + pair * PAIR;
            for (long j = 0; j < PAIR; j += LANES) STORE(sums + r * PAIR + j, NAME(get)(run->gradients, at + j));
        }
        for (long gate = 0; gate < 4 && run->step + 1 < run->length; gate++) /* apart, so that what is read fits the L1 cache */
            NAME(product)(rows, depth, PAIR, behind + first * GATE_ROW(run) + gate * depth, GATE_ROW(run), 1,
                          weights + gate * depth * PANEL, PANEL, 4 * depth * PANEL, sums, PAIR, NULL);
        for (long r = 0; r < rows; r++)
            for (long j = 0; j < PAIR; j += LANES)
                NAME(gates_back)(run, pair * PAIR + j, first + r, LOAD(sums + r * PAIR + j));
    }
}

/* PART places from rows of `columns` numbers to tiles of `width` columns; behind the last place, zeros. */
static ALWAYS void NAME(pack_places)(const struct lstm *run, const word *from, long row, long columns, const int width,
                                     long part, word *to) {
    const long depth = (run->places + PER_WORD - 1) / PER_WORD, begin = part * PART / PER_WORD;
    const long end = begin + PART / PER_WORD < depth ? begin + PART / PER_WORD : depth;
    for (long tile = 0; tile < columns; tile += width)
        for (long k = begin; k < end; k++) {
            word *packed = to + tile * depth + k * width;
#if PAIRS
            const uint16_t *even = (const uint16_t *)(from + (run->first + 2 * k) * row) + tile, *odd = even + 2 * row;
            if (2 * k + 1 < run->places)
                for (int c = 0; c < width; c++) packed[c] = even[c] | (word)odd[c] << 16;
            else
                for (int c = 0; c < width; c++) packed[c] = even[c];
#else
            memcpy(packed, from + (run->first + k) * row + tile, sizeof(word) * width);
#endif
        }
}

static void NAME(lstm_pack_places)(const void *call, long part) {
    const struct lstm *run = call;
    NAME(pack_places)(run, run->by_gates, GATE_ROW(run), 4 * run->hidden, TILE, part, run->packed_gates);
    NAME(pack_places)(run, run->states, run->hidden / PER_WORD, run->hidden, PANEL, part, run->packed_states);
}

/* Gradients of the weights from a gate to a pair of blocks, by some places; those before the first have been added up. */
static void NAME(lstm_weight)(const void *call, long number) {
    const struct lstm *run = call;
    const long hidden = run->hidden, depth = (run->places + PER_WORD - 1) / PER_WORD, gate = number % 4;
    const float zeros[PANEL] = {0};
    for (long panel = number / 4 * PAIR; panel < (number / 4 + 1) * PAIR; panel += PANEL)
        for (long row = gate * hidden; row < (gate + 1) * hidden; row += TILE)
            NAME(tile)(TILE, depth, run->packed_gates + row * depth, 1, TILE, run->packed_states + panel * depth, PANEL,
                       run->by_weight + row * hidden + panel, hidden, run->first ? NULL : zeros);
}

#undef SUMS
#undef GATE_ROW
