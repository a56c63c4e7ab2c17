#include "tests/samples/sample_helpers.h"

#include <algorithm>
#include <cmath>

namespace taut::harness {
namespace {

// Position in `from` of flat position i of `to`, to which it broadcasts.
Index broadcast_position(const Shape& from, const Shape& to, Index i) {
  Index position = 0, step = 1;
  for (int axis = to.rank() - 1; axis >= 0; --axis) {
    const Index coordinate = i % to[axis];
    i /= to[axis];
    const int own = axis - (to.rank() - from.rank());
    if (own < 0) continue;
    if (from[own] != 1) position += coordinate * step;
    step *= from[own];
  }
  return position;
}

std::function<Tensor(std::span<const Tensor>)> broadcast_reference(const std::function<Real(Real, Real)>& f) {
  return [f](std::span<const Tensor> in) {
    Tensor y = Tensor::uninitialised(broadcast_shapes(in[0].shape(), in[1].shape(), "reference"), DType::f64);
    const auto out = y.mutable_data<double>();
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto k = static_cast<Index>(i);
      out[i] = static_cast<double>(f(in[0].at(broadcast_position(in[0].shape(), y.shape(), k)),
                                     in[1].at(broadcast_position(in[1].shape(), y.shape(), k))));
    }
    return y;
  };
}

}  // namespace

std::function<Tensor(std::span<const Tensor>)> elementwise_reference(const std::function<Real(Real)>& f) {
  return [f](std::span<const Tensor> in) {
    Tensor y = Tensor::uninitialised(in[0].shape(), DType::f64);
    const auto out = y.mutable_data<double>();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(f(in[0].at(static_cast<Index>(i))));
    return y;
  };
}

std::vector<Sample> elementwise_samples(const Sample& like, const Operand& operand,
                                        const std::function<Real(Real)>& exact) {
  std::vector<Sample> list;
  for (const Shape& shape : {Shape{}, Shape{7}, Shape{2, 3}, Shape{37}, Shape{0, 3}, Shape{1, 2, 1, 2, 1, 1, 2, 1}}) {
    Sample s = like;
    s.name = (like.name.empty() ? "" : like.name + " ") + shape.str();
    s.operands = {operand};
    s.operands[0].shape = shape;
    if (exact) s.reference = elementwise_reference(exact);
    list.push_back(std::move(s));
  }
  return list;
}

std::vector<Sample> broadcasting_samples(const Sample& like, const Operand& a, const Operand& b,
                                         const std::function<Real(Real, Real)>& exact) {
  std::vector<Sample> list;
  const std::vector<std::pair<Shape, Shape>> shapes{{{5}, {5}},
                                                    {{2, 3}, {2, 3}},
                                                    {{37}, {37}},
                                                    {{}, {}},
                                                    {{2, 3}, {}},
                                                    {{}, {2, 3}},
                                                    {{2, 3}, {3}},
                                                    {{3}, {2, 3}},
                                                    {{2, 3}, {2, 1}},
                                                    {{1, 3}, {2, 1}},
                                                    {{0, 3}, {3}},
                                                    {{0}, {0}},
                                                    {{1, 2, 1, 2, 1, 1, 2, 1}, {2, 1}}};
  for (const auto& [left, right] : shapes) {
    Sample s = like;
    s.name = left.str() + " and " + right.str();
    s.operands = {a, b};
    s.operands[0].shape = left;
    s.operands[1].shape = right;
    if (exact) s.reference = broadcast_reference(exact);
    list.push_back(std::move(s));
  }
  return list;
}

Sample one_operand(std::string name, const Operand& operand, std::function<Var(const Var&)> f) {
  Sample s;
  s.name = std::move(name);
  s.operands = {operand};
  s.f = [f = std::move(f)](std::span<const Var> in) { return f(in[0]); };
  return s;
}

Sample without_constant(Sample like, std::function<std::pair<double, double>(double growth)> pair) {
  like.unbounded = {1};
  like.witness = [pair = std::move(pair)](std::uint32_t, double growth) {
    const auto [x, y] = pair(growth);
    return std::pair{Inputs{Tensor::scalar(x)}, Inputs{Tensor::scalar(y)}};
  };
  return like;
}

std::vector<Sample> with_shaped_witness(std::vector<Sample> list) {
  for (Sample& s : list) {
    if (s.operands[0].shape.size() == 0) {
      s.rules = false;
      continue;
    }
    s.witness = [scalar = s.witness, shape = s.operands[0].shape](std::uint32_t varying, double growth) {
      const auto [x, y] = scalar(varying, growth);
      return std::pair{Inputs{Tensor::full(shape, DType::f64, x[0].item())},
                       Inputs{Tensor::full(shape, DType::f64, y[0].item())}};
    };
  }
  return list;
}

Tensor generate(const Shape& shape, const std::function<double(const std::vector<Index>&)>& f) {
  Tensor t = Tensor::uninitialised(shape, DType::f64);
  const auto values = t.mutable_data<double>();
  std::vector<Index> index(static_cast<std::size_t>(shape.rank()), 0);
  for (double& value : values) {
    value = f(index);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      Index& coordinate = index[static_cast<std::size_t>(axis)];
      if (++coordinate < shape[axis]) break;
      coordinate = 0;
    }
  }
  return t;
}

double at(const Tensor& t, const std::vector<Index>& index) {
  Index flat = 0;
  for (int axis = 0; axis < t.shape().rank(); ++axis)
    flat = flat * t.shape()[axis] + index[static_cast<std::size_t>(axis)];
  return t.at(flat);
}

std::function<std::pair<Inputs, Inputs>(std::uint32_t, double)> product_witness(std::vector<Shape> operands) {
  return [operands = std::move(operands)](std::uint32_t varying, double growth) {
    // A product of two moves by 2t + 1 or more, the operands by the root of their number of entries.
    double entries = 0;
    for (const Shape& shape : operands) entries += static_cast<double>(shape.size());
    const double t = growth * std::sqrt(entries);
    Inputs x, y;
    for (std::size_t k = 0; k < operands.size(); ++k) {
      const bool varies = (varying >> k & 1U) != 0;
      x.push_back(Tensor::full(operands[k], DType::f64, varies ? t : 1.0));
      y.push_back(Tensor::full(operands[k], DType::f64, varies ? t + 1 : 1.0));
    }
    return std::pair{x, y};
  };
}

Var on_some_tape(std::span<const Var> operands, const std::function<Var(Tape&, std::span<const Var>)>& f) {
  for (const Var& operand : operands)
    if (Tape* const tape = Tape::of(operand); tape != nullptr) return f(*tape, operands);
  Tape tape;
  std::vector<Var> inputs;
  for (const Var& operand : operands) inputs.push_back(tape.input(operand.value()));
  return f(tape, inputs).detached();
}

}  // namespace taut::harness
