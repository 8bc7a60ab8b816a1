/* Vectors, words and matrix products for one instruction set. instruction_sets.h includes this file once for each, having defined
 *   NAME(x)  a name of x that is this instruction set's own,
 *   LANES    floats in a vector,
 *   PAIRS    1 where two bfloat16 numbers stand in a 32-bit word and are multiplied as one, else 0.
 *
 * Numbers that enter a matrix product are stored in words: a float, or a pair of bfloat16; sums are floats. Every sum
 * runs in an order that depends on the shapes alone, so results do not depend on the number of threads, nor a row's on the
 * rows beside it.
 */

#define vec NAME(vec_type)
#define vec_i NAME(vec_i_type)
#define vec_at NAME(vec_at_type)
#define vec_i_at NAME(vec_i_at_type)
#define PANEL (2 * LANES)                  /* columns of a product computed at once */
#define TILE (LANES == 16 ? 8 : 4)         /* rows of a product computed at once: as many as there are registers for */
#define PER_WORD (PAIRS ? 2 : 1)           /* numbers in a word */

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t vec_i __attribute__((vector_size(4 * LANES)));
typedef float vec_at __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t vec_i_at __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define LOAD(address) (*(const vec_at *)(address))
#define STORE(address, value) (*(vec_at *)(address) = (value))
#define LOAD_WHOLE(address) (*(const vec_i_at *)(address))
#define STORE_WHOLE(address, value) (*(vec_i_at *)(address) = (value))
#define ALL(number) ((vec){0} + (number))
#define ALL_WHOLE(number) ((vec_i){0} + (int32_t)(number))

/* The larger and the smaller of two; `x` when it is not a number, so that a NaN is passed on. */
#if LANES == 16
#define AT_LEAST(bound, x) ((vec)_mm512_max_ps((__m512)ALL(bound), (__m512)(x)))
#define AT_MOST(bound, x) ((vec)_mm512_min_ps((__m512)ALL(bound), (__m512)(x)))
#else
#define CHOOSE(mask, yes, no) ((vec)(((mask) & (vec_i)(yes)) | (~(mask) & (vec_i)(no))))
#define AT_LEAST(bound, x) CHOOSE((vec_i)((x) < ALL(bound)), ALL(bound), (x))
#define AT_MOST(bound, x) CHOOSE((vec_i)((x) > ALL(bound)), ALL(bound), (x))
#endif

/* 1 / x; with AVX-512 an estimate of 14 bits and a step of Newton's method, which a division takes four times as long for. */
static ALWAYS vec NAME(reciprocal)(vec x) {
#if LANES == 16
    vec estimate = (vec)_mm512_rcp14_ps((__m512)x);
    return estimate + estimate * (1.0f - x * estimate);
#else
    return 1.0f / x;
#endif
}

/* exp(x) = *scale * (1 + result), scale a power of two; x between -87 and 87. Cody & Waite's reduction, and the polynomial
 * of Moshier's Cephes library (expf); the error is about one unit in the last place. */
static ALWAYS vec NAME(exp_parts)(vec x, vec *scale) {
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number, held in the low bits */
    vec shifted = x * 1.44269504f + shift;
    vec whole = shifted - shift;
    vec rest = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    vec sum = rest * 1.9875691500e-4f + 1.3981999507e-3f;
    sum = sum * rest + 8.3334519073e-3f;
    sum = sum * rest + 4.1665795894e-2f;
    sum = sum * rest + 1.6666665459e-1f;
    sum = sum * rest + 5.0000001201e-1f;
    *scale = (vec)(((vec_i)shifted << 23) + 0x3f800000);
    return sum * rest * rest + rest;
}

static ALWAYS vec NAME(sigmoid)(vec x) {
    vec scale, part = NAME(exp_parts)(-AT_MOST(87.0f, AT_LEAST(-87.0f, x)), &scale);
    return NAME(reciprocal)(1.0f + (scale + scale * part));
}

