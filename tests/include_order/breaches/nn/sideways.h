#include "upward.h"
