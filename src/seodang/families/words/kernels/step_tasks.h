/* The tasks of a step for one instruction set; see vectors.h for what is defined. */

typedef float NAME(quad) __attribute__((vector_size(16)));
typedef union {
    vec whole;
    NAME(quad) quads[LANES / 4];
} NAME(parts);

static ALWAYS NAME(quad) NAME(fold)(vec given) {
    NAME(parts) parts = {given};
    NAME(quad) sum = parts.quads[0];
    for (int k = 1; k < LANES / 4; k++) sum += parts.quads[k];
    return sum;
}

/* Four products of a vector with a row each. */
static ALWAYS void NAME(dots)(long width, const float *vector, const float *const *rows, float *products) {
    vec sum[4] = {ALL(0.0f), ALL(0.0f), ALL(0.0f), ALL(0.0f)};
    for (long d = 0; d < width; d += LANES) {
        vec left = LOAD(vector + d);
        UNROLL for (int r = 0; r < 4; r++) sum[r] += left * LOAD(rows[r] + d);
    }
    NAME(quad) a = NAME(fold)(sum[0]), b = NAME(fold)(sum[1]), c = NAME(fold)(sum[2]), d = NAME(fold)(sum[3]);
    NAME(quad) first = {a[0], b[0], c[0], d[0]}, second = {a[1], b[1], c[1], d[1]};
    NAME(quad) third = {a[2], b[2], c[2], d[2]}, fourth = {a[3], b[3], c[3], d[3]};
    NAME(quad) total = (first + second) + (third + fourth);
    memcpy(products, &total, sizeof total);
}

/* The sum of factors[r * apart] * rows[r], times `scale`: put into the target, or added to it. */
static ALWAYS void NAME(combine)(long width, long count, const float *factors, long apart, const float *const *rows,
                                 const int add, float scale, float *target) {
    enum { TOGETHER = 4 };
    long d = 0;
    for (; d + TOGETHER * LANES <= width; d += TOGETHER * LANES) {
        vec sum[TOGETHER] = {ALL(0.0f), ALL(0.0f), ALL(0.0f), ALL(0.0f)};
        for (long r = 0; r < count; r++)
            UNROLL for (int k = 0; k < TOGETHER; k++) sum[k] += factors[r * apart] * LOAD(rows[r] + d + k * LANES);
        UNROLL for (int k = 0; k < TOGETHER; k++) {
            float *place = target + d + k * LANES;
            sum[k] *= scale;
            if (add) sum[k] += LOAD(place);
            STORE(place, sum[k]);
        }
    }
    for (; d < width; d += LANES) {
        vec sum = ALL(0.0f);
        for (long r = 0; r < count; r++) sum += factors[r * apart] * LOAD(rows[r] + d);
        sum *= scale;
        if (add) sum += LOAD(target + d);
        STORE(target + d, sum);
    }
}

static ALWAYS void NAME(add_row)(long width, float scale, const float *row, float *target) {
    for (long d = 0; d < width; d += LANES) STORE(target + d, LOAD(target + d) + scale * LOAD(row + d));
}

/* Add `scale` times a word's vector to a target. */
static ALWAYS void NAME(add_vector)(const struct step *run, const int32_t *word, float scale, float *target) {
    const int32_t *parts;
    const long count = parts_of(run, word, &parts);
    const float share = scale * share_of(count);
    for (long k = 0; k < count; k++) NAME(add_row)(run->width, share, run->inputs + (long)parts[k] * run->width, target);
}

/* The vector that predicts at a position: the word's own, or the mean of its neighbours'. Returns the number of neighbours. */
static ALWAYS long NAME(hidden_vector)(const struct step *run, long position, float *hidden) {
    const long begin = run->begins[position], end = run->ends[position], neighbours = end - begin - 1;
    memset(hidden, 0, sizeof(float) * run->width);
    if (!run->cbow) NAME(add_vector)(run, run->numbers + position, 1.0f, hidden);
    for (long q = begin; run->cbow && q < end; q++)
        if (q != position) NAME(add_vector)(run, run->numbers + q, 1.0f / (float)neighbours, hidden);
    return neighbours;
}

/* Scores to errors, in place, and the loss. A factor is 1 for a word that stands there, minus its weight for a negative: the
 * error is the factor times sigmoid(x), the loss its size times log(1 + exp(x)), x the score, negated for a word that stands
 * there. The logarithm is the series of artanh(t / (2 + t)) with t = exp(-|x|), to the last place of a float. */