/* (exp(2x) - 1) / (exp(2x) + 1), with the subtraction done so that small x keep their digits. */
static ALWAYS vec NAME(tanh)(vec x) {
    vec scale, part = NAME(exp_parts)(2.0f * AT_MOST(20.0f, AT_LEAST(-20.0f, x)), &scale);
    vec less_one = (scale - 1.0f) + scale * part;
    return less_one * NAME(reciprocal)(less_one + 2.0f);
}

/* Floats into the words of a row, from an even place on. */
static ALWAYS void NAME(put)(word *row, long place, vec value) {
#if PAIRS
    _mm256_storeu_si256((__m256i *)((uint16_t *)row + place), (__m256i)_mm512_cvtneps_pbh((__m512)value));
#else
    STORE((float *)row + place, value);
#endif
}

/* Words of a row back to floats. */
static ALWAYS vec NAME(get)(const word *row, long place) {
#if PAIRS
    __m256i numbers = _mm256_loadu_si256((const __m256i *)((const uint16_t *)row + place));
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(numbers), 16);
#else
    return LOAD((const float *)row + place);
#endif
}

/* sum + a * b, `a` one word for all lanes, `b` a word a lane. */
static ALWAYS vec NAME(multiply_add)(vec sum, const word *a, vec b) {
#if PAIRS
    return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int)*a), (__m512bh)b);
#else
    return sum + *(const float *)a * b;
#endif
}

/* One tile of a product: c[rows, PANEL] = start[PANEL] + a[rows, depth] b[depth, PANEL]; without a start, c is added to. */
static ALWAYS void NAME(tile)(const int rows, long depth, const word *a, long a_row, long a_step, const word *b, long b_step,
                              float *c, long c_row, const float *start) {
    vec sum[8][2];
    UNROLL for (int r = 0; r < rows; r++) {
        sum[r][0] = LOAD(start ? start : c + r * c_row);
        sum[r][1] = LOAD((start ? start : c + r * c_row) + LANES);
    }
    for (long k = 0; k < depth; k++, a += a_step, b += b_step) {
        vec left = LOAD(b), right = LOAD(b + LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            sum[r][0] = NAME(multiply_add)(sum[r][0], a + r * a_row, left);
            sum[r][1] = NAME(multiply_add)(sum[r][1], a + r * a_row, right);
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        STORE(c + r * c_row, sum[r][0]);
        STORE(c + r * c_row + LANES, sum[r][1]);
    }
}

/* A product of any number of rows over whole panels. Panels of b are `panel` words apart, those of c (and start)
 * stand side by side. */
static __attribute__((unused)) void NAME(product)(long rows, long depth, long columns, const word *a, long a_row, long a_step, const word *b,
                          long b_step, long panel, float *c, long c_row, const float *start) {
    for (long column = 0; column < columns; column += PANEL, b += panel) {
        const float *first = start ? start + column : NULL;
        long r = 0;
        for (; r + TILE <= rows; r += TILE)
            NAME(tile)(TILE, depth, a + r * a_row, a_row, a_step, b, b_step, c + r * c_row + column, c_row, first);
        for (long some; r < rows; r += some) {
            const word *from = a + r * a_row;
            float *to = c + r * c_row + column;
            some = rows - r >= 4 ? 4 : rows - r >= 2 ? 2 : 1;
            if (some == 4) NAME(tile)(4, depth, from, a_row, a_step, b, b_step, to, c_row, first);
            if (some == 2) NAME(tile)(2, depth, from, a_row, a_step, b, b_step, to, c_row, first);
            if (some == 1) NAME(tile)(1, depth, from, a_row, a_step, b, b_step, to, c_row, first);
        }
    }
}

/* A matrix (depth, columns), its number at (k, c) at k * k_step + c * c_step, cut into panels of PANEL columns. */
static __attribute__((unused)) void NAME(pack)(const float *matrix, long depth, long k_step, long columns, long c_step, word *packed) {
    for (long column = 0; column < columns; column += PANEL)
        for (long k = 0; k < depth; k += PER_WORD)
            for (long c = column; c < column + PANEL; c++) {
                const float *number = matrix + k * k_step + c * c_step;
#if PAIRS
                *packed++ = round_to_bfloat16(number[0]) | round_to_bfloat16(number[k_step]) << 16;
#else
                memcpy(packed++, number, sizeof(word));
#endif
            }
}
