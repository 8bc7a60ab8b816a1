/* What a U-Net spends its time on, for CPUs with AVX512-BF16; others are left to PyTorch.
 *
 * Plain C, called through ctypes by convolution.py; nothing here knows Python or PyTorch.
 */

#include "foundation.h"
#include "threads.h"
#include "normalisation.h"
#include "winograd.h"

/* For the caller to compare with its own, lest it calls a library of another version. */
const long winograd_bytes = sizeof(struct winograd), normalisation_bytes = sizeof(struct normalisation);

#if defined(__x86_64__)

BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")
#include "winograd_steps.h"

#include "normalisation_steps.h"
END

/* Whether this CPU can run what follows. */
int runs_here(void) { return has_bfloat16(); }

void run_winograd(struct winograd *run) {
    run->next_block = 0;
    share_out(run->threads, pack_task, run, panels_of(run->outputs));
    share_out(run->threads, answer_task, run, run->threads.count);
}

void run_weight_gradient(struct winograd *run) {
    const struct wave wave = wave_of(run);
    for (run->first_pair = 0; run->first_pair < pairs_of(run); run->first_pair += wave.pairs) {
        share_out(run->threads, transform_task, run, (wave.pairs + MOST_RUN - 1) / MOST_RUN);
        if (!wave.single) share_out(run->threads, add_task, run, PLACES);
    }
    if (wave.single)
        share_out(run->threads, whole_gradient_task, run, panels_of(run->inputs));
    else
        share_out(run->threads, gradient_task, run, run->outputs / ROWS);
}

void run_normalisation(struct normalisation *run) {
    share_out(run->threads, moments_task, run, blocks_of(run));
    finish_moments(run);
    share_out(run->threads, rectify_task, run, blocks_of(run));
}

void run_normalisation_gradient(struct normalisation *run) {
    begin_gradient(run);
    share_out(run->threads, gradient_sums_task, run, blocks_of(run));
    finish_gradient(run);
    share_out(run->threads, image_gradient_task, run, blocks_of(run));
}

#else

int runs_here(void) { return 0; }

#endif
