// rule::Affine: f(x) − f(y) = Σ A_k (x_k − y_k), and the maps are what their structure says.
#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "harness/checks/numbers.h"
#include "harness/checks/rule_case.h"
#include "harness/options.h"
#include "harness/tolerances.h"

namespace taut::harness {
namespace {

// A dense matrix with products in long double: the reference for every way of applying a map.
class Matrix {
 public:
  explicit Matrix(const LinearMap& map)
      : entries_(to_dense(map)), rows_(map.out_shape().size()), columns_(map.in_shape().size()) {}
  Index rows() const { return rows_; }
  Index columns() const { return columns_; }
  double operator()(Index i, Index j) const { return entries_.at(i * columns_ + j); }
  const Shape& shape() const { return entries_.shape(); }
  // (A x)_i and (|A| |x|)_i.
  double row(Index i, const Tensor& x) const {
    long double sum = 0;
    for (Index j = 0; j < columns_; ++j) sum += static_cast<long double>((*this)(i, j)) * x.at(j);
    return static_cast<double>(sum);
  }
  double row_magnitude(Index i, const Tensor& x) const {
    double sum = 0;
    for (Index j = 0; j < columns_; ++j) sum += std::fabs((*this)(i, j) * x.at(j));
    return sum;
  }

 private:
  Tensor entries_;
  Index rows_, columns_;
};

void check_application(const LinearMap& map, const Matrix& a, Random& random, Report& report) {
  const Tensor x = random.tensor(map.in_shape()), y = random.tensor(map.out_shape());
  const Tensor ax = map.apply(x), aty = map.apply_transpose(y);
  if (!report.expect(ax.type() == TensorType{map.out_shape(), DType::f64}, "apply returns shape ", ax.shape()) ||
      !report.expect(aty.type() == TensorType{map.in_shape(), DType::f64}, "apply_transpose returns shape ",
                     aty.shape()))
    return;
  for (Index i = 0; i < a.rows(); ++i)
    report.expect(std::fabs(ax.at(i) - a.row(i, x)) <= tolerance.linear * (1.0 + a.row_magnitude(i, x)),
                  "apply, entry ", i, ", is ", ax.at(i), ", to_dense gives ", a.row(i, x));
  const double pushed = inner(ax, y), pulled = inner(x, aty);
  report.expect(
      std::fabs(pushed - pulled) <= tolerance.linear * (1.0 + inner_magnitude(ax, y) + inner_magnitude(x, aty)),
      "adjoint defect: <A x, y> = ", pushed, ", <x, A^T y> = ", pulled);
}

// Holds where the entries of the map are known.
void check_absolute(const LinearMap& map, const Matrix& a, Report& report) try {
  const Matrix magnitude(absolute(map));
  const bool exact = applies_exactly(map);
  Index longest = 0;
  for (Index i = 0; i < a.rows(); ++i) {
    Index terms = 0;
    for (Index j = 0; j < a.columns(); ++j) {
      const double entry = std::fabs(a(i, j));
      terms += entry != 0.0;
      report.expect(magnitude(i, j) >= entry, "absolute(map) is ", magnitude(i, j), " at (", i, ", ", j,
                    "), the entry is ", a(i, j));
      report.expect(!exact || entry == 0.0 || entry == 1.0, "applies_exactly, but entry (", i, ", ", j, ") is ",
                    a(i, j));
    }
    longest = std::max(longest, terms);
  }
  report.expect(!exact || longest <= 1, "applies_exactly, but a row has ", longest, " entries");
  // n terms meet in n − 1 additions; products add one.
  report.expect(accumulation_length(map) >= longest - 1, "accumulation_length is ", accumulation_length(map),
                ", a row has ", longest, " entries");
} catch (const UnsupportedError&) {
  report.expect(std::holds_alternative<structure::Opaque>(map.structure()), "only opaque maps may hide their entries");
}

void check_map(const LinearMap& map, const Matrix& a, Random& random, Report& report) {
  report.expect(a.shape() == Shape{a.rows(), a.columns()}, "to_dense has shape ", a.shape());
  check_application(map, a, random, report);
  check_absolute(map, a, report);
}

}  // namespace

void check_rule(const RuleCase& c, const rule::Affine& affine, Random& random, Report& report) {
  if (!report.expect(affine.maps.size() == c.base.size(), affine.maps.size(), " maps for ", c.base.size(), " operands"))
    return;
  std::vector<Matrix> matrices;
  for (std::size_t k = 0; k < c.base.size(); ++k) {
    const LinearMap& map = affine.maps[k];
    if (!report.expect(static_cast<bool>(map) == c.varies(k), "operand ", k,
                       c.varies(k) ? " varies but has no map" : " is fixed but has a map"))
      return;
    if (!map) continue;
    if (!report.expect(map.in_shape() == c.base[k].shape(), "map ", k, " takes ", map.in_shape(), ", the operand has ",
                       c.base[k].shape()) ||
        !report.expect(map.out_shape() == c.value(c.base).shape(), "map ", k, " gives ", map.out_shape(),
                       ", the result has ", c.value(c.base).shape()))
      return;
    matrices.emplace_back(map);
    check_map(map, matrices.back(), random, report);
  }
  const double relative = c.dtype() == DType::f32 ? tolerance.linear_single : tolerance.linear;
  const std::vector<std::size_t> arguments = c.arguments();
  for (int n = iterations(4); n > 0; --n) {
    const Inputs x = c.draw(random), y = c.draw(random);
    const Tensor fx = c.value(x), fy = c.value(y);
    for (Index i = 0; i < fx.size(); ++i) {
      double expected = 0, magnitude = std::fabs(fx.at(i)) + std::fabs(fy.at(i));
      for (std::size_t m = 0; m < matrices.size(); ++m) {
        const std::size_t k = arguments[m];
        expected += matrices[m].row(i, minus(x[k], y[k]));
        magnitude += matrices[m].row_magnitude(i, x[k]) + matrices[m].row_magnitude(i, y[k]);
      }
      report.expect(std::fabs(fx.at(i) - fy.at(i) - expected) <= relative * (1.0 + magnitude), "f(x) - f(y), element ",
                    i, ", is ", fx.at(i) - fy.at(i), ", the maps give ", expected);
    }
  }
}

}  // namespace taut::harness
