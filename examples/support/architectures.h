// Networks of the kinds that people use, small, with fresh weights.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nn/random.h"
#include "nn/sequential.h"

namespace taut::examples {

struct Architecture {
  std::string name;
  Shape sample;  // of one input
  std::function<nn::Sequential(nn::Random& random)> build;
};

// MLP, LeNet, ResNet-20, U-Net, MLP-Mixer, and transformer blocks with softmax and with L2 attention.
const std::vector<Architecture>& architectures();

// For CIFAR [He2016]: three stages of three residual blocks with 16, 32 and 64 channels, global average pooling, ten
// classes. 20 layers with weights, 270 thousand of them.
nn::Sequential resnet20(nn::Random& random);
// x + attention(norm(x)), then y + mlp(norm(y)), on tokens (n, tokens, dim).
nn::Sequential transformer_block(Index dim, Index heads, nn::Random& random);
nn::Sequential l2_transformer_block(Index dim, Index heads, nn::Random& random);

}  // namespace taut::examples
