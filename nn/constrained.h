// Networks that are 1-Lipschitz by construction: all of it.
#pragma once

#include "nn/cayley_conv.h"
#include "nn/lipschitz_blocks.h"
#include "nn/lipschitz_linear.h"
#include "nn/norm_keeping.h"
#include "nn/orthogonal_layers.h"
#include "nn/project.h"
#include "nn/spectral_layers.h"
#include "nn/vanilla.h"
