/* All tasks of text classifiers for one instruction set; see vectors.h for what is defined. */

#include "lstm_steps.h"
#include "convolution_steps.h"
#include "views_steps.h"
