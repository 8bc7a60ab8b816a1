/* What word vectors spend their time on, for CPUs: compiled for several instruction sets, and chosen at run time.
 *
 * Plain C with GCC's vector extensions, which Clang understands too. Called through ctypes by __init__.py; nothing here
 * knows Python or PyTorch.
 */

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "foundation.h"
#include "threads.h"
#include "step.h"

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

#endif

typedef void task(const void *call, long number);

/* Everything for one instruction set. */
struct kernels {
    task *compute_tile, *update_rows;
};

#define KERNELS(set) ((struct kernels){compute_tile_##set, update_rows_##set})

/* The best instruction set that this CPU has and the caller wants: up to BASE, AVX2, or AVX-512. */
static struct kernels choose(long wanted) {
#if defined(__x86_64__)
    if (wanted >= AVX512 && has_avx512()) return KERNELS(avx512);
    if (wanted >= AVX2 && has_avx2()) return KERNELS(avx2);
#endif
    (void)wanted;
    return KERNELS(base);
}

/* For the caller to compare with its own, lest it calls a library of another version. */
const long step_bytes = sizeof(struct step);

const long tile_words = TILE_WORDS, wave_words = WAVE_WORDS;

void run_step(struct step *run) {
    const struct kernels kernels = choose(run->instructions);
    divide_scratch(run);
    for (run->first = 0; run->first < run->words; run->first = run->last) {
        run->last = run->first + WAVE_WORDS < run->words ? run->first + WAVE_WORDS : run->words;
        share_out(run->threads, kernels.compute_tile, run, tiles_of(run->last - run->first));
        share_out(run->threads, kernels.update_rows, run, run->threads.count);
    }
}
