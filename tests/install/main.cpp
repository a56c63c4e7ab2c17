// A program of somebody else: what an installed Taut must be able to build. The constant of 2 relu(3 x) is 6, exactly.
#include <iostream>

#include "lipschitz/autolip.h"
#include "nn/layers.h"
#include "nn/sequential.h"

int main() {
  using namespace taut::nn;
  Random random(1);
  const LayerOptions two{.weight = constant(2.0)}, three{.weight = constant(3.0)};
  Sequential net{Linear(1, 1, random, three), ReLU(), Linear(1, 1, random, two)};
  const taut::Function f = [&](const taut::Var& x) { return net(x); };
  std::cout << taut::autolip(f, taut::Tensor::of(taut::Shape{1, 1}, {1.0f})).bound << '\n';
}
