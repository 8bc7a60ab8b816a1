/* All kernels for the instruction set that kernels.c has defined. */

#include "vectors.h"
#include "step_tasks.h"

#undef vec
#undef vec_i
#undef vec_at
#undef vec_i_at
#undef PANEL
#undef TILE
#undef PER_WORD
#undef LOAD
#undef STORE
#undef LOAD_WHOLE
#undef STORE_WHOLE
#undef ALL_WHOLE
#undef ALL
#undef AT_LEAST
#undef AT_MOST
#undef CHOOSE
#undef NAME
#undef LANES
#undef PAIRS
