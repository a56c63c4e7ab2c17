#include "lipschitz/dense/gram.h"
