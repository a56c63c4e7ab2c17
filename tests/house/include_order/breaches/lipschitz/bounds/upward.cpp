#include "lipschitz/norms/krylov.h"
