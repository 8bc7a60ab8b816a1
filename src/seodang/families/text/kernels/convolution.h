/* A convolution over words with the maximum over the text, without ever storing the answers in between. */

/* One call; mirrored field by field in __init__.py. */
struct convolution {
    long batch, length, channels;
    long width;                  /* words that a filter sees */
    long filters;                /* rounded up to whole panels, a multiple of 32 */
    const float *vectors;        /* (batch, length, channels) */
    const float *weights;        /* (filters, width, channels) */
    const float *bias;           /* (filters) */
    float *maxima;               /* (batch, filters) */
    int32_t *places;             /* (batch, filters): the first window that gave the maximum */
    float *scratch;              /* convolution_scratch(run) floats */
    long instructions;           /* see choose() */
    struct threads threads;
};

static long packed_weights(const struct convolution *run) { return run->filters * run->width * run->channels; }

/* Floats of scratch: the weights in panels, and the texts in words with a vector's room behind each. */
long convolution_scratch(const struct convolution *run) {
    return packed_weights(run) + run->batch * round_up(run->length * run->channels, 16);
}
