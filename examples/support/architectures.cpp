#include "examples/support/architectures.h"

#include "nn/activations.h"
#include "nn/attention.h"
#include "nn/batch_norm.h"
#include "nn/layers.h"
#include "nn/norms.h"
#include "nn/resize.h"

namespace taut::examples {
namespace {

using namespace nn;  // NOLINT(google-build-using-namespace): what this file is made of

using nn::Random;

// k×k, keeping the size at stride 1.
nn::Conv2d same(Index in, Index out, Index k, Random& random, Index stride = 1) {
  const Index p = k / 2;
  return {in, out, {k, k}, random, {.stride = {stride, stride}, .padding = {p, p, p, p}}};
}
nn::Conv2d without_bias(Index in, Index out, Index k, Random& random, Index stride) {
  const Index p = k / 2;
  return {in, out, {k, k}, random, {.stride = {stride, stride}, .padding = {p, p, p, p}}, {.bias = false}};
}

Sequential mlp(Random& random) {
  return {Linear(64, 128, random), ReLU(), Linear(128, 64, random), ReLU(), Linear(64, 10, random)};
}

Sequential lenet(Random& random) {
  return {nn::Conv2d(1, 8, {5, 5}, random),
          ReLU(),
          nn::MaxPool2d(2),
          nn::Conv2d(8, 16, {5, 5}, random),
          ReLU(),
          nn::MaxPool2d(2),
          Flatten(),
          Linear(256, 10, random)};
}

Sequential residual_block(Index in, Index out, Index stride, Random& random) {
  const AnyModule body = Sequential{without_bias(in, out, 3, random, stride), BatchNorm2d(out), ReLU(),
                                    without_bias(out, out, 3, random, 1), BatchNorm2d(out)};
  if (in == out && stride == 1) return {Residual(body), ReLU()};
  return {Residual(body, Sequential{without_bias(in, out, 1, random, stride), BatchNorm2d(out)}), ReLU()};
}

// Down once and up again, with the fine features carried over.
Sequential unet(Random& random) {
  const auto block = [&random](Index in, Index out) { return Sequential{same(in, out, 3, random), ReLU()}; };
  const Sequential around{nn::MaxPool2d(2), block(8, 16), Upsample(2), block(16, 8)};
  const auto carried = [](const Var& x) { return x; };
  return {block(1, 8), nn::Concat({carried, around}), block(16, 8), nn::Conv2d(8, 1, {1, 1}, random)};
}

// Tokens (n, tokens, dim): an MLP over the tokens, then one over the channels.
Sequential mixer_block(Index tokens, Index dim, Random& random) {
  const auto exchange = [](const Var& x) { return permute(x, {0, 2, 1}); };
  return {
      Residual(Sequential{LayerNorm(Shape{dim}), exchange, Linear(tokens, 2 * tokens, random), GELU(),
                          Linear(2 * tokens, tokens, random), exchange}),
      Residual(Sequential{LayerNorm(Shape{dim}), Linear(dim, 2 * dim, random), GELU(), Linear(2 * dim, dim, random)})};
}

Sequential feed_forward(Index dim, Random& random) {
  return {LayerNorm(Shape{dim}), Linear(dim, 4 * dim, random), GELU(), Linear(4 * dim, dim, random)};
}

}  // namespace

Sequential resnet20(Random& random) {
  Sequential net{without_bias(3, 16, 3, random, 1), BatchNorm2d(16), ReLU()};
  Index in = 16;
  for (const Index out : {16, 32, 64})
    for (int block = 0; block < 3; ++block) {
      net.add(residual_block(in, out, in == out ? 1 : 2, random));
      in = out;
    }
  net.add(GlobalAvgPool());
  net.add(Flatten());
  net.add(Linear(64, 10, random));
  return net;
}

Sequential transformer_block(Index dim, Index heads, Random& random) {
  return {Residual(Sequential{LayerNorm(Shape{dim}), MultiHeadAttention(dim, heads, random)}),
          Residual(feed_forward(dim, random))};
}

Sequential l2_transformer_block(Index dim, Index heads, Random& random) {
  return {Residual(Sequential{LayerNorm(Shape{dim}), L2SelfAttention(dim, heads, random)}),
          Residual(feed_forward(dim, random))};
}

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> list{
      {"MLP", {1, 64}, mlp},
      {"LeNet", {1, 1, 28, 28}, lenet},
      {"ResNet-20", {1, 3, 32, 32}, resnet20},
      {"U-Net", {1, 1, 16, 16}, unet},
      {"MLP-Mixer block", {1, 16, 32}, [](Random& random) { return mixer_block(16, 32, random); }},
      {"transformer block", {1, 8, 32}, [](Random& random) { return transformer_block(32, 4, random); }},
      {"L2 transformer block", {1, 8, 32}, [](Random& random) { return l2_transformer_block(32, 4, random); }},
  };
  return list;
}

}  // namespace taut::examples
