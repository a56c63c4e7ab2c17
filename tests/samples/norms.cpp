#include <cmath>

#include "harness/checks/recording.h"
#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

// Rows of n numbers along the last axes.
struct RowLayout {
  Shape shape;
  std::vector<Index> axes;
  Index length() const {
    Index n = 1;
    for (const Index axis : axes) n *= shape[static_cast<int>(axis < 0 ? axis + shape.rank() : axis)];
    return n;
  }
};
const std::vector<RowLayout>& layouts() {
  static const std::vector<RowLayout> list{
      {{5}, {0}},      {{1, 4}, {1}}, {{3, 2}, {-1}}, {{2, 3, 2}, {1, 2}},
      {{2, 37}, {-1}}, {{2, 1}, {1}}, {{0, 3}, {1}},  {{1, 2, 1, 2, 1, 1, 3, 1}, {-2, -1}}};
  return list;
}

using Row = std::vector<Real>;

// A reference that sees one row at a time.
std::function<Tensor(std::span<const Tensor>)> by_rows(const RowLayout& layout, const Shape& out,
                                                       const std::function<Row(const Row&)>& f) {
  return [layout, out, f](std::span<const Tensor> in) {
    const Index n = layout.length();
    Tensor y = Tensor::uninitialised(out, DType::f64);
    const auto to = y.mutable_data<double>();
    std::size_t at = 0;
    for (Index r = 0; r < in[0].size() / n; ++r) {
      Row row;
      for (Index i = 0; i < n; ++i) row.push_back(in[0].at(r * n + i));
      for (const Real v : f(row)) to[at++] = static_cast<double>(v);
    }
    return y;
  };
}

Real length_of(const Row& row) {
  Real sum = 0;
  for (const Real v : row) sum += v * v;
  return std::sqrt(sum);
}

// The first row of the layout's tensor; all others at `rest`.
Tensor first_row(const RowLayout& layout, const std::vector<double>& row, double rest) {
  Tensor t = Tensor::full(layout.shape, DType::f64, rest);
  std::ranges::copy(row, t.mutable_data<double>().begin());
  return t;
}

// The pair (x, x + h t) in the first row.
AttainedGain along(Norm norm, const RowLayout& layout, const std::vector<double>& x, const std::vector<double>& t,
                   double h, double rest) {
  std::vector<double> moved = x;
  for (std::size_t i = 0; i < x.size(); ++i) moved[i] += h * t[i];
  return {norm, 0, {first_row(layout, x, rest)}, {first_row(layout, moved, rest)}};
}

// Where a row sum of the Jacobian of standardise is largest (docs/mathematics/06-reductions.md#standardise): row 0,
// with l of the others against it.
struct Worst {
  std::vector<double> x, direction;
};
Worst worst_standardised(Index n, double eps) {
  double best = -1, k = 0, l = 0;
  const auto value = [](double a, double d) { return 2 * d <= a ? a : 2 * (a + d) / 3 * std::sqrt((a + d) / (3 * d)); };
  const auto gain = [n](double a, double b) { return (std::sqrt(a * a + static_cast<double>(n) * a * b) - a) / 2; };
  for (Index b = 0; b < n; ++b) {
    const auto a = static_cast<double>(n - 1 - b);
    if (const double v = value(a, gain(a, static_cast<double>(b))); v > best) {
      best = v;
      k = a;
      l = static_cast<double>(b);
    }
  }
  const double d = gain(k, l), rho = 2 * d <= k ? 0 : (2 * d - k) / (3 * d), m = static_cast<double>(n - 1);
  const double c = std::sqrt(static_cast<double>(n) * k * l), share = rho / 2 * (1 - k / std::hypot(k, c));
  Worst w;
  w.direction.push_back(1);
  const double y0 = std::sqrt(m * share), mean = (k - l) / m, size = 2 * std::sqrt(k * l / m);
  const double reach = size > 0 ? std::sqrt(std::max(0.0, static_cast<double>(n) * (rho - share))) / size : 0;
  w.x.push_back(y0);
  for (Index j = 1; j < n; ++j) {
    const double sign = static_cast<double>(j) <= k ? 1 : -1;
    w.x.push_back(-y0 / m + reach * (sign - mean));
    w.direction.push_back(-sign);
  }
  const double deviation = std::sqrt(eps / (1 - rho));
  for (double& v : w.x) v *= deviation;
  return w;
}

}  // namespace

