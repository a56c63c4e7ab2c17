#include "lipschitz/upper/step_bound.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "lipschitz/norms/matrix_form.h"
#include "lipschitz/norms/sparse_rows.h"
#include "lipschitz/upper/step.h"

namespace taut::detail {
namespace {

constexpr Index most_entries = 1 << 20;  // a second or two

// ---- steps of few entries

// y = Σ D x + Σ V s(W x), neurons by their rows.
struct SparseNeuron {
  SparseRow before;
  SparseRow after;  // outputs, weights
  double lo = 0.0, hi = 1.0;
};

class SparseStep {
 public:
  // False where an entry is not known exactly.
  bool read(const StepForm& form) {
    const auto dense = [](const Neurons& neurons) { return has_layer(neurons.before) || has_layer(neurons.after); };
    if ((form.past && has_layer(*form.past)) || std::ranges::any_of(form.neurons, dense)) return false;
    outputs_ = size_of_result(form);
    past_.resize(static_cast<std::size_t>(outputs_));
    if (form.past && !read_past(*form.past)) return false;
    return std::ranges::all_of(form.neurons, [&](const Neurons& neurons) { return read(neurons); });
  }

  std::optional<UpperBound> bound(Index inputs, Norm norm, const Budget& budget) {
    const std::vector<Part> parts = components(inputs);
    std::set<std::vector<double>> seen;
    std::optional<UpperBound> largest;
    for (const Part& part : parts) {
      if (!seen.insert(signature(part)).second) continue;
      const LayerStep step = matrices(part);
      const auto bound = bound_of(step, norm, budget);
      if (!bound) return std::nullopt;
      if (!largest || largest->magnitude() < bound->magnitude()) largest = bound;
    }
    return largest;
  }

 private:
  struct Part {
    std::vector<Index> inputs, outputs;
    std::vector<std::size_t> neurons;
  };

  static bool has_layer(const FoldedMap& map) {
    bool found = false;
    for_each_leaf(map.map(), [&](const LinearMap& leaf) { found = found || is_layer(leaf); });
    return found;
  }
  static Index size_of_result(const StepForm& form) { return form.neurons.front().after.map().out_shape().size(); }
  static std::optional<SparseRows> exact_rows(const FoldedMap& map) {
    if (map.relative_error() != 0.0) return std::nullopt;
    return sparse_rows(map.map(), most_entries);
  }
  bool read_past(const FoldedMap& map) {
    auto rows = exact_rows(map);
    if (rows) past_ = std::move(*rows);
    return rows.has_value();
  }

  bool read(const Neurons& neurons) {
    const auto before = exact_rows(neurons.before), after = exact_rows(neurons.after);
    if (!before || !after) return false;
    SparseRows weights(before->size());  // by neuron
    for (std::size_t k = 0; k < after->size(); ++k)
      for (const auto& [i, weight] : (*after)[k])
        weights[static_cast<std::size_t>(i)].emplace_back(static_cast<Index>(k), weight);
    for (std::size_t i = 0; i < before->size(); ++i) {
      const auto at = static_cast<Index>(i);
      if ((*before)[i].empty() || weights[i].empty()) continue;
      SparseNeuron neuron{(*before)[i], weights[i], neurons.lo.at(at), neurons.hi.at(at)};
      const bool whole = neurons.kink && neuron.lo == std::min(neurons.kink->first, neurons.kink->second) &&
                         neuron.hi == std::max(neurons.kink->first, neurons.kink->second);
      if (!whole || !add_kinked(neuron, *neurons.kink, place_of(neurons, at))) neurons_.push_back(std::move(neuron));
    }
    return true;
  }

  // What is added to the row of a neuron: by one entry, or nothing at all.
  using Place = std::pair<Origin, Index>;
  static Place place_of(const Neurons& neurons, Index entry) {
    return {neurons.origin, neurons.origin.added == Added::nothing ? Index{-1} : entry};
  }

  // below · u + (above − below) · max(u, 0), with max(−u, 0) = max(u, 0) − u: all neurons of ±u become one.
  bool add_kinked(const SparseNeuron& neuron, std::pair<double, double> kink, const Place& at) {
    const bool flipped = neuron.before.front().second < 0.0;
    SparseRow row = neuron.before;
    if (flipped)
      for (auto& [column, value] : row) value = -value;
    // Of u' = |row|: s(u) = below u + rise max(u, 0), u = ±u'.
    const double rise = kink.second - kink.first, straight = flipped ? -kink.second : kink.first;
    const auto known = known_.find({at, row});
    const auto after =
        combined(neuron.after, rise, known != known_.end() ? neurons_[known->second].after : SparseRow{});
    if (!after || outward_detail::sum_error(kink.second, -kink.first, rise) != 0.0) return false;
    std::vector<std::pair<std::size_t, SparseRow>> changed;
    for (const auto& [output, weight] : neuron.after) {
      const double factor = weight * straight;
      auto sum = combined(row, factor, past_[static_cast<std::size_t>(output)]);
      if (!sum || std::fma(weight, straight, -factor) != 0.0) return false;
      changed.emplace_back(static_cast<std::size_t>(output), std::move(*sum));
    }
    for (auto& [output, sum] : changed) past_[output] = std::move(sum);
    const auto [place, first] = known_.try_emplace({at, row}, neurons_.size());
    if (first) neurons_.push_back({row, {}, 0.0, 1.0});
    neurons_[place->second].after = *after;
    return true;
  }

