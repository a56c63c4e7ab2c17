  # include "examples/options.h"  // indented
