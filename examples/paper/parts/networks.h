// The networks of the paper's tables [ScamanVirmaux2018], with fresh weights. Layers are affine layers, as the paper
// counts them; every activation is a ReLU.
#pragma once

#include "nn/random.h"
#include "nn/sequential.h"

namespace taut::examples {

// 2 → 20 → … → 20 → 1, layers ≥ 2, f32.
nn::Sequential synthetic_mlp(Index layers, nn::Random& random);

// 4 layers: convolutions 1→32 5×5, 32→64 3×3 and 64→128 3×3 of stride 2, then 128→10 2×2: images 28, 12, 5, 2, 1.
// More layers: layers − 4 convolutions 64→64 3×3 of stride 1 and padding 1 behind the second.
nn::Sequential mnist_cnn(Index layers, nn::Random& random);

// Torchvision's layout: five convolutions with three overlapping 3×3 max-pools of stride 2, three dense layers, the
// first two of `dense_width` outputs; 61.1 million weights for images (3, 224, 224). Dropout, which does nothing in
// inference, is left out. Images of other sizes, 63 at least, change the inputs of the first dense layer.
nn::Sequential alexnet(nn::Random& random, Index image = 224, Index dense_width = 4096);

}  // namespace taut::examples
