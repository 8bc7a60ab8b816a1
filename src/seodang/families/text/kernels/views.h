/* Regions of words that learn to foretell the words around them. */

/* One call; mirrored field by field in __init__.py. Each view is a task of its own, so the same numbers come out on any number
 * of threads. */
struct views {
    long regions, width;         /* words of a region */
    long around;                 /* words that may stand around one */
    long others;                 /* words drawn at random to tell them from; with `around` at most MOST_PAIRS */
    long size;                   /* numbers of a view, a multiple of 16 and at most MOST_NUMBERS */
    long vocabulary;
    const int32_t *words;        /* (regions, width): rows of `inputs`, 0 for none */
    const int32_t *neighbours;   /* (views, regions, around): rows of `outputs`, -1 for none */
    const int32_t *drawn;        /* (views, regions, others): rows of `outputs` */
    float *inputs;               /* (views, vocabulary, size) */
    float *outputs;              /* (views, 2 * vocabulary, size): words before a region, and words behind it */
    float *bias;                 /* (views, size) */
    double *losses;              /* (views), summed over all pairs */
    float rate;
    long instructions;           /* see choose() */
    struct threads threads;
};

enum { MOST_NUMBERS = 1024, MOST_PAIRS = 64 };

#define LEAST_LIKELIHOOD 1e-300 /* of all pairs of a region together */
#define BIAS_RATE 0.1f /* of the words' rate: the bias learns from every region */