static ALWAYS vec NAME(errors)(long count, const float *factors, float *scores) {
    vec loss = ALL(0.0f);
    for (long k = 0; k < count; k += LANES) {
        vec factor = LOAD(factors + k), score = LOAD(scores + k);
        vec_i stands = (vec_i)(factor > ALL(0.0f));
        vec x = (vec)((vec_i)score ^ (stands & ALL_WHOLE(INT32_MIN)));
        vec size = (vec)((vec_i)x & ALL_WHOLE(INT32_MAX)), scale;
        vec part = NAME(exp_parts)(-AT_MOST(87.0f, size), &scale);
        vec t = scale + scale * part, over = NAME(reciprocal)(1.0f + t);
        vec_i above = (vec_i)(x > ALL(0.0f));
        vec sigmoid = (vec)((above & (vec_i)over) | (~above & (vec_i)(t * over)));
        vec s = t * NAME(reciprocal)(2.0f + t), s2 = s * s;
        vec series = s2 * (1.0f / 13.0f) + 1.0f / 11.0f;
        series = series * s2 + 1.0f / 9.0f;
        series = series * s2 + 1.0f / 7.0f;
        series = series * s2 + 1.0f / 5.0f;
        series = series * s2 + 1.0f / 3.0f;
        vec softplus = (vec)(above & (vec_i)x) + 2.0f * (s + s * s2 * series);
        loss += (vec)((vec_i)factor & ALL_WHOLE(INT32_MAX)) * softplus;
        STORE(scores + k, factor * sigmoid);
    }
    return loss;
}

/* The rows of the output table that a position is scored against, those that stand there first; returns how many those are. */
static ALWAYS long NAME(scored_rows)(const struct step *run, long position, const float **rows) {
    if (run->cbow) {
        rows[0] = run->outputs + (long)run->numbers[position] * run->width;
        return 1;
    }
    long count = 0;
    for (long q = run->begins[position]; q < run->ends[position]; q++)
        if (q != position) rows[count++] = run->outputs + (long)run->numbers[q] * run->width;
    return count;
}

/* Keep the errors of the words that stand there: by neighbour, for `update_rows` to gather; or, with cbow, as the gradient of
 * the word's own row. */
static ALWAYS void NAME(keep_errors)(const struct step *run, long position, const float *errors) {
    const long place = position - run->first, slots = slots_of(run);
    if (run->cbow) {
        const float *row = run->hidden + place * run->width;
        NAME(combine)(run->width, 1, errors, 1, &row, 0, 1.0f, run->near + place * run->width);
        return;
    }
    float *kept = run->errors + place * slots;
    for (long q = run->begins[position]; q < run->ends[position]; q++)
        if (q != position) kept[q - position + run->window] = *errors++;
}

/* Errors and gradients of a tile: positions that share their negatives. Writes only what is the tile's own. */
static void NAME(compute_tile)(const void *call, long tile) {
    const struct step *run = call;
    const long width = run->width, shared = run->shared;
    const long begin = run->first + tile * TILE_WORDS, end = begin + TILE_WORDS < run->last ? begin + TILE_WORDS : run->last;
    const long number = begin / TILE_WORDS;
    const float *negatives[MOST_NEGATIVES], *vectors[TILE_WORDS];
    float against[TILE_WORDS][MOST_NEGATIVES]; /* errors of the negatives */
    vec loss = ALL(0.0f);
    for (long j = 0; j < shared; j++) negatives[j] = run->outputs + (long)run->negatives[number * shared + j] * width;
    for (long p = begin; p < end; p++) {
        const float *rows[MOST_ROWS + 4];
        float scores[MOST_ROWS + 16], factors[MOST_ROWS + 16];
        float *hidden = run->hidden + (p - run->first) * width, *gradient = run->gradients + (p - run->first) * width;
        vectors[p - begin] = hidden;
        const long neighbours = NAME(hidden_vector)(run, p, hidden);
        const long stand = neighbours ? NAME(scored_rows)(run, p, rows) : 0, count = stand + shared;
        memcpy(rows + stand, negatives, sizeof(float *) * shared);
        for (long k = count; k < count + 4; k++) rows[k] = negatives[0];
        for (long k = 0; k < round_up(count, LANES); k++)
            factors[k] = k < stand ? 1.0f : k < count ? -(float)(run->weight * stand) : 0.0f;
        for (long k = 0; k < count; k += 4) NAME(dots)(width, hidden, rows + k, scores + k);
        for (long k = count; k < round_up(count, LANES); k++) scores[k] = 0.0f;
        loss += NAME(errors)(count, factors, scores);
        NAME(combine)(width, count, scores, 1, rows, 0, run->cbow && neighbours ? 1.0f / (float)neighbours : 1.0f, gradient);
        NAME(keep_errors)(run, p, scores);
        memcpy(against[p - begin], scores + stand, sizeof(float) * shared);
    }
    float *gradients = run->negative_gradients + tile * shared * width;
    for (long j = 0; j < shared; j++)
        NAME(combine)(width, end - begin, &against[0][j], MOST_NEGATIVES, vectors, 0, 1.0f, gradients + j * width);
    double total = 0.0;
    for (int k = 0; k < LANES; k++) total += (double)loss[k];
    run->losses[number] = total;
}