template <>
std::vector<Sample> samples<L2Norm>() {
  std::vector<Sample> list;
  for (const RowLayout& layout : layouts()) {
    for (const bool keep : {false, true}) {
      Sample s = one_operand(
          layout.shape.str() + (keep ? ", kept" : ""), {.shape = layout.shape, .probes = {0, 1e-3, 100}},
          [layout, keep](const Var& x) { return l2_norm(x, Axes(std::span<const Index>(layout.axes)), keep); });
      const Shape out = value(s, std::vector{Tensor::zeros(layout.shape, DType::f64)}).shape();
      s.reference = by_rows(layout, out, [](const Row& row) { return Row{length_of(row)}; });
      const Index n = layout.length();
      s.rules = layout.shape.size() > 0;
      if (n == 1) s.operands[0].kinks = {0};
      // From 0 straight away, and along the diagonal.
      std::vector<double> one(static_cast<std::size_t>(n), 0.0);
      const std::vector<double> origin = one, all(static_cast<std::size_t>(n), 1.0);
      if (s.rules) {
        one[0] = 1.0;
        s.attained = {along(Norm::l1, layout, origin, one, 1, 0), along(Norm::l2, layout, origin, one, 1, 0),
                      along(Norm::linf, layout, origin, all, 1, 0)};
      }
      list.push_back(std::move(s));
    }
  }
  return list;
}

template <>
std::vector<Sample> samples<Standardise>() {
  std::vector<Sample> list;
  std::vector<RowLayout> more = layouts();
  more.push_back({{1, 100}, {1}});  // where the row sums exceed those at a constant row
  for (const RowLayout& layout : more) {
    for (const double eps : {0.25, 0.015625}) {
      Sample s = one_operand(
          layout.shape.str() + ", eps " + std::to_string(eps), {.shape = layout.shape, .probes = {0, 1, 50}},
          [layout, eps](const Var& x) { return standardise(x, Axes(std::span<const Index>(layout.axes)), eps); });
      const Index n = layout.length();
      s.reference = by_rows(layout, layout.shape, [eps](const Row& row) {
        Real mean = 0, squares = 0;
        for (const Real v : row) mean += v;
        mean /= static_cast<Real>(row.size());
        for (const Real v : row) squares += (v - mean) * (v - mean);
        Row y;
        for (const Real v : row) y.push_back((v - mean) / std::sqrt(squares / static_cast<Real>(row.size()) + eps));
        return y;
      });
      s.reference_scale = 100.0 / std::sqrt(eps);  // the mean cancels
      s.rules = layout.shape.size() > 0;
      if (s.rules && n > 1) {
        std::vector<double> difference(static_cast<std::size_t>(n), 0.0), zero = difference;
        difference[0] = 1;
        difference[1] = -1;
        const Worst w = worst_standardised(n, eps);
        // J is symmetric: the column that is largest in l1 is the row that is largest in linf.
        std::vector<double> unit(static_cast<std::size_t>(n), 0.0);
        unit[0] = 1;
        s.attained = {along(Norm::l2, layout, zero, difference, 1e-4, 0),
                      along(Norm::linf, layout, w.x, w.direction, 1e-6, 0),
                      along(Norm::l1, layout, w.x, unit, 1e-6, 0)};
      }
      list.push_back(std::move(s));
    }
  }
  return list;
}

