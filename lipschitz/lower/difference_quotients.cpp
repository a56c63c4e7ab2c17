// Difference quotients of pairs of points.
#include <cblas.h>

#include <algorithm>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>
#include <cmath>

#include "lipschitz/lower/candidates.h"

namespace taut {
namespace {

constexpr std::string_view pairs_name = "pairs";

double distance(const double* a, const double* b, Index n, Norm norm) {
  double total = 0.0;
  for (Index i = 0; i < n; ++i) {
    const double d = std::fabs(a[i] - b[i]);
    total = norm == Norm::l1 ? total + d : norm == Norm::l2 ? total + d * d : std::max(total, d);
  }
  return norm == Norm::l2 ? std::sqrt(total) : total;
}

// Points and f's values at them, f64.
struct Points {
  Tensor in, out;  // (count, columns), (count, rows)
  Index count() const { return in.shape()[0]; }
  const double* x(Index i) const { return in.data<double>().data() + i * in.shape()[1]; }
  const double* y(Index i) const { return out.data<double>().data() + i * out.shape()[1]; }
};

double quotient(const Points& a, Index i, const Points& b, Index j, Norm norm) {
  const double run = distance(a.x(i), b.x(j), a.in.shape()[1], norm);
  return run > 0.0 ? distance(a.y(i), b.y(j), a.out.shape()[1], norm) / run : 0.0;
}

// Squared distances of rows [from, to) to all rows from the products of what is centred: squares that cancel are wrong.
class SquaredDistances {
 public:
  explicit SquaredDistances(const Tensor& rows) : columns_(rows.shape()[1]), count_(rows.shape()[0]) {
    centred_.assign(rows.data<double>().begin(), rows.data<double>().end());
    std::vector<double> mean(static_cast<std::size_t>(columns_), 0.0);
    for (std::size_t i = 0; i < centred_.size(); ++i) mean[i % mean.size()] += centred_[i];
    for (std::size_t i = 0; i < centred_.size(); ++i)
      centred_[i] -= mean[i % mean.size()] / static_cast<double>(count_);
    for (Index i = 0; i < count_; ++i) {
      const double* const row = centred_.data() + i * columns_;
      squares_.push_back(cblas_ddot(static_cast<blasint>(columns_), row, 1, row, 1));
    }
  }
  // (to − from, count)
  void between(Index from, Index to, std::vector<double>& distances) const {
    const auto m = static_cast<blasint>(to - from), n = static_cast<blasint>(count_);
    const auto k = static_cast<blasint>(columns_);
    distances.resize(static_cast<std::size_t>(m) * static_cast<std::size_t>(n));
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, -2.0, centred_.data() + from * columns_, k,
                centred_.data(), k, 0.0, distances.data(), n);
    for (Index i = from; i < to; ++i)
      for (Index j = 0; j < count_; ++j)
        distances[static_cast<std::size_t>((i - from) * count_ + j)] +=
            squares_[static_cast<std::size_t>(i)] + squares_[static_cast<std::size_t>(j)];
  }
  // Above what is rounding of the difference.
  bool trusted(double distance, Index i, Index j) const {
    return distance > 1e-6 * (squares_[static_cast<std::size_t>(i)] + squares_[static_cast<std::size_t>(j)]);
  }

 private:
  Index columns_, count_;
  std::vector<double> centred_, squares_;
};

class Pairs {
 public:
  Pairs(const Function& f, const Tensor& data, const PairsOptions& options)
      : data_(data), options_(options), search_(f, detail::samples(data, 0, 1), options, pairs_name) {}

  LowerResult run() {
    choose();
    if (points_.count() > 1) all_pairs();
    near_pairs();
    search_.report(1.0);
    return search_.result();
  }

 private:
  // Points of the data, spread evenly over it.
  void choose() {
    const Index count = data_.shape()[0], kept = std::clamp<Index>(options_.most_points, 1, count);
    Tensor chosen = Tensor::uninitialised(data_.shape().with(0, kept), data_.dtype());
    const Index size = data_.size() / count;
    for (Index k = 0; k < kept; ++k) indices_.push_back(k * count / kept);
    dispatch(data_.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const auto from = data_.data<T>();
      const auto to = chosen.mutable_data<T>();
      for (Index k = 0; k < kept; ++k)
        std::copy_n(from.begin() + indices_[static_cast<std::size_t>(k)] * size, size, to.begin() + k * size);
    });
    chosen_ = chosen;
    points_ = evaluated(chosen);
  }

