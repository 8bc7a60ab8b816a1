/* All tasks of a family for the instruction set that instruction_sets.h has defined. */

#include "vectors.h"
#include TASKS

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
