#include "lipschitz/lower/jacobian_batch.h"

#include <algorithm>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "autodiff/outline.h"
#include "lipschitz/graph.h"
#include "lipschitz/lower/attaining.h"
#include "lipschitz/norms/matrix_form.h"

namespace taut::detail {
namespace {

constexpr Index most_rows = 64;  // of Jacobians that are computed in full

std::size_t size(Index n) { return static_cast<std::size_t>(n); }

std::span<double> part(Tensor& t, Index b, Index length) {
  return t.mutable_data<double>().subspan(size(b * length), size(length));
}
std::span<const double> part(const Tensor& t, Index b, Index length) {
  return t.data<double>().subspan(size(b * length), size(length));
}

// Are all slopes of an elementwise operation a little below 0 apart from those a little above? So it is with elu, when
// alpha is not 1.
bool jumps_at_zero(const Graph& graph, NodeId id) {
  if (graph.node(id).operands().size() != 1) return false;
  const NodeId operand = graph.node(id).operands()[0];
  std::vector<Range> ranges(operand + std::size_t{1});
  const auto slope = [&](const Interval& x) {
    ranges[operand] = Range::box(graph.node(operand).value.shape(), x);
    const Rule rule = graph.rule(id, ranges);
    const auto* const elementwise = std::get_if<rule::Elementwise>(&rule);
    return elementwise != nullptr ? elementwise->slope : Interval{-infinity, infinity};
  };
  try {
    const Interval below = slope({-2e-6, -1e-6}), above = slope({1e-6, 2e-6});
    return below.hi < above.lo - 1e-4 || above.hi < below.lo - 1e-4;
  } catch (const DomainError&) {
    return false;
  }
}

}  // namespace

Tensor samples(const Tensor& data, Index from, Index to) {
  const Index of_one = data.size() / data.shape()[0];
  Tensor some = Tensor::uninitialised(data.shape().with(0, to - from), data.dtype());
  dispatch(data.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::ranges::copy(data.data<T>().subspan(size(from * of_one), size((to - from) * of_one)),
                      some.mutable_data<T>().begin());
  });
  return some;
}

namespace {
Tensor two_of(const Tensor& sample) {
  const Tensor rows = sample.reshaped({1, sample.size()});
  return broadcast_to(Var(rows), {2, sample.size()}).value().reshaped(sample.shape().with(0, 2));
}
}  // namespace

JacobianBatch::JacobianBatch(const Function& f, const Tensor& sample, const LowerOptions& options,
                             std::string_view method)
    : f_(f),
      norm_(options.question.norm),
      sample_axis_(options.question.sample_axis),
      method_(method),
      seed_(options.budget.seed) {
  const std::vector<int> axes = axes_of_samples(sample);
  record(sample);
  check();
  find_kinks(axes);
  rows_ = y_.value().size();
  columns_ = x_.value().size();
  double parameters = 0.0;
  for (NodeId id = 0; id < tape_.size(); ++id) {
    const Node& node = tape_.node(id);
    const bool varies = node.leaf == Leaf::none || node.leaf == Leaf::input;
    (varies ? numbers_ : parameters) += static_cast<double>(node.value.size());
  }
  const auto sweeps = static_cast<double>(by_power() ? 24 : 1 + std::min(rows_, columns_));
  cost_ = sweeps * (numbers_ + std::max(parameters / 5.0, multiplications_ / 20.0));
  if (!by_power()) cost_ += 3.0 * static_cast<double>(rows_ * columns_);
}

void JacobianBatch::check() const {
  const Graph graph(y_, method_);
  graph.require_finite();
  const bool apart = sample_axis_ == no_sample_axis || graph.sample_axes(0)[y_.id()] == 0;
  if (!apart || y_.shape()[0] != count_)
    throw UnsupportedError(cat("[", method_, "] f must map (b, …) to (b, …), samples along the first axis; it gave ",
                               y_.shape(), " for ", x_.shape(), "; move the axis of samples to the front"));
}

