// Tables of calls that must be refused.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "autodiff/ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/nan.h"

namespace taut::test {

struct BadCall {
  const char* op;
  const char* what;
  std::function<void()> call;
};

inline Var zeros(const Shape& shape, DType dtype = DType::f64) { return Var(Tensor::zeros(shape, dtype)); }
inline Var single(const Shape& shape) { return zeros(shape, DType::f32); }
inline Var nothing() { return Var(); }

// Each by an exception of class E that names its op.
template <class E>
void expect_refusals(const std::vector<BadCall>& calls) {
  for (const BadCall& bad : calls) {
    BOOST_TEST_CONTEXT(bad.op << ": " << bad.what) { expect_error<E>(bad.call, {cat('[', bad.op, ']')}); }
  }
}

}  // namespace taut::test
