/* Independent tasks, shared out among threads; which thread takes which changes nothing. */

/* How many threads, and GOMP_parallel of the OpenMP that the process already runs on, or NULL for threads of our own: OpenMP's
 * idle threads spin for a while after each of PyTorch's operations and would share the cores with ours. */
struct threads {
    long count;
    void (*parallel)(void (*)(void *), void *, unsigned, unsigned);
};

struct work {
    void (*task)(const void *call, long task);
    const void *call;
    long tasks, next;
};

/* Take tasks until none is left, with denormal numbers flushed to zero: gradients fade into them over hundreds of steps. */
static void take(void *given) {
    struct work *work = given;
#if defined(__x86_64__)
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
#elif defined(__aarch64__)
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | 1 << 24));
#endif
    for (long task; (task = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED)) < work->tasks;) work->task(work->call, task);
#if defined(__x86_64__)
    _mm_setcsr(before);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
#endif
}

static void *take_as_thread(void *work) {
    take(work);
    return NULL;
}

static void share_out(struct threads threads, void (*task)(const void *, long), const void *call, long tasks) {
    enum { MOST = 256 };
    struct work work = {task, call, tasks, 0};
    pthread_t others[MOST];
    long started = 0, count = threads.count < tasks ? threads.count : tasks;
    if (count > MOST) count = MOST;
    if (count > 1 && threads.parallel) {
        threads.parallel(take, &work, (unsigned)count, 0);
        return;
    }
    while (started < count - 1 && pthread_create(&others[started], NULL, take_as_thread, &work) == 0) started++;
    take(&work);
    while (started > 0) pthread_join(others[--started], NULL);
}
