// What the tests of nn share.
#pragma once

#include <cmath>
#include <functional>
#include <initializer_list>
#include <string>

#include "autodiff/error.h"
#include "autodiff/tensor.h"
#include "nn/data.h"
#include "nn/module.h"
#include "nn/random.h"

namespace taut::test {

Tensor normal_tensor(const Shape& shape, nn::Random& random, DType dtype = DType::f64);
bool same_bits(const Tensor& a, const Tensor& b);
double largest_difference(const Tensor& a, const Tensor& b);  // of equal shapes
double largest(const Tensor& a);                              // max |a_i|

// Two classes that a line separates: x uniform on [−1, 1]², label 1 where x₀ > x₁.
nn::DataSet two_halves(Index count, std::uint64_t seed, DType dtype = DType::f32);
// Random images with random labels: for what has to run, not to learn.
nn::DataSet noise_images(Index count, Shape image, Index classes, std::uint64_t seed);

// Runs f, which must throw an E whose text contains all of `parts`. Returns "" when it does, else what happened.
template <class E, class F>
std::string failure_of(F&& f, std::initializer_list<const char*> parts) {
  try {
    f();
  } catch (const E& error) {
    const std::string text = error.what();
    for (const char* const part : parts)
      if (text.find(part) == std::string::npos) return "\"" + text + "\" does not say \"" + part + "\"";
    return "";
  } catch (const std::exception& error) {
    return std::string("another exception: ") + error.what();
  }
  return "no exception";
}

}  // namespace taut::test

#define TAUT_CHECK_THROWS(Type, expression, ...) \
  BOOST_TEST((::taut::test::failure_of<Type>([&] { (void)(expression); }, {__VA_ARGS__})) == "")
