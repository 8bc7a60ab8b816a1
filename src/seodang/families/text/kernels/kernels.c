/* What text classifiers spend their time on, for CPUs: compiled for several instruction sets, and chosen at run time.
 *
 * Plain C with GCC's vector extensions, which Clang understands too. Called through ctypes by lstm.py, convolution.py
 * and views.py; nothing here knows Python or PyTorch.
 */

#include "foundation.h"
#include "threads.h"
#include "lstm.h"
#include "convolution.h"
#include "views.h"

/* Everything for one instruction set. */
struct kernels {
    long per_word, panel;
    task *lstm_pack, *lstm_forward, *lstm_backward, *convolution_pack, *convolution_forward, *views_learn;
};

#define KERNELS(set, per_word, lanes)                                                                                      \
    ((struct kernels){per_word, 2 * lanes, lstm_pack_##set, lstm_forward_##set, lstm_backward_##set, convolution_pack_##set, \
                      convolution_forward_##set, views_learn_##set})

#define TASKS "tasks.h"
#define WITH_PAIRS 1
#include "instruction_sets.h"

/* For the caller to compare with its own, lest it calls a library of another version. */
const long lstm_bytes = sizeof(struct lstm), convolution_bytes = sizeof(struct convolution), views_bytes = sizeof(struct views);

/* Floats of `saved`. */
long lstm_saved(const struct lstm *run) {
    const struct shape shape = shape_of(run);
    return 2 * shape.groups * saved_of_task(run, &shape, choose(run->instructions).per_word);
}

void run_lstm(struct lstm *run) {
    const struct shape shape = shape_of(run);
    const struct kernels kernels = choose(run->instructions);
    float *room = run->scratch + (run->backwards ? 2 * shape.groups * partial_of_task(&shape) : 0);
    run->zeros = memset(room, 0, sizeof(float) * shape.joined);
    room += shape.joined;
    for (long direction = 0; direction < 2; direction++, room += 2 * weights_of(&shape) + 4 * shape.wide_hidden) {
        const float *const *given = run->weights + 4 * direction;
        run->layers[direction] = (struct layer){given[0], given[1], given[2], given[3], room,
                                                (word *)(room + weights_of(&shape)), room + 2 * weights_of(&shape)};
        join_weights(&shape, &run->layers[direction]);
    }
    share_out(run->threads, kernels.lstm_pack, run, 2);
    share_out(run->threads, run->backwards ? kernels.lstm_backward : kernels.lstm_forward, run, 2 * shape.groups);
    for (long direction = 0; run->backwards && direction < 2; direction++) {
        sum_gradients(run, &shape, direction);
        if (run->input_gradients) clear_padding(run, direction);
    }
}

void run_convolution(const struct convolution *run) {
    const int whole_words = run->channels % 2 == 0; /* a window must begin at one */
    const struct kernels kernels = choose(whole_words ? run->instructions : AVX512);
    share_out(run->threads, kernels.convolution_pack, run, run->filters / kernels.panel);
    share_out(run->threads, kernels.convolution_forward, run, run->batch);
}

void run_views(const struct views *run, long views) {
    share_out(run->threads, choose(run->instructions).views_learn, run, views);
}
