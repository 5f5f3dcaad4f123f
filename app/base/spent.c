/* See spent.h. */
#include "base/spent.h"

struct spent_times spent_times;
