/* What training a language model spends its time on, for CPUs: compiled for several instruction sets, and chosen at run time.
 *
 * Plain C with GCC's vector extensions, which Clang understands too. Called through ctypes by lstm.py; nothing here knows
 * Python or PyTorch.
 */

#include "foundation.h"
#include "threads.h"
#include "lstm.h"

/* Everything for one instruction set. */
struct kernels {
    long per_word;
    task *pack_forward, *forward, *pack_backward, *backward, *pack_places, *weight;
};

#define KERNELS(set, per_word, lanes)                                                                               \
    ((struct kernels){per_word, lstm_pack_forward_##set, lstm_forward_##set, lstm_pack_backward_##set, lstm_backward_##set, \
                      lstm_pack_places_##set, lstm_weight_##set})

#define TASKS "lstm_steps.h"
#define WITH_PAIRS 1
#include "instruction_sets.h"

/* For the caller to compare with its own, lest it calls a library of another version. */
const long lstm_bytes = sizeof(struct lstm);

const long lstm_units = PAIR, lstm_block = BLOCK, lstm_places = PLACES, lstm_gap = GAP;

/* Whether products of bfloat16 numbers can be made here. */
long multiplies_bfloat16(void) { return choose(BFLOAT16).per_word == 2; }

/* Few numbers are sooner multiplied by one thread than shared out. */
static struct threads threads_for(const struct lstm *run) {
    enum { FEW = 1 << 20 };
    struct threads threads = run->threads;
    if (run->batch * 4 * run->hidden * run->hidden < FEW) threads.count = 1;
    return threads;
}

void run_forward(struct lstm *run) {
    const struct kernels kernels = choose(run->instructions);
    const struct threads threads = threads_for(run);
    const long blocks = run->hidden / BLOCK;
    share_out(threads, kernels.pack_forward, run, blocks);
    for (run->step = 0; run->step < run->length; run->step++) share_out(threads, kernels.forward, run, blocks);
}

void run_backward(struct lstm *run) {
    const struct kernels kernels = choose(run->instructions);
    const struct threads threads = threads_for(run);
    const long pairs = run->hidden / PAIR, all = run->length * run->batch;
    share_out(threads, kernels.pack_backward, run, pairs);
    for (run->step = run->length - 1; run->step >= 0; run->step--) share_out(threads, kernels.backward, run, pairs);
    for (run->first = 0; run->first < all; run->first += PLACES) {
        run->places = all - run->first < PLACES ? all - run->first : PLACES;
        share_out(threads, kernels.pack_places, run, (run->places + PART - 1) / PART);
        share_out(threads, kernels.weight, run, 4 * pairs);
    }
}
