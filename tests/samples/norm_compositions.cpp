// Samples of norms, normalisations and attention that are made of several primitives.
#include <cmath>

#include "autodiff/error.h"
#include "tests/samples/compositions.h"
#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

using Row = std::vector<Real>;

// Rows along the last axis of x, each to a row of the result.
std::function<Tensor(std::span<const Tensor>)> by_rows(const Shape& shape, Index out,
                                                       const std::function<Row(const Row&)>& f) {
  return [=](std::span<const Tensor> in) {
    const Index n = shape[shape.rank() - 1];
    Tensor y = Tensor::uninitialised(shape.with(shape.rank() - 1, out), DType::f64);
    auto to = y.mutable_data<double>().begin();
    for (Index r = 0; n > 0 && r < shape.size() / n; ++r) {
      Row row;
      for (Index i = 0; i < n; ++i) row.push_back(in[0].at(r * n + i));
      for (const Real v : f(row)) *to++ = static_cast<double>(v);
    }
    return y;
  };
}

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> list{{3}, {2, 4}, {0, 3}, {1, 2, 1, 2, 1, 1, 2, 3}};
  return list;
}

std::vector<Sample> along_last(const std::string& name, const Operand& operand, Index (*length)(const Shape&),
                               const std::function<Var(const Var&)>& f, const std::function<Row(const Row&)>& exact) {
  std::vector<Sample> list;
  for (const Shape& shape : shapes()) {
    Operand o = operand;
    o.shape = shape;
    Sample s = one_operand(cat(name, " of ", shape), o, f);
    s.reference = by_rows(shape, length(shape), exact);
    s.reference_scale = 200.0;  // means cancel, and are divided by small deviations
    list.push_back(std::move(s));
  }
  return list;
}

Index one(const Shape&) { return 1; }

Real mean_of(const Row& row) {
  Real sum = 0;
  for (const Real v : row) sum += v;
  return sum / static_cast<Real>(row.size());
}
Real squares_of(const Row& row) {
  Real sum = 0;
  for (const Real v : row) sum += (v - mean_of(row)) * (v - mean_of(row));
  return sum;
}
Row standardised(const Row& row, Real eps) {
  Row y;
  for (const Real v : row)
    y.push_back((v - mean_of(row)) / std::sqrt(squares_of(row) / static_cast<Real>(row.size()) + eps));
  return y;
}

std::vector<Sample> l1_norms() {
  return along_last(
      "l1", {.kinks = {0}}, &one, [](const Var& x) { return l1_norm(x, {-1}, true); },
      [](const Row& row) {
        Real sum = 0;
        for (const Real v : row) sum += std::fabs(v);
        return Row{sum};
      });
}

std::vector<Sample> linf_norms() {
  // Separated magnitudes: no two entries tie.
  return along_last(
      "linf", {.domain = {0.5, 3}, .distinct = true}, &one, [](const Var& x) { return linf_norm(x, {-1}, true); },
      [](const Row& row) {
        Real most = 0;
        for (const Real v : row) most = std::fmax(most, std::fabs(v));
        return Row{most};
      });
}

std::vector<Sample> variances() {
  std::vector<Sample> list = along_last(
      "biased", {}, &one, [](const Var& x) { return variance(x, {-1}, true); },
      [](const Row& row) { return Row{squares_of(row) / static_cast<Real>(row.size())}; });
  for (Sample& s : along_last(
           "unbiased", {}, &one, [](const Var& x) { return variance(x, {-1}, true, true); },
           [](const Row& row) { return Row{squares_of(row) / static_cast<Real>(row.size() - 1)}; }))
    list.push_back(std::move(s));
  return list;
}

// gamma_i = 1 + i/4, beta_i = −i/2
std::vector<Sample> layer_norms() {
  std::vector<Sample> list;
  for (const Shape& shape : shapes()) {
    const Shape tail{shape[shape.rank() - 1]};
    Sample s;
    s.name = shape.str();
    s.operands = {{.shape = shape}, {.shape = tail}, {.shape = tail}};
    s.f = [](std::span<const Var> in) { return layer_norm(in[0], in[1], in[2], 0.25); };
    s.reference = [shape](std::span<const Tensor> in) {
      return by_rows(shape, shape[shape.rank() - 1], [&](const Row& row) {
        Row y = standardised(row, 0.25);
        for (std::size_t i = 0; i < y.size(); ++i)
          y[i] = y[i] * in[1].at(static_cast<Index>(i)) + in[2].at(static_cast<Index>(i));
        return y;
      })(in);
    };
    s.reference_scale = 200.0;
    s.weights = 6;
    list.push_back(std::move(s));
  }
  Sample two_axes = one_operand("two axes", {.shape = {2, 2, 3}}, [](const Var& x) {
    return layer_norm(x, Var(Tensor::full({2, 3}, x.dtype(), 1.0)), Var(), 0.25);
  });
  two_axes.reference = [](std::span<const Tensor> in) {
    const std::vector flat{in[0].reshaped({2, 6})};
    return by_rows({2, 6}, 6, [](const Row& row) { return standardised(row, 0.25); })(flat).reshaped({2, 2, 3});
  };
  two_axes.reference_scale = 200.0;
  list.push_back(std::move(two_axes));
  return list;
}