template <>
std::vector<Sample> samples<L2Normalise>() {
  std::vector<Sample> list;
  for (const RowLayout& layout : layouts()) {
    for (const double eps : {0.125, 1000.0}) {
      const Index n = layout.length();
      if (eps > 1 && layout.shape.rank() == 1) continue;  // inside of the ball its entries do not meet
      Sample s = one_operand(
          layout.shape.str() + ", eps " + std::to_string(eps), {.shape = layout.shape, .probes = {0, 1e-3, 1}},
          [layout, eps](const Var& x) { return l2_normalise(x, Axes(std::span<const Index>(layout.axes)), eps); });
      if (n == 1) s.operands[0].kinks = {-eps, eps};
      s.reference = by_rows(layout, layout.shape, [eps](const Row& row) {
        Row y;
        for (const Real v : row) y.push_back(v / std::fmax(length_of(row), Real(eps)));
        return y;
      });
      s.rules = layout.shape.size() > 0;
      if (s.rules) {
        const std::vector<double> zero(static_cast<std::size_t>(n), 0.0), one(static_cast<std::size_t>(n), 1.0);
        // Just outside of the ball at angle φ from the first axis, tan 2φ = √(n − 1): row 0 of I − yyᵀ.
        const double others = std::sqrt(static_cast<double>(n - 1)), angle = std::atan(others) / 2;
        std::vector<double> x(static_cast<std::size_t>(n), 0.0), direction(static_cast<std::size_t>(n), -1.0),
            unit = zero;
        for (double& v : x) v = n > 1 ? 1.001 * eps * std::sin(angle + std::acos(0.0)) / std::max(1.0, others) : 0.0;
        x[0] = 1.001 * eps * std::sin(angle);
        for (std::size_t i = 1; i < x.size(); ++i) x[i] = 1.001 * eps * std::cos(angle) / others;
        direction[0] = unit[0] = 1;
        if (n == 1) x[0] = 0;
        s.attained = {along(Norm::l2, layout, zero, unit, eps / 4, 0),
                      along(Norm::linf, layout, x, direction, eps * 1e-5, 0),
                      along(Norm::l1, layout, x, unit, eps * 1e-5, 0)};
      }
      list.push_back(std::move(s));
    }
  }
  return list;
}

template <>
std::vector<Sample> samples<L2Attention>() {
  std::vector<Sample> list;
  for (const Shape& shape : {Shape{3, 2}, Shape{1, 4, 3}, Shape{2, 1, 2}, Shape{2, 0}, Shape{1, 1, 1, 2, 1, 1, 3, 2}}) {
    Sample s = one_operand(shape.str(), {.shape = shape, .defined = {-4, 4}, .probes = {0, 3}},
                           [](const Var& u) { return l2_attention(u, 0.5); });
    s.reference = [shape](std::span<const Tensor> in) {
      const Index n = shape[shape.rank() - 2], d = shape[shape.rank() - 1];
      return generate(shape, [&](const std::vector<Index>& at) {
        Index batch = 0;
        for (int axis = 0; axis + 2 < shape.rank(); ++axis)
          batch = batch * shape[axis] + at[static_cast<std::size_t>(axis)];
        const Index base = batch * n * d, i = at[at.size() - 2], a = at.back();
        Real sum = 0, all = 0;
        for (Index j = 0; j < n; ++j) {
          Real distance = 0;
          for (Index b = 0; b < d; ++b) {
            const Real difference = Real(in[0].at(base + i * d + b)) - Real(in[0].at(base + j * d + b));
            distance += difference * difference;
          }
          sum += std::exp(-distance / 2) * in[0].at(base + j * d + a);
          all += std::exp(-distance / 2);
        }
        return static_cast<double>(sum / all);
      });
    };
    s.reference_scale = 100.0;
    // The bound of the literature adds up the rows of the Jacobian; nothing attains it but for one token.
    if (shape[shape.rank() - 2] > 1) s.not_attained = {Norm::l1, Norm::l2, Norm::linf};
    s.rules = shape.size() > 0;
    const Tensor zero = Tensor::zeros(shape, DType::f64);
    if (shape[shape.rank() - 2] == 1)
      for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf})
        s.attained.push_back({norm, 0, {zero}, {with(zero, 0, 1.0)}});
    // Samples are batches of tokens.
    list.push_back(std::move(s));
  }
  return list;
}

}  // namespace taut::harness
