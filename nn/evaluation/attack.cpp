#include "nn/attack.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autodiff/diff.h"
#include "autodiff/error.h"
#include "nn/evaluate.h"
#include "nn/module/logits.h"
#include "nn/random.h"

namespace taut::nn {
namespace {

void require(bool holds, const char* what, double given) {
  if (!holds) throw UsageError(cat("[attack] ", what, ", got ", given));
}

void check(const AttackOptions& options) {
  if (options.norm == Norm::l1)
    throw UnsupportedError("[attack] perturbations are of l2 or linf, got l1; take one of these");
  require(options.radius >= 0.0 && std::isfinite(options.radius), "the radius must be finite and not negative",
          options.radius);
  require(options.steps >= 1, "at least one step is required", options.steps);
  require(options.starts >= 1, "at least one start is required", options.starts);
  if (options.step_size)
    require(*options.step_size > 0.0 && std::isfinite(*options.step_size), "a step size is positive and finite",
            *options.step_size);
}

double length(std::span<const double> d) {
  double square = 0.0;
  for (const double x : d) square += x * x;
  return std::sqrt(square);
}

// One sample: where it is, and the ball and box around it.
template <class T>
class Neighbourhood {
 public:
  Neighbourhood(std::span<const T> centre, const AttackOptions& options) : centre_(centre), options_(options) {
    if (!options.box) return;
    lo_ = inside(options.box->lo, std::numeric_limits<T>::infinity());
    hi_ = inside(options.box->hi, -std::numeric_limits<T>::infinity());
  }

  // centre + d, projected. What is stored lies in the ball in spite of its rounding: a perturbation that is larger than
  // was allowed would prove nothing.
  void put(std::vector<double>& d, std::span<T> into) const {
    if (options_.norm == Norm::l2) {
      for (double less = 0.0; less < 0.5; less = std::max(2.0 * less, 0x1p-22)) {
        const double now = length(d), allowed = (1.0 - less) * options_.radius;
        if (now > allowed)
          for (double& x : d) x *= allowed / now;
        write(d, into);
        if (length(differences(into)) <= options_.radius) return;
      }
      std::ranges::copy(centre_, into.begin());
    } else {
      for (double& x : d) x = std::clamp(x, -options_.radius, options_.radius);
      write(d, into);
      for (std::size_t k = 0; k < into.size(); ++k)
        while (std::fabs(static_cast<double>(into[k]) - static_cast<double>(centre_[k])) > options_.radius)
          into[k] = std::nextafter(into[k], centre_[k]);
    }
  }

  std::vector<double> differences(std::span<const T> x) const {
    std::vector<double> d(x.size());
    for (std::size_t k = 0; k < d.size(); ++k) d[k] = static_cast<double>(x[k]) - static_cast<double>(centre_[k]);
    return d;
  }

 private:
  void write(const std::vector<double>& d, std::span<T> into) const {
    for (std::size_t k = 0; k < d.size(); ++k)
      into[k] = std::clamp(static_cast<T>(static_cast<double>(centre_[k]) + d[k]), lo_, hi_);
  }
  // The nearest number of type T on the inner side.
  static T inside(double end, T towards) {
    const T near = static_cast<T>(end);
    const bool outside = towards > 0 ? static_cast<double>(near) < end : static_cast<double>(near) > end;
    return outside ? std::nextafter(near, towards) : near;
  }

