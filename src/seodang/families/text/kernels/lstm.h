/* A bidirectional LSTM with pooling over the states: what a call brings, and where its numbers stand.
 *
 * A library's LSTM calls a matrix product a step; at the sizes of text classifiers the call costs more than the arithmetic,
 * and what passes between calls goes through memory. Here a task is one direction of a few texts: it reads their words step
 * by step, and its weights, gates and states stay in the cache.
 */

#define GROUP 8 /* texts of a task: a step reads the weights from the L2 cache once for all of them */

/* One direction: weights as PyTorch has them (gates input, forget, cell, output), and as the kernel reads them. */
struct layer {
    const float *input_weights;  /* (4 * hidden, inputs) */
    const float *state_weights;  /* (4 * hidden, hidden) */
    const float *input_bias;     /* (4 * hidden) */
    const float *state_bias;     /* (4 * hidden) */
    float *joined_weights;       /* (4 * wide_hidden, joined) */
    word *packed_weights;
    float *bias;                 /* (4 * wide_hidden) */
};

/* One call; mirrored field by field in __init__.py. */
struct lstm {
    long batch, length, inputs, hidden;
    const float *vectors;        /* (batch, length, inputs) */
    const int64_t *lengths;      /* (batch): words of each text that are read, 1 to length */
    const int64_t *order;        /* (batch): rows by rising length */
    const float *weights[8];     /* input_weights, state_weights, input_bias, state_bias of each direction */
    float *features;             /* (batch, 2, hidden): the pooled states, or their gradients when backwards */
    int32_t *places;             /* (batch, 2, hidden): the step that each came from */
    float *saved;                /* for `backward`, lstm_saved(run) floats */
    float *scratch;              /* lstm_scratch(run) floats */
    float *input_gradients;      /* (2, batch, length, inputs), or NULL */
    float *weight_gradients[6];  /* of input_weights, state_weights and either bias, of each direction */
    long pool_last;              /* the last state, not the largest of each unit */
    long keep;                   /* `backward` will follow */
    long backwards;
    long instructions;           /* see choose() */
    struct threads threads;
    struct layer layers[2];      /* from here on the kernel's own */
    const float *zeros;          /* (joined) */
};

/* Sizes rounded up to whole vectors. */
struct shape {
    long inputs, hidden, wide_inputs, wide_hidden;
    long joined;                 /* an input and a state side by side, rounded up to whole panels */
    long groups;
};

/* The texts of a task. */
struct rows {
    long direction, count, padded, steps;
    int64_t numbers[GROUP], lengths[GROUP];
};

/* Where a task keeps its states; the steps are apart by 0 when nothing is kept. */
struct saved {
    word *joined, *gates;        /* (steps + 1, rows, joined), (steps, rows, 4 * wide_hidden) */
    float *cells;                /* (steps + 1, rows, wide_hidden) */
    long joined_step, gates_step, cells_step;
};

/* Where a task of `backward` sums its part of the weights' gradient. */
struct partial {
    float *weights, *bias;       /* (4 * wide_hidden, joined), (4 * wide_hidden) */
    word *gradients, *inputs;    /* of some steps: the gates' gradients, and pairs of input rows */
};

static struct shape shape_of(const struct lstm *run) {
    struct shape shape = {.inputs = run->inputs, .hidden = run->hidden};
    shape.wide_inputs = round_up(run->inputs, 16);
    shape.wide_hidden = round_up(run->hidden, 16);
    shape.joined = round_up(shape.wide_inputs + shape.wide_hidden, 32);
    shape.groups = (run->batch + GROUP - 1) / GROUP;
    return shape;
}

/* Floats that a task's states take; a bfloat16 number takes half of one. */
static long saved_of_task(const struct lstm *run, const struct shape *shape, long per_word) {
    const long slots = run->keep ? run->length + 1 : 1;
    return GROUP * slots * (shape->joined / per_word + 4 * shape->wide_hidden / per_word + shape->wide_hidden);
}

static long weights_of(const struct shape *shape) { return 4 * shape->wide_hidden * shape->joined; }

static long partial_of_task(const struct shape *shape) {
    return weights_of(shape) + 4 * shape->wide_hidden + 16 * GROUP * (4 * shape->wide_hidden + shape->joined);
}

/* Floats of `scratch`. */
long lstm_scratch(const struct lstm *run) {
    const struct shape shape = shape_of(run);
    const long tasks = run->backwards ? 2 * shape.groups * partial_of_task(&shape) : 0;
    return tasks + 2 * (2 * weights_of(&shape) + 4 * shape.wide_hidden) + shape.joined;
}

static struct rows rows_of(const struct lstm *run, const struct shape *shape, long task, long fewest) {
    const long first = (shape->groups - 1 - task / 2) * GROUP; /* the longest texts first, so that threads end together */
    struct rows rows = {.direction = task % 2, .count = run->batch - first < GROUP ? run->batch - first : GROUP};
    for (long r = 0; r < rows.count; r++) {
        rows.numbers[r] = run->order[first + r];
        rows.lengths[r] = run->lengths[rows.numbers[r]];
        if (rows.lengths[r] > rows.steps) rows.steps = rows.lengths[r];
    }
    for (long r = rows.count; r < GROUP; r++) rows.lengths[r] = 0;
    rows.padded = rows.count > 4 ? 8 : rows.count > 2 ? 4 : rows.count > fewest ? rows.count : fewest;
    return rows;
}