std::vector<Sample> group_norms() {
  std::vector<Sample> list;
  for (const auto& [shape, groups] : std::vector<std::pair<Shape, Index>>{
           {{2, 4, 3}, 2}, {{1, 4}, 1}, {{2, 2, 2, 2}, 2}, {{0, 2, 3}, 1}, {{1, 2, 1, 2, 1, 1, 2, 1}, 1}}) {
    Sample s;
    s.name = cat(shape, " in ", groups);
    s.operands = {{.shape = shape}, {.shape = {shape[1]}}, {.shape = {shape[1]}}};
    s.f = [groups = groups](std::span<const Var> in) { return group_norm(in[0], groups, in[1], in[2], 0.25); };
    s.reference = [shape = shape, groups = groups](std::span<const Tensor> in) {
      const Shape rows{shape[0] * groups, shape.product(1, shape.rank()) / groups};
      const std::vector flat{in[0].reshaped(rows)};
      const Tensor y = by_rows(rows, rows[1], [](const Row& row) { return standardised(row, 0.25); })(flat);
      const Index inner = shape.product(2, shape.rank());
      Index i = 0;
      return generate(shape, [&](const std::vector<Index>&) {
        const Index c = i / inner % shape[1];
        return y.at(i++) * in[1].at(c) + in[2].at(c);
      });
    };
    s.reference_scale = 200.0;
    s.weights = 6;
    list.push_back(std::move(s));
  }
  return list;
}

// Either of gamma and beta alone is per channel, too: beta_c = 0 and 1, gamma_c = 2 and −1.
std::vector<Sample> group_norms_with_one_weight() {
  std::vector<Sample> list;
  for (const bool only_beta : {true, false}) {
    const Shape shape{1, 2, 2};
    Sample s = one_operand(only_beta ? "beta" : "gamma", {.shape = shape}, [only_beta](const Var& x) {
      const Var beta(Tensor::of({2}, {0.0, 1.0}).to(x.dtype())), gamma(Tensor::of({2}, {2.0, -1.0}).to(x.dtype()));
      return only_beta ? group_norm(x, 1, Var(), beta, 0.25) : group_norm(x, 1, gamma, Var(), 0.25);
    });
    s.reference = [shape, only_beta](std::span<const Tensor> in) {
      const std::vector flat{in[0].reshaped({1, 4})};
      const Tensor y = by_rows({1, 4}, 4, [](const Row& row) { return standardised(row, 0.25); })(flat);
      Index i = 0;
      return generate(shape, [&](const std::vector<Index>& at) {
        const double v = y.at(i++);
        return only_beta ? v + static_cast<double>(at[1]) : (at[1] == 0 ? 2.0 : -1.0) * v;
      });
    };
    s.reference_scale = 200.0;
    s.fixed_rank = s.never_empty = true;
    list.push_back(std::move(s));
  }
  return list;
}

std::vector<Sample> attentions() {
  std::vector<Sample> list;
  for (const bool masked : {false, true}) {
    for (const Shape& batch : {Shape{}, Shape{2}, Shape{0}, Shape{1, 2, 1, 1, 2, 1}}) {
      const auto with_tail = [&batch](Index a, Index b) {
        std::vector<Index> dims(batch.dims().begin(), batch.dims().end());
        dims.insert(dims.end(), {a, b});
        return Shape(std::span<const Index>(dims));
      };
      Sample s;
      s.name = cat(batch, masked ? ", masked" : "");
      s.operands = {{.shape = with_tail(3, 2)}, {.shape = with_tail(4, 2)}, {.shape = with_tail(4, 3)}};
      // A token sees those up to its own.
      const Tensor mask = generate({3, 4}, [](const std::vector<Index>& at) { return at[1] > at[0] ? -1e9 : 0.0; });
      s.f = [mask, masked](std::span<const Var> in) {
        return attention(in[0], in[1], in[2], masked ? mask : Tensor());
      };
      s.reference = [out = with_tail(3, 3), masked](std::span<const Tensor> in) {
        return generate(out, [&](const std::vector<Index>& at) {
          Index b = 0;
          for (std::size_t axis = 0; axis + 2 < at.size(); ++axis) b = b * out[static_cast<int>(axis)] + at[axis];
          const Index i = at[at.size() - 2], column = at.back();
          Real sum = 0, all = 0;
          for (Index j = 0; j < (masked ? i + 1 : 4); ++j) {
            Real score = 0;
            for (Index a = 0; a < 2; ++a) score += Real(in[0].at((b * 3 + i) * 2 + a)) * in[1].at((b * 4 + j) * 2 + a);
            const Real p = std::exp(score / std::sqrt(Real{2}));
            sum += p * in[2].at((b * 4 + j) * 3 + column);
            all += p;
          }
          return static_cast<double>(sum / all);
        });
      };
      s.reference_scale = 50.0;
      list.push_back(std::move(s));
    }
  }
  return list;
}

const AddComposition l1("l1_norm", &l1_norms);
const AddComposition linf("linf_norm", &linf_norms);
const AddComposition spread("variance", &variances);
const AddComposition layer("layer_norm", &layer_norms);
const AddComposition group("group_norm", &group_norms);
const AddComposition weighted_group("group_norm_with_one_weight", &group_norms_with_one_weight);
const AddComposition attends("attention", &attentions);

}  // namespace
}  // namespace taut::harness
