#include "autodiff/error.h"
#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

struct Product {
  Shape a, b;
  bool ta = false, tb = false;
};

// (…, m, k) · (…, k, n), term by term.
Tensor multiplied(const Product& p, const Tensor& a, const Tensor& b) {
  const int rank = p.a.rank();
  const Index m = p.a[rank - (p.ta ? 1 : 2)], k = p.a[rank - (p.ta ? 2 : 1)], n = p.b[rank - (p.tb ? 2 : 1)];
  const auto row = static_cast<std::size_t>(rank - 2), column = static_cast<std::size_t>(rank - 1);
  return generate(p.a.with(rank - 2, m).with(rank - 1, n), [&](const std::vector<Index>& index) {
    Real total = 0;
    for (Index t = 0; t < k; ++t) {
      std::vector<Index> left = index, right = index;
      left[p.ta ? column : row] = index[row];
      left[p.ta ? row : column] = t;
      right[p.tb ? column : row] = t;
      right[p.tb ? row : column] = index[column];
      total += static_cast<Real>(at(a, left)) * at(b, right);
    }
    return static_cast<double>(total);
  });
}

Sample multiplying(const Product& p) {
  Sample s;
  s.name = cat(p.a, p.ta ? "^T" : "", " by ", p.b, p.tb ? "^T" : "");
  s.operands = {{.shape = p.a}, {.shape = p.b}};
  s.f = [p](std::span<const Var> in) { return matmul(in[0], in[1], p.ta, p.tb); };
  s.reference = [p](std::span<const Tensor> in) { return multiplied(p, in[0], in[1]); };
  s.reference_scale = 4.0 * static_cast<double>(p.a.size());
  s.unbounded = {3};
  s.witness = product_witness({p.a, p.b});
  s.rules = p.a.size() > 0 && p.b.size() > 0;
  return s;
}

Sample affine_layer(const Shape& x, Index outputs, bool biased) {
  const Index inputs = x[x.rank() - 1];
  const Shape w{outputs, inputs}, b{outputs};
  Sample s;
  s.name = cat(x, " to ", outputs, biased ? " with bias" : "");
  s.operands = {{.shape = x}, {.shape = w}};
  if (biased) s.operands.push_back({.shape = b});
  s.weights = 0b110;
  s.f = [biased](std::span<const Var> in) { return dense(in[0], in[1], biased ? in[2] : Var()); };
  s.reference = [=](std::span<const Tensor> in) {
    return generate(x.with(x.rank() - 1, outputs), [&](std::vector<Index> index) {
      const Index o = index.back();
      Real total = biased ? in[2].at(o) : 0;
      for (Index i = 0; i < inputs; ++i) {
        index.back() = i;
        total += static_cast<Real>(at(in[0], index)) * in[1].at(o * inputs + i);
      }
      return static_cast<double>(total);
    });
  };
  s.reference_scale = 4.0 * static_cast<double>(inputs) + 2;
  s.rules = x.size() > 0;
  s.unbounded = {3, 7};
  s.witness = product_witness(biased ? std::vector<Shape>{x, w, b} : std::vector<Shape>{x, w});
  return s;
}

// Large enough for every path of the kernels, too large for dense matrices of its maps.
Sample without_rules(Sample s) {
  s.rules = false;
  return s;
}

}  // namespace

template <>
std::vector<Sample> samples<MatMul>() {
  return {multiplying({{2, 3}, {3, 4}}),
          multiplying({{3, 2}, {3, 4}, true, false}),
          multiplying({{2, 3}, {4, 3}, false, true}),
          multiplying({{3, 2}, {2, 3}, true, true}),
          multiplying({{1, 3}, {3, 1}}),
          multiplying({{2, 2, 3}, {2, 3, 2}}),
          multiplying({{2, 3, 2}, {2, 2, 3}, true, true}),
          without_rules(multiplying({{18, 20}, {20, 17}})),
          multiplying({{0, 3}, {3, 2}}),
          multiplying({{2, 0}, {0, 3}}),
          multiplying({{1, 2, 1, 1, 1, 1, 2, 3}, {1, 2, 1, 1, 1, 1, 3, 1}})};
}

template <>
std::vector<Sample> samples<Dense>() {
  return {affine_layer({3}, 2, false),      affine_layer({1, 4}, 3, true),
          affine_layer({2, 3}, 2, true),    affine_layer({2, 3}, 4, false),
          affine_layer({2, 2, 3}, 2, true), without_rules(affine_layer({5, 40}, 33, true)),
          affine_layer({0, 3}, 2, true),    affine_layer({1, 2, 1, 1, 2, 1, 1, 3}, 2, true)};
}

}  // namespace taut::harness