  std::span<const T> centre_;
  const AttackOptions& options_;
  T lo_ = -std::numeric_limits<T>::infinity(), hi_ = std::numeric_limits<T>::infinity();
};

// A step of unit length in the norm along which a linear function with this gradient falls fastest.
template <class T>
std::vector<double> descent(std::span<const T> gradient, Norm norm) {
  std::vector<double> d(gradient.begin(), gradient.end());
  const double size = norm == Norm::l2 ? length(d) : 1.0;
  for (double& x : d) x = norm == Norm::l2 ? (size > 0.0 ? -x / size : 0.0) : (x > 0.0 ? -1.0 : x < 0.0 ? 1.0 : 0.0);
  return d;
}

// Uniform in the ball.
std::vector<double> drawn(std::size_t count, const AttackOptions& options, Random& random) {
  std::vector<double> d(count);
  for (double& x : d) x = options.norm == Norm::l2 ? random.normal() : random.uniform(-options.radius, options.radius);
  if (options.norm == Norm::l2) {
    const double size = length(d);
    const double wanted = options.radius * std::pow(random.uniform(0.0, 1.0), 1.0 / static_cast<double>(count));
    for (double& x : d) x = size > 0.0 ? x * wanted / size : 0.0;
  }
  return d;
}

class Search {
 public:
  // `first`: number of the first sample in its data set, so that the starts do not depend on batches.
  Search(ModuleRef net, const Tensor& samples, std::span<const Index> labels, const AttackOptions& options, Index first)
      : net_(net), samples_(samples), labels_(labels), options_(options), first_(first) {
    found_.inputs = samples;
    found_.fooled.assign(labels.size(), false);
  }

  Attacked run() {
    std::vector<std::size_t> open(labels_.size());
    for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
    gather(open);
    Var logits;
    note_fooled(logits = evaluate());
    const Index classes = logits.shape()[1];
    for (int start = 0; start < options_.starts; ++start)
      for (Index turn = 1; turn < (options_.aim == Aim::every_class ? classes : 2); ++turn)
        descend(start, turn, classes);
    return std::move(found_);
  }

 private:
  // The samples that are not fooled yet, from one start, towards the label + turn or the largest other.
  void descend(int start, Index turn, Index classes) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < labels_.size(); ++i)
      if (!found_.fooled[i]) open.push_back(i);
    if (open.empty()) return;
    gather(open);
    if (start > 0)
      move([&](std::size_t k) {
        Random random(options_.seed,
                      static_cast<std::uint64_t>((first_ + static_cast<Index>(rows_[k])) * options_.starts + start));
        return drawn(row_length(), options_, random);
      });
    const double step = options_.step_size.value_or(2.5 * options_.radius / options_.steps);
    for (int s = 0; s <= options_.steps; ++s) {
      const Var logits = evaluate();
      note_fooled(logits);
      if (s == options_.steps) break;
      const Tensor slope = grad(objective(logits, turn, classes), x_).value();
      step_along(slope, step);
    }
  }

  Var objective(const Var& logits, Index turn, Index classes) const {
    std::vector<Index> labels, targets;
    for (const std::size_t row : rows_) {
      labels.push_back(labels_[row]);
      targets.push_back((labels_[row] + turn) % classes);
    }
    const Where where = Where::current();
    const Var other =
        options_.aim == Aim::every_class ? pick(logits, targets) : parts::largest_other(logits, labels, where);
    return sum(sub(pick(logits, labels), other));
  }

  Var evaluate() {
    tape_.rewind();
    x_ = tape_.input(current_, "x");
    const Var logits = net_(x_);
    std::vector<Index> labels;
    for (const std::size_t row : rows_) labels.push_back(labels_[row]);
    parts::require_labels("attack", logits, labels, Where::current());
    if (logits.shape()[1] < 2)
      throw DomainError(cat("[attack] two classes or more are required, got logits ", logits.shape()));
    return logits;
  }

  void note_fooled(const Var& logits) {
    const std::vector<Index> classes = predicted_classes(logits.value());
    for (std::size_t k = 0; k < rows_.size(); ++k) {
      if (found_.fooled[rows_[k]] || classes[k] == labels_[rows_[k]]) continue;
      found_.fooled[rows_[k]] = true;
      copy_row(current_, k, found_.inputs, rows_[k]);
    }
  }

