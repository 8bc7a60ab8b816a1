/* A family's tasks, compiled for every instruction set, and the choice among them at run time. A kernels.c has defined
 *   TASKS           the header with its tasks, which vectors.h prepares for,
 *   struct kernels  everything for one instruction set, as a call needs it,
 *   KERNELS(set, per_word, lanes)  that of `set`; see vectors.h for the numbers in a word and the floats in a vector,
 *   WITH_PAIRS      1 where its products may be of bfloat16 numbers, else 0.
 */

#define NAME(x) x##_base
#define LANES 4
#define PAIRS 0
#include "instruction_set.h"

#if defined(__x86_64__)

BEGIN("avx2,fma")
#define NAME(x) x##_avx2
#define LANES 8
#define PAIRS 0
#include "instruction_set.h"
END

BEGIN("avx512f,avx512bw,avx512vl,avx512dq,fma")
#define NAME(x) x##_avx512
#define LANES 16
#define PAIRS 0
#include "instruction_set.h"
END

#if WITH_PAIRS

/* To the nearest, ties to even; what is not a number stays so. */
static inline word round_to_bfloat16(float number) {
    word bits;
    memcpy(&bits, &number, sizeof bits);
    return number != number ? bits >> 16 | 64 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")
#define NAME(x) x##_bf16
#define LANES 16
#define PAIRS 1
#include "instruction_set.h"
END

#endif
#endif

/* The best instruction set that this CPU has and the caller wants. */
static struct kernels choose(long wanted) {
#if defined(__x86_64__)
#if WITH_PAIRS
    if (wanted >= BFLOAT16 && has_bfloat16()) return KERNELS(bf16, 2, 16);
#endif
    if (wanted >= AVX512 && has_avx512()) return KERNELS(avx512, 1, 16);
    if (wanted >= AVX2 && has_avx2()) return KERNELS(avx2, 1, 8);
#endif
    (void)wanted;
    return KERNELS(base, 1, 4);
}
