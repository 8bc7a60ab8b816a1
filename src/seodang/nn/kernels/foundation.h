/* What every library of kernels begins with: names for compilers and instruction sets. */

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define ALWAYS inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

typedef uint32_t word __attribute__((may_alias));

/* Instruction sets, in rising order, as in __init__.py. */
enum { BASE, AVX2, AVX512, BFLOAT16 };

/* Something to do that can be cut into numbered tasks; `call` is what the library was handed. */
typedef void task(const void *call, long number);

static inline long round_up(long number, long unit) { return (number + unit - 1) / unit * unit; }

#if defined(__x86_64__)

/* Between BEGIN and END functions are compiled for a CPU that has these features. */
#if defined(__clang__)
#define BEGIN(features) PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define END PRAGMA(clang attribute pop)
#else
#define BEGIN(features) PRAGMA(GCC push_options) PRAGMA(GCC target(features))
#define END PRAGMA(GCC pop_options)
#endif
#define PRAGMA(text) _Pragma(#text)

static inline int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

static inline int has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq");
}

static inline int has_bfloat16(void) { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }

#endif
