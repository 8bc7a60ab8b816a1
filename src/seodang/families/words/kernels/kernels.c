/* What word vectors spend their time on, for CPUs: compiled for several instruction sets, and chosen at run time.
 *
 * Plain C with GCC's vector extensions, which Clang understands too. Called through ctypes by __init__.py; nothing here
 * knows Python or PyTorch.
 */

#include "foundation.h"
#include "threads.h"
#include "step.h"

/* Everything for one instruction set. */
struct kernels {
    task *compute_tile, *update_rows;
};

#define KERNELS(set, per_word, lanes) ((struct kernels){compute_tile_##set, update_rows_##set})

#define TASKS "step_tasks.h"
#define WITH_PAIRS 0
#include "instruction_sets.h"

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
