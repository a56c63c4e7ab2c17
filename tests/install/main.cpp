// A program of somebody else: what an installed Taut must be able to build.
#include <iostream>

#include "autodiff/diff.h"
#include "autodiff/ops.h"

int main() {
  const auto gradient = taut::grad([](const taut::Var& x) { return taut::square(x); }, taut::Tensor::scalar(3.0));
  std::cout << "gradient of x^2 at 3: " << gradient.item() << '\n';
}
