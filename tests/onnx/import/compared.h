// What tests of imported operators share: numbers to compare with, and bounds of whole graphs.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "lipschitz/autolip.h"
#include "tests/onnx/import/graphs.h"

namespace taut::test {

using Numbers = std::vector<double>;

inline Numbers numbers_of(const Tensor& x) {
  Numbers list;
  for (Index i = 0; i < x.size(); ++i) list.push_back(x.at(i));
  return list;
}
inline Tensor points(const Shape& shape, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  Tensor x = Tensor::uninitialised(shape, DType::f64);
  for (double& e : x.mutable_data<double>()) e = static_cast<double>(random() % 4001) / 1000.0 - 2.0;
  return x;
}
inline onnx::Model whole(const onnx::GraphData& data) {
  onnx::ImportOptions options;
  options.batch_axis = onnx::no_batch_axis;
  return onnx::Model::of(data, options);
}
inline Tensor value(const onnx::GraphData& data, const Tensor& x) {
  const onnx::Model model = whole(data);
  return model(Var(x.reshaped(model.sample().shape()))).value();
}
inline void compare(const Tensor& given, const Numbers& wanted, const std::string& name, double tolerance = 1e-12) {
  BOOST_TEST_REQUIRE(given.size() == static_cast<Index>(wanted.size()), name);
  for (Index i = 0; i < given.size(); ++i)
    BOOST_TEST(std::fabs(given.at(i) - wanted[static_cast<std::size_t>(i)]) <= tolerance * (1 + std::fabs(given.at(i))),
               name << " at " << i << ": " << given.at(i) << " and " << wanted[static_cast<std::size_t>(i)]);
}
inline double upper(const onnx::GraphData& data) {
  const onnx::Model model = whole(data);
  AutoLipOptions options;
  options.question.sample_axis = no_sample_axis;
  return autolip(model.function(), model.sample(), options).bound.value();
}

}  // namespace taut::test
