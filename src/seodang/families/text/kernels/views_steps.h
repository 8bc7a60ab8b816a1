/* Learning of one view after another region by region; see views.h. */

/* A row of the outputs learns that it stands around a region (1) or not (0); returns the loss. */
static ALWAYS double NAME(learn_pair)(long size, const float *region, float *row, float truth, float rate, float *slope) {
    vec sum = {0};
    for (long n = 0; n < size; n += LANES) sum += LOAD(region + n) * LOAD(row + n);
    float score = 0;
    for (long lane = 0; lane < LANES; lane++) score += sum[lane];
    const float chance = 1 / (1 + expf(-score)), step = rate * (truth - chance);
    for (long n = 0; n < size; n += LANES) {
        STORE(slope + n, LOAD(slope + n) + step * LOAD(row + n));
        STORE(row + n, LOAD(row + n) + step * LOAD(region + n));
    }
    return log1pf(expf(truth > 0 ? -score : score));
}

static void NAME(views_learn)(const void *call, long view) {
    const struct views *run = call;
    const long size = run->size;
    float *inputs = run->inputs + view * run->vocabulary * size, *outputs = run->outputs + 2 * view * run->vocabulary * size;
    float *bias = run->bias + view * size, region[MOST_NUMBERS], slope[MOST_NUMBERS];
    double loss = 0;
    for (long r = 0; r < run->regions; r++) {
        const int32_t *words = run->words + r * run->width;
        const int32_t *neighbours = run->neighbours + (view * run->regions + r) * run->around;
        const int32_t *drawn = run->drawn + (view * run->regions + r) * run->others;
        long known = 0;
        for (long n = 0; n < run->around; n++) known += neighbours[n] >= 0;
        if (!known) continue;
        memcpy(region, bias, size * sizeof(float));
        for (long w = 0; w < run->width; w++)
            for (long n = 0; words[w] && n < size; n += LANES)
                STORE(region + n, LOAD(region + n) + LOAD(inputs + words[w] * size + n));
        for (long n = 0; n < size; n += LANES) STORE(region + n, AT_LEAST(0.0f, LOAD(region + n)));
        memset(slope, 0, size * sizeof(float));
        for (long n = 0; n < run->around; n++)
            if (neighbours[n] >= 0) loss += NAME(learn_pair)(size, region, outputs + neighbours[n] * size, 1, run->rate, slope);
        for (long n = 0; n < run->others; n++)
            loss += NAME(learn_pair)(size, region, outputs + drawn[n] * size, 0, run->rate, slope);
        for (long n = 0; n < size; n++) slope[n] = region[n] > 0 ? slope[n] : 0;
        for (long n = 0; n < size; n += LANES) STORE(bias + n, LOAD(bias + n) + BIAS_RATE * LOAD(slope + n));
        for (long w = 0; w < run->width; w++)
            for (long n = 0; words[w] && n < size; n += LANES)
                STORE(inputs + words[w] * size + n, LOAD(inputs + words[w] * size + n) + LOAD(slope + n));
    }
    run->losses[view] = loss;
}
