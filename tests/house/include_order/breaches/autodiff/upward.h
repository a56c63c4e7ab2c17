#include "lipschitz/bound.h"
