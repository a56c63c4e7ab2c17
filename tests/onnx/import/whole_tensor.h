// The function that a graph is as the file has it, all samples together, without what the import makes of samples: what
// claims about its Lipschitz constant are held against.
#pragma once

#include <cmath>
#include <vector>

#include "autodiff/diff.h"
#include "autodiff/norm.h"
#include "lipschitz/autolip.h"
#include "tests/onnx/import/graphs.h"

namespace taut::test {

// The output y at x.
inline Tensor evaluated(const onnx::GraphData& data, const Tensor& x) {
  return onnx::evaluate(data, {{"x", {x, onnx::ElementType::f64}}}, std::vector<std::string>{"x"}).at("y").tensor;
}

// f64 (rows, columns), by central differences: wrong by less than 1e-8 of what is about 1.
inline Tensor differences(const onnx::GraphData& data, const Tensor& x) {
  constexpr double step = 0x1p-17;
  const Index rows = evaluated(data, x).size();
  std::vector<double> entries(static_cast<std::size_t>(rows * x.size()));
  for (Index j = 0; j < x.size(); ++j) {
    Tensor above = x, below = x;
    above.mutable_data<double>()[static_cast<std::size_t>(j)] += step;
    below.mutable_data<double>()[static_cast<std::size_t>(j)] -= step;
    const Tensor up = evaluated(data, above), down = evaluated(data, below);
    for (Index i = 0; i < rows; ++i)
      entries[static_cast<std::size_t>(i * x.size() + j)] = (up.at(i) - down.at(i)) / (2.0 * step);
  }
  return Tensor::from<double>(Shape{rows, x.size()}, entries);
}

// Of a matrix, from below: exact in l1 and linf, the power method in l2.
inline double norm_from_below(const Tensor& m, Norm norm) {
  const Index rows = m.shape()[0], columns = m.shape()[1];
  const auto sum = [&](bool of_row, Index k) {
    double total = 0.0;
    for (Index i = 0; i < (of_row ? columns : rows); ++i)
      total += std::fabs(of_row ? m.at(k * columns + i) : m.at(i * columns + k));
    return total;
  };
  double largest = 0.0;
  if (norm != Norm::l2) {
    for (Index k = 0; k < (norm == Norm::linf ? rows : columns); ++k)
      largest = std::max(largest, sum(norm == Norm::linf, k));
    return largest;
  }
  std::vector<double> v(static_cast<std::size_t>(columns));
  for (std::size_t j = 0; j < v.size(); ++j) v[j] = std::sin(1.3 * static_cast<double>(j) + 0.4);
  for (int n = 0; n < 60; ++n) {
    double length = 0.0;
    for (const double x : v) length += x * x;
    if (!(length > 0.0)) return largest;
    for (double& x : v) x /= std::sqrt(length);
    std::vector<double> next(v.size(), 0.0);
    double image = 0.0;
    for (Index i = 0; i < rows; ++i) {
      double y = 0.0;
      for (Index j = 0; j < columns; ++j) y += m.at(i * columns + j) * v[static_cast<std::size_t>(j)];
      image += y * y;
      for (Index j = 0; j < columns; ++j) next[static_cast<std::size_t>(j)] += m.at(i * columns + j) * y;
    }
    largest = std::max(largest, std::sqrt(image));
    v = next;
  }
  return largest;
}

// AutoLip of a model, whose function is one sample by proof.
inline AutoLipReport bounded(const onnx::Model& model, Norm norm = Norm::l2) {
  AutoLipOptions options;
  options.question.norm = norm;
  options.question.sample_axis = no_sample_axis;
  return autolip(model.function(), model.sample(), options);
}

}  // namespace taut::test
