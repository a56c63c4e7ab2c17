#include "lipschitz/lower.h"

#include <algorithm>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/tape.h"
#include "lipschitz/dense_norm.h"
#include "lipschitz/graph.h"
#include "lipschitz/spectral.h"

namespace taut {
namespace {

constexpr Index most_rows = 64;  // of Jacobians that are computed in full for an l2 norm
constexpr int power_steps = 12;

// Samples [from, to) along the first axis.
Tensor samples(const Tensor& data, Index from, Index to) {
  const Index size = data.size() / data.shape()[0];
  Tensor part = Tensor::uninitialised(data.shape().with(0, to - from), data.dtype());
  dispatch(data.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::ranges::copy(
        data.data<T>().subspan(static_cast<std::size_t>(from * size), static_cast<std::size_t>((to - from) * size)),
        part.mutable_data<T>().begin());
  });
  return part;
}

void set(Tensor& t, Index at, double value) {
  dispatch(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    t.mutable_data<T>()[static_cast<std::size_t>(at)] = static_cast<T>(value);
  });
}

// One recorded batch. Samples do not mix, so one sweep gives the same row or column of every sample's Jacobian.
class Batch {
 public:
  Batch(const Function& f, const Tensor& x) : x_(tape_.input(x, "data")), y_(f(x_)), count_(x.shape()[0]) {
    const Graph graph(y_, "dataset lower bound");
    const int axis = graph.sample_axes(0)[y_.id()];
    if (axis != 0 || y_.shape()[0] != count_)
      throw UnsupportedError(
          cat("[dataset lower bound] f must map (b, …) to (b, …), samples along the first axis; it gave ", y_.shape(),
              " for ", x.shape(), "; move the axis of samples to the front"));
  }

  Index rows() const { return y_.value().size() / count_; }
  Index columns() const { return x_.value().size() / count_; }

  // Row r of every Jacobian: (count, columns) in x's shape.
  Tensor row(Index r) const {
    Tensor cotangent = Tensor::zeros(y_.shape(), y_.dtype());
    for (Index b = 0; b < count_; ++b) set(cotangent, b * rows() + r, 1.0);
    return vjp(y_, cotangent, x_).value();
  }
  Tensor column(Index c) const {
    Tensor tangent = Tensor::zeros(x_.shape(), x_.dtype());
    for (Index b = 0; b < count_; ++b) set(tangent, b * columns() + c, 1.0);
    return jvp(y_, x_, tangent).value();
  }

  // The Jacobians, f64 (count, rows, columns).
  Tensor jacobians() const {
    Tensor all = Tensor::uninitialised({count_, rows(), columns()}, DType::f64);
    const auto to = all.mutable_data<double>();
    const bool by_rows = rows() <= columns();
    for (Index k = 0; k < std::min(rows(), columns()); ++k) {
      const Tensor part = by_rows ? row(k) : column(k);
      const Index length = by_rows ? columns() : rows();
      for (Index b = 0; b < count_; ++b)
        for (Index i = 0; i < length; ++i)
          to[static_cast<std::size_t>((b * rows() + (by_rows ? k : i)) * columns() + (by_rows ? i : k))] =
              part.at(b * length + i);
    }
    return all;
  }

  // Spectral norms by power iteration on JᵀJ, every sample at once.
  std::vector<double> spectral_norms(std::uint64_t seed) const {
    boost::random::mt19937_64 random(seed);
    boost::random::normal_distribution<double> normal;
    Tensor v = Tensor::uninitialised(x_.shape(), x_.dtype());
    for (Index i = 0; i < v.size(); ++i) set(v, i, normal(random));
    std::vector<double> sigma(static_cast<std::size_t>(count_));
    normalise(v);
    for (int step = 0; step < power_steps; ++step) {
      const Tensor image = jvp(y_, x_, v).value();
      for (Index b = 0; b < count_; ++b) sigma[static_cast<std::size_t>(b)] = length(image, b);
      v = vjp(y_, image, x_).value();
      normalise(v);
    }
    return sigma;
  }

 private:
  double length(const Tensor& t, Index b) const {
    const Index size = t.size() / count_;
    double sum = 0.0;
    for (Index i = 0; i < size; ++i) sum += t.at(b * size + i) * t.at(b * size + i);
    return std::sqrt(sum);
  }
  void normalise(Tensor& v) const {
    const Index size = v.size() / count_;
    for (Index b = 0; b < count_; ++b) {
      const double norm = length(v, b);
      if (norm > 0.0)
        for (Index i = 0; i < size; ++i) set(v, b * size + i, v.at(b * size + i) / norm);
    }
  }

  Tape tape_;
  Var x_, y_;
  Index count_;
};

double frobenius(const Tensor& jacobians, Index b) {
  const Index size = jacobians.size() / jacobians.shape()[0];
  double sum = 0.0;
  for (Index i = 0; i < size; ++i) sum += jacobians.at(b * size + i) * jacobians.at(b * size + i);
  return std::sqrt(sum);
}

Tensor matrix_of(const Tensor& jacobians, Index b) {
  return samples(jacobians, b, b + 1).reshaped({jacobians.shape()[1], jacobians.shape()[2]});
}

struct Best {
  double value = -1.0;
  Index index = -1;
  void offer(double v, Index i) {
    if (v > value) value = v, index = i;
  }
};

void search(const Batch& batch, Index from, Index count, const LowerOptions& options, Best& best) {
  if (options.norm == Norm::l2 && std::min(batch.rows(), batch.columns()) > most_rows) {
    const std::vector<double> sigma = batch.spectral_norms(options.seed);
    for (Index b = 0; b < count; ++b) best.offer(sigma[static_cast<std::size_t>(b)], from + b);
    return;
  }
  const Tensor jacobians = batch.jacobians();
  for (Index b = 0; b < count; ++b) {
    if (options.norm == Norm::l2 && frobenius(jacobians, b) <= best.value) continue;
    best.offer(dense_norm(matrix_of(jacobians, b), options.norm).lower.value(), from + b);
  }
}