  // As many as time allows, at least one batch.
  Points evaluated(const Tensor& points) {
    detail::JacobianBatch& batch = search_.batch();
    const Index count = points.shape()[0], step = batch.at_once(options_.batch);
    std::vector<double> outputs;
    Index done = 0;
    while (done < count && (done == 0 || !search_.expired())) {
      const Index to = std::min(done + step, count);
      batch.record(detail::samples(points, done, to));
      const Tensor y = batch.outputs();
      outputs.insert(outputs.end(), y.data<double>().begin(), y.data<double>().end());
      done = to;
    }
    return {detail::samples(points, 0, done).to(DType::f64).reshaped({done, batch.columns()}),
            Tensor::from<double>({done, batch.rows()}, outputs)};
  }

  void offer(double value, const Points& other, const Tensor& partners, Index i, Index j) {
    if (!search_.candidates().wants(value)) return;
    const double exact = quotient(points_, i, other, j, options_.question.norm);  // products lose what differences keep
    if (!search_.candidates().wants(exact)) return;
    const Index at = indices_[static_cast<std::size_t>(i)];
    const Index partner = &other == &points_ ? indices_[static_cast<std::size_t>(j)] : -1;
    search_.candidates().offer(
        {exact, detail::samples(chosen_, i, i + 1), detail::samples(partners, j, j + 1), at, partner});
  }

  void all_pairs() {
    const Index count = points_.count(), block = std::max<Index>(1, std::min<Index>(count, (1 << 21) / count));
    if (options_.question.norm != Norm::l2) {
      for (Index i = 0; i < count; ++i) {
        if (i % 16 == 0 && search_.expired()) return;
        for (Index j = i + 1; j < count; ++j)
          offer(quotient(points_, i, points_, j, options_.question.norm), points_, chosen_, i, j);
      }
      return;
    }
    const SquaredDistances in(points_.in), out(points_.out);
    std::vector<double> runs, rises;
    for (Index from = 0; from < count && !search_.expired(); from += block) {
      const Index to = std::min(from + block, count);
      in.between(from, to, runs);
      out.between(from, to, rises);
      for (Index i = from; i < to; ++i)
        for (Index j = i + 1; j < count; ++j) {
          const auto at = static_cast<std::size_t>((i - from) * count + j);
          const bool trusted = in.trusted(runs[at], i, j) && out.trusted(rises[at], i, j);
          offer(trusted ? 1.001 * std::sqrt(rises[at] / runs[at]) : largest_finite(DType::f64), points_, chosen_, i, j);
        }
    }
  }

  // A point of the data and one at a distance of any scale, as far as values of its type tell quotients from rounding.
  void near_pairs() {
    boost::random::mt19937_64 random(options_.budget.seed);
    boost::random::normal_distribution<double> normal;
    const double finest = data_.dtype() == DType::f32 ? -8.0 : -20.0;
    boost::random::uniform_real_distribution<double> exponent(finest, 0.0);
    boost::random::uniform_int_distribution<Index> any(0, points_.count() - 1);
    const Index size = points_.in.shape()[1], at_once = 1024;
    double scale = 0.0;
    for (const double e : points_.in.data<double>()) scale = std::max(scale, std::fabs(e));
    if (!(scale > 0.0)) scale = 1.0;
    for (Index done = 0; done < options_.near_pairs && !search_.expired(); done += at_once) {
      const Index count = std::min(at_once, options_.near_pairs - done);
      std::vector<Index> centres;
      std::vector<double> rows;
      for (Index k = 0; k < count; ++k) {
        centres.push_back(any(random));
        const double step = scale * std::exp2(exponent(random));
        for (Index i = 0; i < size; ++i) rows.push_back(points_.x(centres.back())[i] + step * normal(random));
      }
      const Tensor partners = search_.points(rows);
      const Points near = evaluated(partners);
      for (Index k = 0; k < near.count(); ++k) {
        const Index centre = centres[static_cast<std::size_t>(k)];
        offer(quotient(points_, centre, near, k, options_.question.norm), near, partners, centre, k);
      }
    }
  }

  const Tensor& data_;
  const PairsOptions& options_;
  detail::LowerSearch search_;
  std::vector<Index> indices_;  // of the chosen points in the data
  Tensor chosen_;               // as f takes them
  Points points_;
};

}  // namespace

LowerResult pairs_lower_bound(const Function& f, const Tensor& data, const PairsOptions& options) {
  detail::require_usable(data, options.question.domain, pairs_name);
  return Pairs(f, data, options).run();
}

}  // namespace taut
