#include "examples/paper/parts/networks.h"

#include <cmath>

#include "autodiff/error.h"
#include "nn/layers.h"

namespace taut::examples {
namespace {

// The default of PyTorch, in which the paper's networks were trained: uniform on ±1/√fan_in.
nn::LayerOptions as_in_pytorch() { return {.weight = nn::kaiming_uniform(1.0 / std::sqrt(3.0))}; }

// k×k with padding p on all sides.
nn::Conv2d convolution(Index in, Index out, Index k, Index stride, Index p, nn::Random& random,
                       const nn::LayerOptions& options) {
  return {in, out, {k, k}, random, {.stride = {stride, stride}, .padding = {p, p, p, p}}, options};
}

nn::MaxPool2d overlapping_pool() { return nn::MaxPool2d(Pool2dOptions{.window = {3, 3}, .stride = {2, 2}}); }

}  // namespace

nn::Sequential synthetic_mlp(Index layers, nn::Random& random) {
  if (layers < 2) throw UsageError(cat("[synthetic_mlp] 2 or more layers are needed, got ", layers));
  constexpr Index width = 20;
  nn::Sequential net{nn::Linear(2, width, random, as_in_pytorch()), nn::ReLU()};
  for (Index i = 2; i < layers; ++i) {
    net.add(nn::Linear(width, width, random, as_in_pytorch()));
    net.add(nn::ReLU());
  }
  net.add(nn::Linear(width, 1, random, as_in_pytorch()));
  return net;
}

nn::Sequential mnist_cnn(Index layers, nn::Random& random) {
  if (layers < 4) throw UsageError(cat("[mnist_cnn] 4 or more layers are needed, got ", layers));
  nn::Sequential net{convolution(1, 32, 5, 2, 0, random, as_in_pytorch()), nn::ReLU(),
                     convolution(32, 64, 3, 2, 0, random, as_in_pytorch()), nn::ReLU()};
  for (Index i = 4; i < layers; ++i) {
    net.add(convolution(64, 64, 3, 1, 1, random, as_in_pytorch()));
    net.add(nn::ReLU());
  }
  net.add(convolution(64, 128, 3, 2, 0, random, as_in_pytorch()));
  net.add(nn::ReLU());
  net.add(convolution(128, 10, 2, 1, 0, random, as_in_pytorch()));
  net.add(nn::Flatten());
  return net;
}

nn::Sequential alexnet(nn::Random& random, Index image, Index dense_width) {
  if (image < 63) throw UsageError(cat("[alexnet] images of 63 or more pixels a side are needed, got ", image));
  const auto pooled = [](Index size) { return (size - 3) / 2 + 1; };
  const Index side = pooled(pooled(pooled((image + 2 * 2 - 11) / 4 + 1)));  // of the last image
  return nn::Sequential{convolution(3, 64, 11, 4, 2, random, {}),
                        nn::ReLU(),
                        overlapping_pool(),
                        convolution(64, 192, 5, 1, 2, random, {}),
                        nn::ReLU(),
                        overlapping_pool(),
                        convolution(192, 384, 3, 1, 1, random, {}),
                        nn::ReLU(),
                        convolution(384, 256, 3, 1, 1, random, {}),
                        nn::ReLU(),
                        convolution(256, 256, 3, 1, 1, random, {}),
                        nn::ReLU(),
                        overlapping_pool(),
                        nn::Flatten(),
                        nn::Linear(256 * side * side, dense_width, random),
                        nn::ReLU(),
                        nn::Linear(dense_width, dense_width, random),
                        nn::ReLU(),
                        nn::Linear(dense_width, 1000, random)};
}

}  // namespace taut::examples
