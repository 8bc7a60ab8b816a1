/* Learning of one view, region by region; see views.h. */

/* How well a region and a row of the outputs go together. */
static ALWAYS float NAME(product_of_rows)(long size, const float *one, const float *other) {
    vec sum = {0};
    for (long n = 0; n < size; n += LANES) sum += LOAD(one + n) * LOAD(other + n);
    float parts[LANES];
    STORE(parts, sum);
    for (long half = LANES / 2; half; half /= 2)
        for (long lane = 0; lane < half; lane++) parts[lane] += parts[lane + half];
    return parts[0];
}

/* What the words of a region add up to, rectified. */
static ALWAYS void NAME(read_region)(long size, long width, const int32_t *words, const float *inputs, const float *bias,
                                     float *region) {
    for (long n = 0; n < size; n += LANES) {
        vec sum = LOAD(bias + n);
        for (long w = 0; w < width; w++)
            if (words[w]) sum += LOAD(inputs + words[w] * size + n);
        STORE(region + n, AT_LEAST(0.0f, sum));
    }
}

static void NAME(views_learn)(const void *call, long view) {
    const struct views *run = call;
    const long size = run->size;
    float *inputs = run->inputs + view * run->vocabulary * size, *outputs = run->outputs + 2 * view * run->vocabulary * size;
    float *bias = run->bias + view * size, region[MOST_NUMBERS], slope[MOST_NUMBERS], chances[MOST_PAIRS];
    int32_t rows[MOST_PAIRS];
    double loss = 0;
    for (long r = 0; r < run->regions; r++) {
        const int32_t *words = run->words + r * run->width;
        const int32_t *neighbours = run->neighbours + (view * run->regions + r) * run->around;
        const int32_t *drawn = run->drawn + (view * run->regions + r) * run->others;
        long pairs = 0;
        for (long n = 0; n < run->around; n++)
            if (neighbours[n] >= 0) rows[pairs++] = neighbours[n];
        const long true_pairs = pairs;
        if (!true_pairs) continue;
        for (long n = 0; n < run->others; n++) rows[pairs++] = drawn[n];

        NAME(read_region)(size, run->width, words, inputs, bias, region);
        for (long p = 0; p < pairs; p++) chances[p] = NAME(product_of_rows)(size, region, outputs + rows[p] * size);
        for (long p = pairs; p % LANES; p++) chances[p] = 0;
        for (long p = 0; p < pairs; p += LANES) STORE(chances + p, NAME(sigmoid)(LOAD(chances + p)));

        double likelihood = 1;
        memset(slope, 0, size * sizeof(float));
        for (long p = 0; p < pairs; p++) {
            const int stands = p < true_pairs;
            const float step = run->rate * (stands - chances[p]);
            float *row = outputs + rows[p] * size;
            likelihood *= stands ? chances[p] : 1 - chances[p];
            for (long n = 0; n < size; n += LANES) {
                vec before = LOAD(row + n);
                STORE(slope + n, LOAD(slope + n) + step * before);
                STORE(row + n, before + step * LOAD(region + n));
            }
        }
        loss -= log(likelihood > LEAST_LIKELIHOOD ? likelihood : LEAST_LIKELIHOOD);

        for (long n = 0; n < size; n++) slope[n] = region[n] > 0 ? slope[n] : 0;
        for (long n = 0; n < size; n += LANES) STORE(bias + n, LOAD(bias + n) + BIAS_RATE * LOAD(slope + n));
        for (long w = 0; w < run->width; w++)
            for (long n = 0; words[w] && n < size; n += LANES)
                STORE(inputs + words[w] * size + n, LOAD(inputs + words[w] * size + n) + LOAD(slope + n));
    }
    run->losses[view] = loss;
}
