/* The tasks of normalisation.h, for CPUs with AVX512-BF16; a task is one block of pixels. */

/* The pixels of a block. */
static ALWAYS long first_of(long block) { return block * BLOCK_PIXELS; }

static ALWAYS long end_of(const struct normalisation *run, long block) {
    const long end = (block + 1) * BLOCK_PIXELS;
    return end < run->pixels ? end : run->pixels;
}

static ALWAYS vec widened(const uint16_t *from, __mmask16 mask) {
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from)), 16);
}

static ALWAYS void put_narrowed(uint16_t *to, __mmask16 mask, vec numbers) {
    _mm256_mask_storeu_epi16(to, mask, (__m256i)_mm512_cvtneps_pbh((__m512)numbers));
}

static ALWAYS vec some(const float *from, __mmask16 mask) { return (vec)_mm512_maskz_loadu_ps(mask, from); }

/* Sums of numbers and of their squares, less the first pixel's, so that nothing cancels where the mean is far from zero. */
static void moments_task(const void *call, long block) {
    const struct normalisation *run = call;
    const long end = end_of(run, block);
    float *sums = run->scratch + 2 * block * run->channels;
    for (long channel = 0; channel < run->channels; channel += CHUNK) {
        const __mmask16 mask = lanes(run->channels - channel);
        const vec origin = widened(run->images + channel, mask);
        vec sum = {0}, squares = {0};
        for (long at = first_of(block); at < end; at++) {
            const vec number = widened(run->images + at * run->channels + channel, mask) - origin;
            sum += number;
            squares += number * number;
        }
        _mm512_mask_storeu_ps(sums + channel, mask, (__m512)sum);
        _mm512_mask_storeu_ps(sums + run->channels + channel, mask, (__m512)squares);
    }
}

static ALWAYS float float_of(uint16_t number) {
    const union { uint32_t bits; float value; } wide = {(uint32_t)number << 16};
    return wide.value;
}

/* Mean and deviation of each channel, and from them the two factors of its answers. */
static void finish_moments(const struct normalisation *run) {
    float *factors = factors_of(run);
    const double count = (double)run->pixels;
    for (long channel = 0; channel < run->channels; channel++) {
        const double away = total_of(run, 0, channel) / count, mean = away + float_of(run->images[channel]);
        double variance = total_of(run, 1, channel) / count - away * away;
        if (variance < 0) variance = 0; /* not where it is not a number */
        const double unbiased = run->pixels > 1 ? variance * count / (count - 1) : variance;
        run->mean[channel] = (float)mean;
        run->inverse[channel] = (float)(1 / sqrt(variance + run->epsilon));
        run->running_mean[channel] += run->momentum * ((float)mean - run->running_mean[channel]);
        run->running_variance[channel] += run->momentum * ((float)unbiased - run->running_variance[channel]);
        factors[channel] = run->weight[channel] * run->inverse[channel];
        factors[run->channels + channel] = run->bias[channel] - run->mean[channel] * factors[channel];
    }
}

static void rectify_task(const void *call, long block) {
    const struct normalisation *run = call;
    const long end = end_of(run, block);
    const float *factors = factors_of(run);
    for (long channel = 0; channel < run->channels; channel += CHUNK) {
        const __mmask16 mask = lanes(run->channels - channel);
        const vec scale = some(factors + channel, mask), shift = some(factors + run->channels + channel, mask);
        for (long at = first_of(block) * run->channels + channel; at < end * run->channels; at += run->channels) {
            const vec answer = widened(run->images + at, mask) * scale + shift;
            /* The second operand is the answer where it is not a number. */
            put_narrowed(run->answers + at, mask, (vec)_mm512_max_ps(_mm512_setzero_ps(), (__m512)answer));
        }
    }
}

/* Gradients by the answers, as far as the rectifier lets them through. */
static ALWAYS vec passed(const struct normalisation *run, long at, __mmask16 mask, vec image, vec scale, vec shift) {
    const __mmask16 above = _mm512_cmp_ps_mask((__m512)(image * scale + shift), _mm512_setzero_ps(), _CMP_GT_OQ);
    return widened(run->gradients + at, mask & above);
}

/* Sums of the gradients, and of their products with the distance from the mean. */
static void gradient_sums_task(const void *call, long block) {
    const struct normalisation *run = call;
    const long end = end_of(run, block);
    const float *factors = factors_of(run);
    float *sums = run->scratch + 2 * block * run->channels;
    for (long channel = 0; channel < run->channels; channel += CHUNK) {
        const __mmask16 mask = lanes(run->channels - channel);
        const vec scale = some(factors + channel, mask), shift = some(factors + run->channels + channel, mask);
        const vec mean = some(run->mean + channel, mask);
        vec sum = {0}, products = {0};
        for (long at = first_of(block) * run->channels + channel; at < end * run->channels; at += run->channels) {
            const vec image = widened(run->images + at, mask), gradient = passed(run, at, mask, image, scale, shift);
            sum += gradient;
            products += gradient * (image - mean);
        }
        _mm512_mask_storeu_ps(sums + channel, mask, (__m512)sum);
        _mm512_mask_storeu_ps(sums + run->channels + channel, mask, (__m512)products);
    }
}

/* The factors of the answers once more: the mask of the rectifier is theirs. */
static void begin_gradient(const struct normalisation *run) {
    float *factors = factors_of(run);
    for (long channel = 0; channel < run->channels; channel++) {
        factors[channel] = run->weight[channel] * run->inverse[channel];
        factors[run->channels + channel] = run->bias[channel] - run->mean[channel] * factors[channel];
    }
}

/* Gradients by weight and bias; from them, by the images: scale * gradient + factor * (image - mean) + rest. */
static void finish_gradient(const struct normalisation *run) {
    float *rest = factors_of(run) + 2 * run->channels, *factors = rest + run->channels;
    for (long channel = 0; channel < run->channels; channel++) {
        const double inverse = run->inverse[channel], scale = run->weight[channel] * inverse;
        const double sum = total_of(run, 0, channel), products = total_of(run, 1, channel) * inverse;
        run->bias_gradient[channel] = (float)sum;
        run->weight_gradient[channel] = (float)products;
        rest[channel] = (float)(-scale * sum / (double)run->pixels);
        factors[channel] = (float)(-scale * inverse * products / (double)run->pixels);
    }
}

static void image_gradient_task(const void *call, long block) {
    const struct normalisation *run = call;
    const long end = end_of(run, block);
    const float *factors = factors_of(run);
    for (long channel = 0; channel < run->channels; channel += CHUNK) {
        const __mmask16 mask = lanes(run->channels - channel);
        const vec scale = some(factors + channel, mask), shift = some(factors + run->channels + channel, mask);
        const vec rest = some(factors + 2 * run->channels + channel, mask), mean = some(run->mean + channel, mask);
        const vec factor = some(factors + 3 * run->channels + channel, mask);
        for (long at = first_of(block) * run->channels + channel; at < end * run->channels; at += run->channels) {
            const vec image = widened(run->images + at, mask), gradient = passed(run, at, mask, image, scale, shift);
            put_narrowed(run->answers + at, mask, scale * gradient + factor * (image - mean) + rest);
        }
    }
}