// Where samples lie in every node that is recorded. Of a function that is only known to keep them apart it shows with
// two samples, if it does: along an axis of length 1 nothing can be followed.
std::vector<int> JacobianBatch::axes_of_samples(const Tensor& sample) {
  if (sample_axis_ != no_sample_axis) {
    record(sample);
    return Graph(y_, method_).sample_axes(0);
  }
  try {
    Tape tape;
    const Outline outline(tape);
    return Graph(f_(tape.input(two_of(sample))), method_).sample_axes(0);
  } catch (const UnsupportedError&) {
    return {};
  }
}

void JacobianBatch::find_kinks(const std::vector<int>& axes) {
  const Graph graph(y_, method_);
  const bool as_many = axes.size() == y_.id() + std::size_t{1};  // nodes with one sample and with several
  for (const NodeId id : graph.nodes()) {
    if (!graph.varies(id) || graph.node(id).op == nullptr) continue;
    const Rule rule = graph.rule(id, {});
    if (const auto* const affine = std::get_if<rule::Affine>(&rule))
      for (const LinearMap& map : affine->maps) multiplications_ += map ? apply_cost(map) : 0.0;
    const auto* const elementwise = std::get_if<rule::Elementwise>(&rule);
    if (elementwise == nullptr) continue;
    const NodeId operand = graph.node(id).operands()[size(elementwise->argument)];
    std::vector<double> at;
    if (elementwise->pieces)
      at = elementwise->pieces->breaks;
    else if (jumps_at_zero(graph, id))
      at = {0.0};
    if (at.empty() || !as_many || axes[operand] < 0) continue;
    breaks_.push_back({operand, axes[operand], std::move(at)});
    kinks_ += graph.node(operand).value.size() * static_cast<Index>(breaks_.back().at.size());
  }
}

Tensor JacobianBatch::distances_to_kinks() const {
  Tensor all = Tensor::uninitialised({count_, kinks_}, DType::f64);
  const auto to = all.mutable_data<double>();
  Index column = 0;
  for (const Breaks& breaks : breaks_) {
    const Tensor values = tape_.node(breaks.operand).value.to(DType::f64);
    const Shape& shape = values.shape();
    const Index outer = shape.product(0, breaks.sample_axis),
                inner = shape.product(breaks.sample_axis + 1, shape.rank());
    const auto from = values.data<double>();
    for (const double at : breaks.at) {
      for (Index o = 0; o < outer; ++o)
        for (Index b = 0; b < count_; ++b)
          for (Index i = 0; i < inner; ++i)
            to[size(b * kinks_ + column + o * inner + i)] = from[size((o * count_ + b) * inner + i)] - at;
      column += outer * inner;
    }
  }
  return all;
}

Index JacobianBatch::at_once(Index wanted) const {
  const double most = 0x1p23 / static_cast<double>(by_power() ? rows_ + columns_ : rows_ * columns_);
  const double automatic = std::clamp(0x1p21 / numbers_, 16.0, 1024.0);
  return std::max<Index>(1, static_cast<Index>(std::min(most, wanted > 0 ? static_cast<double>(wanted) : automatic)));
}

void JacobianBatch::record(const Tensor& points) {
  tape_.rewind();
  x_ = tape_.input(points, "points");
  y_ = f_(x_);
  count_ = points.shape()[0];
  if (count_ == 1 || checked_) return;
  check();
  checked_ = true;
}

Tensor JacobianBatch::outputs() const { return y_.value().to(DType::f64).reshaped({count_, rows_}); }

bool JacobianBatch::by_power() const { return std::min(rows_, columns_) > most_rows; }

Tensor JacobianBatch::jacobians() const {
  Tensor all = Tensor::uninitialised({count_, rows_, columns_}, DType::f64);
  const auto to = all.mutable_data<double>();
  const bool by_rows = rows_ <= columns_;
  const Index sweeps = std::min(rows_, columns_), length = std::max(rows_, columns_);
  const Var& seeded = by_rows ? y_ : x_;
  for (Index k = 0; k < sweeps; ++k) {
    Tensor seed = Tensor::zeros(seeded.shape(), seeded.dtype());
    dispatch(seed.dtype(), [&](auto zero) {
      const auto entries = seed.mutable_data<decltype(zero)>();
      for (Index b = 0; b < count_; ++b) entries[size(b * sweeps + k)] = 1;
    });
    const Tensor swept = by_rows ? vjp(y_, seed, x_).value() : jvp(y_, x_, seed).value();
    dispatch(swept.dtype(), [&](auto zero) {
      const auto from = swept.data<decltype(zero)>();
      for (Index b = 0; b < count_; ++b) {
        const auto first = from.begin() + b * length;
        if (by_rows) {
          std::copy(first, first + length, to.begin() + (b * rows_ + k) * columns_);
        } else {
          for (Index i = 0; i < rows_; ++i) to[size((b * rows_ + i) * columns_ + k)] = first[i];
        }
      }
    });
  }
  return all;
}

