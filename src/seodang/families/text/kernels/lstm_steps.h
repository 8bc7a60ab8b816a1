/* The LSTM's steps for one instruction set; see vectors.h for what is defined, lstm.h for the shapes. */

#define CHUNK (PAIRS ? 32 : 16) /* steps whose weight gradient is one product; what it reads fits the L1 cache */

/* The weights of a direction as `forward` or `backward` multiplies by them. */
static void NAME(lstm_pack)(const void *call, long direction) {
    const struct lstm *run = call;
    const struct shape measured = shape_of(run), *shape = &measured;
    const struct layer *layer = &run->layers[direction];
    const long gates = 4 * shape->wide_hidden, joined = shape->joined;
    if (run->backwards)
        NAME(pack)(layer->joined_weights, gates, joined, joined, 1, layer->packed_weights);
    else
        NAME(pack)(layer->joined_weights, joined, 1, gates, joined, layer->packed_weights);
}

/* A text's next word vector, or zeros, at the head of a row of words. */
static ALWAYS void NAME(put_input)(word *row, const float *vector, const struct shape *shape) {
    long j = 0;
    if (vector)
        for (; j + LANES <= shape->inputs; j += LANES) NAME(put)(row, j, LOAD(vector + j));
    for (; j < shape->wide_inputs; j += LANES) {
        float last[LANES] = {0};
        for (long i = j; vector && i < shape->inputs; i++) last[i - j] = vector[i];
        NAME(put)(row, j, LOAD(last));
    }
}

/* Gates before their squashing into gates, cells and states; the largest states so far and their steps. */
static ALWAYS void NAME(step_forward)(const struct lstm *run, const struct shape *shape, const struct rows *rows, long step,
                                      const float *sums, word *gates, const float *cells, float *next_cells, word *next_joined,
                                      float *best, int32_t *places) {
    const long hidden = shape->wide_hidden, joined_words = shape->joined / PER_WORD;
    for (long r = 0; r < rows->padded; r++) {
        const long last = run->pool_last, length = rows->lengths[r], pooled = last ? step == length - 1 : step < length;
        for (long j = 0; j < hidden; j += LANES) {
            const long at = r * hidden + j, gate = 4 * r * hidden + j;
            vec input = NAME(sigmoid)(LOAD(sums + gate)), forget = NAME(sigmoid)(LOAD(sums + gate + hidden));
            vec fresh = NAME(tanh)(LOAD(sums + gate + 2 * hidden)), output = NAME(sigmoid)(LOAD(sums + gate + 3 * hidden));
            vec cell = forget * LOAD(cells + at) + input * fresh, state = output * NAME(tanh)(cell);
            NAME(put)(gates, gate, input);
            NAME(put)(gates, gate + hidden, forget);
            NAME(put)(gates, gate + 2 * hidden, fresh);
            NAME(put)(gates, gate + 3 * hidden, output);
            STORE(next_cells + at, cell);
            NAME(put)(next_joined + r * joined_words, shape->wide_inputs + j, state);
            if (!pooled) continue;
            vec largest = LOAD(best + at);
            vec_i kept = last ? ALL_WHOLE(0) : (vec_i)(state <= largest); /* false where one is not a number: it is passed on */
            STORE(best + at, (vec)((kept & (vec_i)largest) | (~kept & (vec_i)state)));
            STORE_WHOLE(places + at, (kept & LOAD_WHOLE(places + at)) | (~kept & ALL_WHOLE(step)));
        }
    }
}

static void NAME(lstm_forward)(const void *call, long task) {
    const struct lstm *run = call;
    const struct shape measured = shape_of(run), *shape = &measured;
    const struct rows rows = rows_of(run, shape, task, PER_WORD);
    const struct saved saved = saved_of(run, shape, task, PER_WORD);
    const struct layer *layer = &run->layers[rows.direction];
    const long hidden = shape->wide_hidden, joined_words = shape->joined / PER_WORD;
    float sums[GROUP * 4 * hidden], best[GROUP * hidden];
    int32_t places[GROUP * hidden];
    for (long j = 0; j < rows.padded * hidden; j++) best[j] = -INFINITY, places[j] = 0;
    memset(saved.joined, 0, sizeof(word) * rows.padded * joined_words);
    memset(saved.cells, 0, sizeof(float) * rows.padded * hidden);
    for (long step = 0; step < rows.steps; step++) {
        word *joined = saved.joined + step * saved.joined_step, *gates = saved.gates + step * saved.gates_step;
        float *cells = saved.cells + step * saved.cells_step;
        for (long r = 0; r < rows.padded; r++) {
            NAME(put_input)(joined + r * joined_words, word_vector(run, &rows, r, step), shape);
            for (long j = shape->wide_inputs + hidden; j < shape->joined; j += LANES)
                NAME(put)(joined + r * joined_words, j, ALL(0.0f));
        }
        NAME(product)(rows.padded, joined_words, 4 * hidden, joined, joined_words, 1, layer->packed_weights, PANEL,
                      PANEL * joined_words, sums, 4 * hidden, layer->bias);
        NAME(step_forward)(run, shape, &rows, step, sums, gates, cells, cells + saved.cells_step, joined + saved.joined_step,
                           best, places);
    }
    for (long r = 0; r < rows.count; r++) {
        const long at = (rows.numbers[r] * 2 + rows.direction) * shape->hidden;
        memcpy(run->features + at, best + r * hidden, sizeof(float) * shape->hidden);
        memcpy(run->places + at, places + r * hidden, sizeof(int32_t) * shape->hidden);
    }
}

