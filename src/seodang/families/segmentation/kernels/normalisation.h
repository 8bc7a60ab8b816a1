/* Batch normalisation followed by a rectifier, while training: Ioffe & Szegedy 2015, arXiv:1502.03167.
 *
 * With mean m and inverse deviation r of a channel over all pixels, weight w and bias b, answers are y = max(0, (x - m) r w + b).
 * For gradients g by y, zero where y is, and h = (x - m) r, the gradients are sum(g h) by w, sum(g) by b, and by x
 *
 *     w r (g - mean(g) - h mean(g h))
 *
 * Images are read twice on the way forward and twice on the way back, and nothing but m and r is kept in between.
 */

enum { BLOCK_PIXELS = 512 }; /* added up in floats; sums of blocks are added in doubles, always in the same order */

/* One call; mirrored field by field in __init__.py. */
struct normalisation {
    long pixels, channels;
    const uint16_t *images;    /* (pixels, channels), bfloat16 */
    const uint16_t *gradients; /* by the answers, as large */
    uint16_t *answers;         /* as large; on the way back the gradient by the images */
    const float *weight, *bias; /* (channels), as is all that follows */
    float *mean, *inverse;     /* written on the way forward, read on the way back */
    float *running_mean, *running_variance; /* moved towards this batch's on the way forward */
    float *weight_gradient, *bias_gradient; /* written on the way back */
    float momentum, epsilon;
    float *scratch;            /* normalisation_scratch floats */
    struct threads threads;
};

static long blocks_of(const struct normalisation *run) { return (run->pixels + BLOCK_PIXELS - 1) / BLOCK_PIXELS; }

/* Floats of scratch: two sums of each block and channel, and four factors of each channel. */
long normalisation_scratch(const struct normalisation *run) { return (2 * blocks_of(run) + 4) * run->channels; }

/* What a channel's numbers are multiplied with, what is added, and the same for its gradients. */
static float *factors_of(const struct normalisation *run) { return run->scratch + 2 * blocks_of(run) * run->channels; }

/* One of the two sums of a channel over all blocks. */
static double total_of(const struct normalisation *run, int which, long channel) {
    double total = 0;
    for (long block = 0; block < blocks_of(run); block++) total += run->scratch[(2 * block + which) * run->channels + channel];
    return total;
}