Attained JacobianBatch::attained(bool vectors, int steps) const {
  return by_power() ? from_power(steps) : from_jacobians(vectors);
}

Attained JacobianBatch::from_jacobians(bool vectors) const {
  const Tensor all = jacobians();
  Attained result{std::vector<double>(size(count_)), {}, {}};
  if (vectors) {
    result.left = Tensor::zeros({count_, rows_}, DType::f64);
    result.right = Tensor::zeros({count_, columns_}, DType::f64);
  }
  SpectralNorms spectral(rows_, columns_);
  for (Index b = 0; b < count_; ++b) {
    const RowMajor j{all.data<double>().data() + b * rows_ * columns_, rows_, columns_};
    const std::span<const double> entries(j.data, size(rows_ * columns_));
    // A Jacobian that is not finite attains nothing.
    if (!std::ranges::all_of(entries, [](double e) { return std::isfinite(e); })) continue;
    const auto left = vectors ? part(result.left, b, rows_) : std::span<double>();
    const auto right = vectors ? part(result.right, b, columns_) : std::span<double>();
    result.norms[size(b)] = norm_ == Norm::l1   ? l1_norm(j, left, right)
                            : norm_ == Norm::l2 ? spectral.norm(j, left, right)
                                                : linf_norm(j, left, right);
  }
  return result;
}

// v ← the vector aligned with Jᵀu, u ← the one aligned with Jv: uᵀJv does not fall. In l2 this is power iteration on
// JᵀJ, in l1 it is Hager's estimator.
Attained JacobianBatch::from_power(int steps) const {
  Attained result{std::vector<double>(size(count_)), Tensor::zeros({count_, rows_}, DType::f64),
                  Tensor::zeros({count_, columns_}, DType::f64)};
  boost::random::mt19937_64 random(seed_);
  boost::random::normal_distribution<double> normal;
  std::vector<double> start(size(columns_));
  for (double& e : start) e = normal(random);
  for (Index b = 0; b < count_; ++b) {
    const auto v = part(result.right, b, columns_);
    std::ranges::copy(start, v.begin());
    const double scale = length(v, norm_);
    for (double& e : v) e /= scale;
  }
  for (int step = 0; step < steps; ++step) {
    const Tensor image = jvp(y_, x_, result.right.to(x_.dtype()).reshaped(x_.shape())).value().to(DType::f64);
    for (Index b = 0; b < count_; ++b) {
      const auto w = part(image, b, rows_);
      const double value = length(w, norm_);
      result.norms[size(b)] = std::isfinite(value) ? value : 0.0;
      aligned(w, dual(norm_), part(result.left, b, rows_));
    }
    if (step + 1 == steps) break;
    const Tensor back = pulled_back(result.left);
    for (Index b = 0; b < count_; ++b) aligned(part(back, b, columns_), norm_, part(result.right, b, columns_));
  }
  return result;
}

Tensor JacobianBatch::pulled_back(const Tensor& left) const {
  return vjp(y_, left.to(y_.dtype()).reshaped(y_.shape()), x_).value().to(DType::f64).reshaped({count_, columns_});
}

Tensor JacobianBatch::ascent_directions(const Attained& at) const {
  const Var left(at.left.to(y_.dtype()).reshaped(y_.shape()));
  const Var gradient = vjp(y_, left, x_, {.create_graph = true});
  const Var value = sum(gradient * Var(at.right.to(x_.dtype()).reshaped(x_.shape())));
  if (!value.on_tape()) return Tensor::zeros({count_, columns_}, DType::f64);
  return grad(value, x_).value().to(DType::f64).reshaped({count_, columns_});
}

}  // namespace taut::detail