/* The gradients of one step's gates, given those of its state (in `joined`, behind the inputs) and cell (in `carried`). */
static ALWAYS void NAME(step_back)(const struct shape *shape, const struct rows *rows, long step, const word *gates,
                                   const float *cells, const float *next_cells, const float *joined, float *carried,
                                   const float *pooled, const int32_t *places, float *gradients, float *bias) {
    const long hidden = shape->wide_hidden;
    for (long j = 0; j < hidden; j += LANES) {
        vec by_bias[4];
        UNROLL for (int g = 0; g < 4; g++) by_bias[g] = LOAD(bias + g * hidden + j);
        for (long r = 0; r < rows->padded; r++) {
            const long at = r * hidden + j, gate = 4 * r * hidden + j;
            vec input = NAME(get)(gates, gate), forget = NAME(get)(gates, gate + hidden);
            vec fresh = NAME(get)(gates, gate + 2 * hidden), output = NAME(get)(gates, gate + 3 * hidden);
            vec squashed = NAME(tanh)(LOAD(next_cells + at));
            vec_i chosen = LOAD_WHOLE(places + at) == ALL_WHOLE(step);
            vec state = LOAD(joined + r * shape->joined + shape->wide_inputs + j) + (vec)(chosen & LOAD_WHOLE(pooled + at));
            vec cell = LOAD(carried + at) + state * output * (1.0f - squashed * squashed);
            vec by_gate[4] = {cell * fresh * input * (1.0f - input), cell * LOAD(cells + at) * forget * (1.0f - forget),
                              cell * input * (1.0f - fresh * fresh), state * squashed * output * (1.0f - output)};
            STORE(carried + at, cell * forget);
            UNROLL for (int g = 0; g < 4; g++) {
                STORE(gradients + gate + g * hidden, by_gate[g]);
                by_bias[g] += by_gate[g];
            }
        }
        UNROLL for (int g = 0; g < 4; g++) STORE(bias + g * hidden + j, by_bias[g]);
    }
}

#if PAIRS
/* Rows of floats as words of two columns. */
static void NAME(round_rows)(long numbers, const float *rows, word *rounded_rows) {
    for (long j = 0; j < numbers; j += LANES) NAME(put)(rounded_rows, j, LOAD(rows + j));
}

/* Rows of words of two columns as words of two rows: (rows, columns) to (rows / 2, columns, 2). */
static void NAME(pair_rows)(long rows, long columns, const word *from, word *to) {
    const uint16_t *numbers = (const uint16_t *)from;
    for (long r = 0; r < rows; r += 2, numbers += 2 * columns)
        for (long j = 0; j < columns; j += LANES, to += LANES) {
            __m512i even = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(numbers + j)));
            __m512i odd = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(numbers + columns + j)));
            _mm512_storeu_si512(to, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
        }
}
#endif

static void NAME(lstm_backward)(const void *call, long task) {
    const struct lstm *run = call;
    const struct shape measured = shape_of(run), *shape = &measured;
    const struct rows rows = rows_of(run, shape, task, PER_WORD);
    const struct saved saved = saved_of(run, shape, task, PER_WORD);
    const struct partial partial = partial_of(run, shape, task);
    const struct layer *layer = &run->layers[rows.direction];
    const long hidden = shape->wide_hidden, gate_columns = 4 * hidden, joined_columns = shape->joined;
    const long words = rows.padded * gate_columns / PER_WORD; /* of one step's gradients */
    float joined[GROUP * joined_columns], carried[GROUP * hidden], pooled[GROUP * hidden], gradients[GROUP * gate_columns];
    int32_t places[GROUP * hidden];
    memset(joined, 0, sizeof joined);
    memset(carried, 0, sizeof carried);
    memset(partial.weights, 0, sizeof(float) * gate_columns * joined_columns);
    memset(partial.bias, 0, sizeof(float) * gate_columns);
    gather_pooled(run, shape, &rows, pooled, places);
    for (long step = rows.steps - 1; step >= 0; step--) {
        const long slot = step % CHUNK, first = step - slot;
        const word *inputs = saved.joined + first * saved.joined_step;
        NAME(step_back)(shape, &rows, step, saved.gates + step * saved.gates_step, saved.cells + step * saved.cells_step,
                        saved.cells + (step + 1) * saved.cells_step, joined, carried, pooled, places, gradients, partial.bias);
#if PAIRS
        word by_column[GROUP * gate_columns / 2], *kept = partial.gradients + slot * words;
        NAME(round_rows)(rows.padded * gate_columns, gradients, by_column);
        NAME(pair_rows)(rows.padded, gate_columns, by_column, kept);
        NAME(pair_rows)(rows.padded, joined_columns, saved.joined + step * saved.joined_step,
                        partial.inputs + slot * saved.joined_step);
        inputs = partial.inputs;
#else
        word *by_column = memcpy(partial.gradients + slot * words, gradients, sizeof(word) * words);
#endif
        NAME(product)(rows.padded, gate_columns / PER_WORD, joined_columns, by_column, gate_columns / PER_WORD, 1,
                      layer->packed_weights, PANEL, PANEL * gate_columns / PER_WORD, joined, joined_columns, run->zeros);
        for (long r = 0; r < rows.count && run->input_gradients; r++) {
            float *gradient = input_gradient(run, &rows, r, step);
            if (gradient) memcpy(gradient, joined + r * joined_columns, sizeof(float) * shape->inputs);
        }
        if (slot == 0) {
            const long steps = rows.steps - first < CHUNK ? rows.steps - first : CHUNK;
            NAME(product)(gate_columns, steps * rows.padded / PER_WORD, joined_columns, partial.gradients, 1, gate_columns,
                          inputs, joined_columns, PANEL, partial.weights, joined_columns, NULL);
        }
    }
}

#undef CHUNK