/* The rate of a row that gets `mass` corrections against the same tables. One after another, each would have seen the effect of
 * those before; together they must go less far, or a word that crowds a passage overshoots and training diverges. */
static ALWAYS float NAME(damped)(const struct step *run, float mass) {
    const float more = mass > FREE_PAIRS ? mass - FREE_PAIRS : 0.0f;
    return (float)run->rate / (1.0f + (float)run->rate * DAMPING * more);
}

/* Count the corrections of the rows that one owner has. */
static ALWAYS void NAME(weigh_rows)(const struct step *run, struct reach reach, long owner) {
    for (long p = reach.from; p < reach.to; p++) {
        const int32_t *parts;
        const long count = parts_of(run, run->numbers + p, &parts);
        const float pairs = pairs_at(run, p);
        for (long k = 0; k < count; k++)
            if (owner_of(run, parts[k]) == owner) run->input_masses[parts[k]] += pairs * (1.0f + (float)(run->weight * run->shared));
        if (owner_of(run, run->numbers[p]) == owner) run->output_masses[run->numbers[p]] += pairs;
    }
    for (long k = 0; k < reach.negatives; k++)
        if (owner_of(run, reach.drawn[k]) == owner)
            run->output_masses[reach.drawn[k]] += (float)(TILE_WORDS * (run->window + 1) * run->weight);
}

/* Make the counts zeros again. */
static ALWAYS void NAME(forget_rows)(const struct step *run, struct reach reach, long owner) {
    for (long p = reach.from; p < reach.to; p++) {
        const int32_t *parts;
        const long count = parts_of(run, run->numbers + p, &parts);
        for (long k = 0; k < count; k++)
            if (owner_of(run, parts[k]) == owner) run->input_masses[parts[k]] = 0.0f;
        if (owner_of(run, run->numbers[p]) == owner) run->output_masses[run->numbers[p]] = 0.0f;
    }
    for (long k = 0; k < reach.negatives; k++)
        if (owner_of(run, reach.drawn[k]) == owner) run->output_masses[reach.drawn[k]] = 0.0f;
}

/* Add the gradient of a position's word to the rows of its vector. */
static ALWAYS void NAME(move_inputs)(const struct step *run, long position, long owner) {
    float factors[2 * MOST_WINDOW];
    const float *rows[2 * MOST_WINDOW];
    const int32_t *parts;
    const long count = parts_of(run, run->numbers + position, &parts);
    long gathered = -1;
    if (!run->cbow && !inside(run, position)) return;
    for (long k = 0; k < count; k++) {
        if (owner_of(run, parts[k]) != owner) continue;
        float *row = run->inputs + (long)parts[k] * run->width;
        const float step = NAME(damped)(run, run->input_masses[parts[k]]) * share_of(count);
        if (run->cbow) {
            if (gathered < 0) gathered = from_neighbours(run, position, factors, rows);
            NAME(combine)(run->width, gathered, factors, 1, rows, 1, step, row);
        } else
            NAME(add_row)(run->width, step, run->gradients + (position - run->first) * run->width, row);
    }
}

/* Add to the output row of a position's word. */
static ALWAYS void NAME(move_output)(const struct step *run, long position) {
    float factors[2 * MOST_WINDOW];
    const float *rows[2 * MOST_WINDOW];
    const int32_t word = run->numbers[position];
    float *row = run->outputs + (long)word * run->width;
    const float step = NAME(damped)(run, run->output_masses[word]);
    if (!run->cbow)
        NAME(combine)(run->width, from_neighbours(run, position, factors, rows), factors, 1, rows, 1, step, row);
    else if (inside(run, position))
        NAME(add_row)(run->width, step, run->near + (position - run->first) * run->width, row);
}

/* Add to the rows that one owner has, in the order of the text, whoever computed what is added. */
static void NAME(update_rows)(const void *call, long owner) {
    const struct step *run = call;
    const struct reach reach = reach_of(run);
    NAME(weigh_rows)(run, reach, owner);
    for (long p = reach.from; p < reach.to; p++) {
        NAME(move_inputs)(run, p, owner);
        if (owner_of(run, run->numbers[p]) == owner) NAME(move_output)(run, p);
    }
    for (long k = 0; k < reach.negatives; k++) {
        const int32_t word = reach.drawn[k];
        if (owner_of(run, word) != owner) continue;
        const float step = NAME(damped)(run, run->output_masses[word]);
        NAME(add_row)(run->width, step, run->negative_gradients + k * run->width, run->outputs + (long)word * run->width);
    }
    NAME(forget_rows)(run, reach, owner);
}
