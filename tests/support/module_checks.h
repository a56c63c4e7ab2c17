// What every module is held to.
#pragma once

#include <boost/test/unit_test.hpp>

#include "autodiff/ops.h"
#include "nn/module.h"
#include "tests/support/training.h"

namespace taut::test {

// The derivative of ⟨c, module(x)⟩ in random directions of x and of every trained parameter, by the tape and by central
// differences, at random parameters. In f64; module(x) must be the same at every call.
void check_gradients_of(nn::ModuleRef module, const Shape& input);
template <nn::Module M>
void check_gradients(M module, const Shape& input) {
  check_gradients_of(module, input);
}

// The dotted paths of parameters, in order.
std::vector<std::string> parameter_names(nn::ModuleRef module);

// run() with the batch innermost gives what run() on (n, c, h, w) gives. The same sums in another order, in f64.
template <nn::LayoutAware M>
void check_layouts(M module, const Shape& input) {
  nn::Random random(12);
  const Tensor x = normal_tensor(input, random);
  const Tensor images = module.run(Var(x), Layout::nchw).value();
  const Tensor innermost = module.run(permute(Var(x), {1, 2, 3, 0}), Layout::chwn).value();
  BOOST_TEST(largest_difference(permute(Var(innermost), {3, 0, 1, 2}).value(), images) <= 1e-13 * largest(images));
}

}  // namespace taut::test
