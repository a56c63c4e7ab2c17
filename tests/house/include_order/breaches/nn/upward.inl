#include "examples/options.h"