static struct saved saved_of(const struct lstm *run, const struct shape *shape, long task, long per_word) {
    const struct rows rows = rows_of(run, shape, task, per_word);
    const long slots = run->keep ? run->length + 1 : 1;
    const long joined = shape->joined / per_word, gates = 4 * shape->wide_hidden / per_word;
    struct saved saved = {.cells = run->saved + task * saved_of_task(run, shape, per_word)};
    saved.joined = (word *)(saved.cells + slots * GROUP * shape->wide_hidden);
    saved.gates = saved.joined + slots * GROUP * joined;
    if (run->keep) {
        saved.joined_step = rows.padded * joined;
        saved.gates_step = rows.padded * gates;
        saved.cells_step = rows.padded * shape->wide_hidden;
    }
    return saved;
}

static struct partial partial_of(const struct lstm *run, const struct shape *shape, long task) {
    struct partial partial = {.weights = run->scratch + task * partial_of_task(shape)};
    partial.bias = partial.weights + weights_of(shape);
    partial.gradients = (word *)(partial.bias + 4 * shape->wide_hidden);
    partial.inputs = partial.gradients + 16 * GROUP * 4 * shape->wide_hidden;
    return partial;
}

/* Where a text's word of a step stands: the backward direction begins at the text's own end; -1 behind its last step. */
static long position(const struct rows *rows, long r, long step) {
    if (step >= rows->lengths[r]) return -1;
    return rows->direction ? rows->lengths[r] - 1 - step : step;
}

static const float *word_vector(const struct lstm *run, const struct rows *rows, long r, long step) {
    const long place = position(rows, r, step);
    return place < 0 ? NULL : run->vectors + (rows->numbers[r] * run->length + place) * run->inputs;
}

static float *input_gradient(const struct lstm *run, const struct rows *rows, long r, long step) {
    const long place = position(rows, r, step), row = rows->direction * run->batch + rows->numbers[r];
    return place < 0 ? NULL : run->input_gradients + (row * run->length + place) * run->inputs;
}

/* The gradients of the pooled states of a task's texts and the steps they came from, widened with steps that never come. */
static void gather_pooled(const struct lstm *run, const struct shape *shape, const struct rows *rows, float *pooled,
                          int32_t *places) {
    const long wide = shape->wide_hidden;
    for (long j = 0; j < rows->padded * wide; j++) pooled[j] = 0.0f, places[j] = -1;
    for (long r = 0; r < rows->count; r++) {
        const long at = (rows->numbers[r] * 2 + rows->direction) * shape->hidden;
        memcpy(pooled + r * wide, run->features + at, sizeof(float) * shape->hidden);
        memcpy(places + r * wide, run->places + at, sizeof(int32_t) * shape->hidden);
    }
}

/* A direction's weights side by side and widened, and the sum of its two biases. */
static void join_weights(const struct shape *shape, struct layer *layer) {
    const long wide = shape->wide_hidden, hidden = shape->hidden, inputs = shape->inputs;
    memset(layer->joined_weights, 0, sizeof(float) * weights_of(shape));
    memset(layer->bias, 0, sizeof(float) * 4 * wide);
    for (long row = 0; row < 4 * hidden; row++) {
        const long to = row / hidden * wide + row % hidden;
        float *joined = layer->joined_weights + to * shape->joined;
        memcpy(joined, layer->input_weights + row * inputs, sizeof(float) * inputs);
        memcpy(joined + shape->wide_inputs, layer->state_weights + row * hidden, sizeof(float) * hidden);
        layer->bias[to] = layer->input_bias[row] + layer->state_bias[row];
    }
}

/* The sum of all tasks' gradients of a direction's weights, always in the same order. */
static void sum_gradients(const struct lstm *run, const struct shape *shape, long direction) {
    const long wide = shape->wide_hidden, hidden = shape->hidden, inputs = shape->inputs;
    float *const *to = run->weight_gradients + 3 * direction;
    memset(to[0], 0, sizeof(float) * 4 * hidden * inputs);
    memset(to[1], 0, sizeof(float) * 4 * hidden * hidden);
    memset(to[2], 0, sizeof(float) * 4 * hidden);
    for (long group = 0; group < shape->groups; group++) {
        const struct partial partial = partial_of(run, shape, 2 * group + direction);
        for (long row = 0; row < 4 * hidden; row++) {
            const long from = row / hidden * wide + row % hidden;
            const float *joined = partial.weights + from * shape->joined;
            for (long j = 0; j < inputs; j++) to[0][row * inputs + j] += joined[j];
            for (long j = 0; j < hidden; j++) to[1][row * hidden + j] += joined[shape->wide_inputs + j];
            to[2][row] += partial.bias[from];
        }
    }
}

/* No gradient flows into what stands behind a text's end. */
static void clear_padding(const struct lstm *run, long direction) {
    for (long row = 0; row < run->batch; row++) {
        const long first = (direction * run->batch + row) * run->length + run->lengths[row];
        float *gradient = run->input_gradients + first * run->inputs;
        memset(gradient, 0, sizeof(float) * (run->length - run->lengths[row]) * run->inputs);
    }
}