void require_usable(const Tensor& data) {
  if (data.shape().rank() < 2 || data.size() == 0)
    throw UsageError(
        cat("[dataset lower bound] data of shape (count, features…) with at least one sample is needed; got ",
            data.shape(), "; put the samples along the first axis and, for numbers, add an axis of size 1"));
  if (const Index at = data.first_non_finite(); at >= 0)
    throw NumericError(cat("[dataset lower bound] data must be finite; sample ", at / (data.size() / data.shape()[0]),
                           " holds ", data.at(at), "; leave it out or repair it"));
}

// A direction, largest entry 1, in which a matrix gains about most in the norm.
std::vector<double> steepest_direction(const detail::MatrixView& a, Norm norm) {
  std::vector<double> v(static_cast<std::size_t>(a.columns), 0.0);
  const auto row_sum = [&](Index i) {
    double sum = 0.0;
    for (const double e : a.row(i)) sum += std::fabs(e);
    return sum;
  };
  const auto column_sum = [&](Index j) {
    double sum = 0.0;
    for (Index i = 0; i < a.rows; ++i) sum += std::fabs(a.at(i, j));
    return sum;
  };
  if (norm == Norm::l1) {
    Index best = 0;
    for (Index j = 1; j < a.columns; ++j)
      if (column_sum(j) > column_sum(best)) best = j;
    v[static_cast<std::size_t>(best)] = 1.0;
    return v;
  }
  Index best = 0;
  for (Index i = 1; i < a.rows; ++i)
    if (row_sum(i) > row_sum(best)) best = i;
  if (norm == Norm::linf) {
    std::ranges::transform(a.row(best), v.begin(), [](double e) { return e < 0.0 ? -1.0 : 1.0; });
    return v;
  }
  std::ranges::copy(a.row(best), v.begin());  // power iteration from the largest row
  for (int step = 0; step < 50; ++step) {
    std::vector<double> next(v.size(), 0.0);
    for (Index i = 0; i < a.rows; ++i) {
      double image = 0.0;
      for (std::size_t j = 0; j < v.size(); ++j) image += a.row(i)[j] * v[j];
      for (std::size_t j = 0; j < v.size(); ++j) next[j] += a.row(i)[j] * image;
    }
    double largest = 0.0;
    for (const double e : next) largest = std::max(largest, std::fabs(e));
    if (!(largest > 0.0)) break;
    for (std::size_t j = 0; j < v.size(); ++j) v[j] = next[j] / largest;
  }
  return v;
}

Tensor moved(const Tensor& x, const std::vector<double>& direction, double step) {
  Tensor y = x.copy();
  for (Index i = 0; i < y.size(); ++i) set(y, i, x.at(i) + step * direction[static_cast<std::size_t>(i)]);
  return y;
}

// The best certified value near x: of the enclosed Jacobian, else of difference quotients along the steepest direction.
void certify(const Function& f, const Tensor& x, const LowerOptions& options, LowerResult& result) {
  const Batch one(f, x);
  if (std::min(one.rows(), one.columns()) > most_rows) return;
  if (const auto enclosed = enclosed_jacobian_norm(f, x, options.norm); enclosed && enclosed->value() > 0.0) {
    result.bound = *enclosed;
    return;
  }
  const Tensor jacobian = one.jacobians();
  const detail::MatrixView view{jacobian.data<double>().data(), one.rows(), one.columns()};
  const std::vector<double> direction = steepest_direction(view, options.norm);
  for (const double step : {0x1p-12, 0x1p-9, 0x1p-6, 0x1p-3}) {
    const Tensor y = moved(x, direction, step);
    const LowerBound quotient = difference_quotient(f, x, y, options.norm);
    if (result.bound.is_certified() && !(result.bound.value() < quotient.value())) continue;
    if (quotient.value() > 0.0) result.bound = quotient, result.partner = y.reshaped(result.point.shape());
  }
}

}  // namespace

LowerResult dataset_lower_bound(const Function& f, const Tensor& data, const LowerOptions& options) {
  const auto start = Options::Clock::now();
  require_usable(data);
  LowerResult result{LowerBound::estimate(0.0, options.norm, "dataset"),
                     LowerBound::estimate(0.0, options.norm, "dataset"),
                     {},
                     {},
                     -1,
                     Status::finite,
                     0.0};
  const Index count = data.shape()[0], step = std::max<Index>(options.batch, 1);
  Best best;
  for (Index from = 0; from < count; from += step) {
    if (from > 0 && options.expired()) {
      result.status = Status::cut;
      break;
    }
    const Index to = std::min(from + step, count);
    search(Batch(f, samples(data, from, to)), from, to - from, options, best);
    options.report("dataset", static_cast<double>(to) / static_cast<double>(count));
  }
  const std::string detail = cat("jacobian at sample ", best.index);
  const Tensor x = samples(data, best.index, best.index + 1);
  result.index = best.index;
  result.point = x.reshaped(x.shape().without(0));
  result.bound = result.plain = LowerBound::estimate(std::max(best.value, 0.0), options.norm, "dataset", detail);
  if (options.certify && best.value > 0.0) certify(f, x, options, result);
  if (result.bound.is_certified())
    result.bound = LowerBound::derived(result.bound.magnitude(), options.norm, {&result.bound, 1}, "dataset", detail);
  result.seconds = std::chrono::duration<double>(Options::Clock::now() - start).count();
  return result;
}

}  // namespace taut