  // Inputs, outputs and neurons that entries connect.
  std::vector<Part> components(Index inputs) const {
    std::vector<Index> parent(static_cast<std::size_t>(inputs + outputs_));
    std::iota(parent.begin(), parent.end(), Index{0});
    const auto root = [&](Index i) {
      while (parent[static_cast<std::size_t>(i)] != i)
        i = parent[static_cast<std::size_t>(i)] = parent[static_cast<std::size_t>(parent[static_cast<std::size_t>(i)])];
      return i;
    };
    const auto join = [&](Index a, Index b) { parent[static_cast<std::size_t>(root(a))] = root(b); };
    for (Index k = 0; k < outputs_; ++k)
      for (const auto& entry : past_[static_cast<std::size_t>(k)]) join(entry.first, inputs + k);
    for (const SparseNeuron& neuron : neurons_) {
      for (const auto& entry : neuron.before) join(entry.first, neuron.before.front().first);
      for (const auto& entry : neuron.after) join(inputs + entry.first, neuron.before.front().first);
    }
    std::vector<Part> parts;
    std::vector<Index> number(parent.size(), -1);  // of the part, by root
    const auto part_of = [&](Index i) -> Part& {
      Index& at = number[static_cast<std::size_t>(root(i))];
      if (at < 0) at = static_cast<Index>(parts.size()), parts.emplace_back();
      return parts[static_cast<std::size_t>(at)];
    };
    for (Index i = 0; i < inputs; ++i) part_of(i).inputs.push_back(i);
    for (Index k = 0; k < outputs_; ++k) part_of(inputs + k).outputs.push_back(k);
    for (std::size_t i = 0; i < neurons_.size(); ++i) part_of(neurons_[i].before.front().first).neurons.push_back(i);
    std::erase_if(parts, [](const Part& part) { return part.inputs.empty() || part.outputs.empty(); });
    return parts;
  }

  static Index position(const std::vector<Index>& list, Index value) {
    return static_cast<Index>(std::ranges::lower_bound(list, value) - list.begin());
  }
  LayerStep matrices(const Part& part) const {
    const auto p = static_cast<Index>(part.outputs.size()), m = static_cast<Index>(part.neurons.size()),
               n = static_cast<Index>(part.inputs.size());
    LayerStep step{Tensor::zeros({p, n}, DType::f64), Tensor::zeros({p, m}, DType::f64),
                   Tensor::zeros({m, n}, DType::f64), Tensor::uninitialised({m}, DType::f64),
                   Tensor::uninitialised({m}, DType::f64)};
    double* const past = step.past.mutable_data<double>().data();
    for (Index k = 0; k < p; ++k)
      for (const auto& [j, value] : past_[static_cast<std::size_t>(part.outputs[static_cast<std::size_t>(k)])])
        past[k * n + position(part.inputs, j)] = value;
    double *const after = step.after.mutable_data<double>().data(), *const before =
                                                                        step.before.mutable_data<double>().data();
    for (Index i = 0; i < m; ++i) {
      const SparseNeuron& neuron = neurons_[part.neurons[static_cast<std::size_t>(i)]];
      for (const auto& [j, value] : neuron.before) before[i * n + position(part.inputs, j)] = value;
      for (const auto& [k, value] : neuron.after) after[position(part.outputs, k) * m + i] = value;
      step.lo.mutable_data<double>()[static_cast<std::size_t>(i)] = neuron.lo;
      step.hi.mutable_data<double>()[static_cast<std::size_t>(i)] = neuron.hi;
    }
    return step;
  }

  // Equal for parts that have the same matrices.
  std::vector<double> signature(const Part& part) const {
    std::vector<double> numbers{static_cast<double>(part.inputs.size()), static_cast<double>(part.outputs.size())};
    const auto add = [&](const SparseRow& row, const std::vector<Index>& places) {
      numbers.push_back(static_cast<double>(row.size()));
      for (const auto& [at, value] : row) {
        numbers.push_back(static_cast<double>(position(places, at)));
        numbers.push_back(value);
      }
    };
    for (const Index k : part.outputs) add(past_[static_cast<std::size_t>(k)], part.inputs);
    for (const std::size_t i : part.neurons) {
      add(neurons_[i].before, part.inputs);
      add(neurons_[i].after, part.outputs);
      numbers.insert(numbers.end(), {neurons_[i].lo, neurons_[i].hi});
    }
    return numbers;
  }

  static std::optional<UpperBound> bound_of(const LayerStep& step, Norm norm, const Budget& budget) {
    const Index p = step.past.shape()[0], m = step.lo.size(), n = step.past.shape()[1];
    if (m <= most_corner_neurons) return bound_by_corners(step, norm, budget);
    if (norm != Norm::l2 || multiplier_cost(p, m, n) > most_multiplier_operations) return std::nullopt;
    return bound_by_multiplier(step, budget);
  }

  Index outputs_ = 0;
  SparseRows past_;
  std::vector<SparseNeuron> neurons_;
  std::map<std::pair<Place, SparseRow>, std::size_t> known_;  // kinks
};

}  // namespace

std::optional<UpperBound> step_bound(const StepForm& form, const AutoLipOptions& options, bool& cut) {
  SparseStep sparse;
  if (sparse.read(form))
    return sparse.bound(form.neurons.front().before.map().in_shape().size(), options.question.norm, options.budget);
  if (options.question.norm != Norm::l2) return std::nullopt;
  if (auto bound = convolution_step_bound(form, options, cut)) return bound;
  return whole_step_bound(form, options.budget);
}

}  // namespace taut::detail