  void step_along(const Tensor& slope, double step) {
    dispatch(slope.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const auto gradient = slope.data<T>();
      move([&](std::size_t k) {
        std::vector<double> d = around<T>(k).differences(row_of<T>(current_, k));
        const std::vector<double> along = descent<T>(gradient.subspan(k * row_length(), row_length()), options_.norm);
        for (std::size_t i = 0; i < d.size(); ++i) d[i] += step * along[i];
        return d;
      });
    });
  }

  // Puts every current row that is not fooled where `displacement` says, projected.
  template <class F>
  void move(F&& displacement) {
    dispatch(current_.dtype(), [&](auto zero) {
      using T = decltype(zero);
      Tensor next = Tensor::uninitialised(current_.type());
      const auto into = next.mutable_data<T>();
      for (std::size_t k = 0; k < rows_.size(); ++k) {
        const auto row = into.subspan(k * row_length(), row_length());
        std::vector<double> d = displacement(k);
        around<T>(k).put(d, row);
      }
      current_ = std::move(next);
    });
  }

  void gather(const std::vector<std::size_t>& rows) {
    rows_ = rows;
    current_ = Tensor::uninitialised(samples_.shape().with(0, static_cast<Index>(rows.size())), samples_.dtype());
    for (std::size_t k = 0; k < rows.size(); ++k) copy_row(samples_, rows[k], current_, k);
  }

  void copy_row(const Tensor& from, std::size_t row, Tensor& to, std::size_t into) const {
    dispatch(from.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const std::size_t n = row_length();
      std::ranges::copy(from.data<T>().subspan(row * n, n),
                        to.mutable_data<T>().begin() + static_cast<std::ptrdiff_t>(into * n));
    });
  }

  template <class T>
  std::span<const T> row_of(const Tensor& tensor, std::size_t k) const {
    return tensor.data<T>().subspan(k * row_length(), row_length());
  }
  template <class T>
  Neighbourhood<T> around(std::size_t k) const {
    return {row_of<T>(samples_, rows_[k]), options_};
  }
  std::size_t row_length() const {
    return static_cast<std::size_t>(samples_.shape().product(1, samples_.shape().rank()));
  }

  ModuleRef net_;
  const Tensor& samples_;
  std::span<const Index> labels_;
  const AttackOptions& options_;
  Index first_;
  Tape tape_;
  Var x_;
  Tensor current_;  // where the search is, for the samples `rows_`
  std::vector<std::size_t> rows_;
  Attacked found_;
};

Attacked attack_from(ModuleRef net, const Tensor& inputs, std::span<const Index> labels, const AttackOptions& options,
                     Index first) {
  check(options);
  if (!inputs.defined() || inputs.shape().rank() < 1 || inputs.shape()[0] != static_cast<Index>(labels.size()) ||
      labels.empty())
    throw ShapeError(cat("[attack] samples along axis 0 and one label for each are required, got ",
                         inputs.defined() ? inputs.shape().str() : "an undefined tensor", " and ", labels.size(),
                         " labels"));
  if (options.box)
    for (Index i = 0; i < inputs.size(); ++i)
      if (!options.box->contains(inputs.at(i)))
        throw DomainError(cat("[attack] every entry of the samples must lie in the box [", options.box->lo, ", ",
                              options.box->hi, "], entry ", i, " is ", inputs.at(i), "; widen the box"));
  const InferenceScope inference(net);
  return Search(net, inputs, labels, options, first).run();
}

}  // namespace

Attacked attack(ModuleRef net, const Tensor& inputs, std::span<const Index> labels, const AttackOptions& options) {
  return attack_from(net, inputs, labels, options, 0);
}

double accuracy_under_attack(ModuleRef net, const DataSet& data, const AttackOptions& options, Index batch_size) {
  DataLoader loader(data, {.batch_size = batch_size, .shuffle = false});
  Index fooled = 0, done = 0;
  for (const Batch& batch : loader.epoch(0)) {
    const Attacked attacked = attack_from(net, batch.inputs, batch.labels, options, done);
    fooled += std::ranges::count(attacked.fooled, true);
    done += batch.size();
  }
  return 1.0 - static_cast<double>(fooled) / static_cast<double>(data.size());
}

}  // namespace taut::nn
