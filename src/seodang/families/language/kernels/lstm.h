/* The steps of an LSTM layer over a chunk, forwards and backwards: what a call brings, and where its numbers stand.
 *
 * A library multiplies a step's states by weights that it packs anew at every step, and each of the ten operations on gates
 * that follow goes through memory. Here weights are packed once a chunk, and a task is a step of a few units: their gates are
 * squashed while they are still in the cache that the product left them in.
 *
 * Numbers in products are floats or, in pairs, bfloat16: words, as vectors.h has them. Sums, cells and gradients of cells
 * are floats.
 */

#define BLOCK 16    /* units whose gates stand together, on any instruction set */
#define PAIR 32     /* units of a task on the way back: two blocks */
#define ROWS 32     /* rows whose sums a task holds at once */
#define PLACES 4096 /* rows of a product that gives gradients of weights: more would leave the L2 cache */
#define PART 64     /* of those that a task packs */
#define GAP 64      /* bytes between two rows of gradients: eight rows at whole kilobytes would share a set of the L1 cache */

/* One call; mirrored field by field in __init__.py. A place is a step of a row, a unit's gates are i, f, g, o. */
struct lstm {
    long length, batch, hidden;  /* hidden: a multiple of PAIR */
    const word *entering;        /* (rows, 4, hidden): the weighted inputs */
    const int64_t *tokens;       /* (length, batch): the row of each place, or NULL: as many rows as places, in their order */
    const word *weight;          /* (4, hidden, hidden): of the state */
    word *packed;                /* the same, as a product reads it */
    word *states;                /* (1 + length, batch, hidden), the first as given */
    float *cells;                /* (1 + length, hidden / BLOCK, batch, BLOCK), the first as given */
    void *gates;                 /* (length, hidden / BLOCK, batch, 4, BLOCK): floats or `kept_gate`, or NULL: no way back */
    /* For the way back: */
    const word *gradients;       /* of the states, numbers at step * step_stride + row * row_stride */
    long step_stride, row_stride;
    float *carried;              /* (hidden / BLOCK, batch, BLOCK): of the cells, zeros as given */
    word *by_gates;              /* (length, batch, 4, hidden) with a GAP behind each row: of what entered */
    float *by_rows;              /* (rows, 4, hidden): sums of that by row, zeros as given; or NULL */
    float *by_weight;            /* (4, hidden, hidden) */
    word *packed_gates;          /* up to PLACES of by_gates, and of states, as a product reads them */
    word *packed_states;
    long instructions;           /* see choose() */
    struct threads threads;
    long step, first, places;    /* own: where it stands, and of how many places a product is */
};

static long row_at(const struct lstm *run, long row) {
    const long place = run->step * run->batch + row;
    return run->tokens ? run->tokens[place] : place;
}

/* Where a step's numbers of a block and row begin in what holds BLOCK of them. */
static long at_block(const struct lstm *run, long step, long block, long row) {
    return ((step * (run->hidden / BLOCK) + block) * run->batch + row) * BLOCK;
}
