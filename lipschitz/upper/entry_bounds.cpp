#include "lipschitz/upper/entry_bounds.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/norms/matrix_form.h"

namespace taut::detail {
namespace {

// Nonnegative numbers, f64, one per entry of a node; undefined for 0 throughout.
double largest(const Tensor& x) {
  double most = 0.0;
  for (const double v : x.data<double>()) most = std::isnan(v) ? infinity : std::max(most, v);
  return most;
}
Tensor uniform(const Shape& shape, double value) { return Tensor::full(shape, DType::f64, value); }

template <class F>
Tensor with_each(const Tensor& x, F&& f) {
  Tensor y = Tensor::uninitialised(x.shape(), DType::f64);
  const auto from = x.data<double>();
  const auto to = y.mutable_data<double>();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = f(i, from[i]);
  return y;
}
Tensor sum_of(const Tensor& a, const Tensor& b) {
  if (!a.defined()) return b;
  const auto other = b.data<double>();
  return with_each(a, [&](std::size_t i, double x) { return add_up(x, other[i]); });
}
Tensor larger_of(const Tensor& a, const Tensor& b) {
  const auto other = b.data<double>();
  return with_each(a, [&](std::size_t i, double x) { return std::max(x, other[i]); });
}

// More than one layer in a row, which fold into a matrix with smaller entries than the product of their magnitudes.
bool cancels(const LinearMap& map) {
  int layers = 0;
  for_each_leaf(map, [&](const LinearMap& leaf) { layers += is_layer(leaf) ? 1 : 0; });
  return layers > 1;
}

// ≥ |A| x or |A|ᵀ x, entry by entry, for every A that the map may stand for.
Tensor through(const FoldedMap& folded, const Tensor& x, bool transposed, const Budget& budget) {
  const LinearMap& map = folded.map();
  const Shape& out = transposed ? map.in_shape() : map.out_shape();
  const double most = largest(x);
  if (most == 0.0) return uniform(out, 0.0);
  if (!std::isfinite(most) || !has_entries(map) || !std::isfinite(folded.relative_error()))
    return uniform(out, infinity);
  LinearMap magnitudes = absolute(map);
  double lost = 0.0;  // by the rounding of a matrix, in one entry of the result for entries of x up to 1
  if (folded.relative_error() == 0.0 && cancels(map))
    if (const auto form = matrix_form(map, budget)) {
      magnitudes = absolute(dense_map(form->matrix, map.in_shape(), map.out_shape()));
      lost = form->error_in(transposed ? Norm::l1 : Norm::linf).round(Side::upper);
    }
  const ApplyError error(magnitudes);
  if (!(error.relative < 0.25)) return uniform(out, infinity);
  const double factor = mul_up(add_up(1.0, 2.0 * error.relative), add_up(1.0, folded.relative_error()));
  const double more = mul_up(most, add_up(error.absolute.round(Side::upper), lost));
  // Entries of x are up to `most`, so that what underflows is too.
  return with_each(transposed ? magnitudes.apply_transpose(x) : magnitudes.apply(x),
                   [&](std::size_t, double y) { return mul_up(add_up(y, more), factor); });
}

class EntryBounds {
 public:
  EntryBounds(const Network& network, const AutoLipOptions& options)
      : network_(network), graph_(network.graph()), options_(options), weights_(network.output() + std::size_t{1}) {
    Index inputs = 0;
    for (const NodeId id : graph_.inputs()) inputs += graph_.node(id).value.size();
    input_ = Shape{inputs};
    if (graph_.inputs().size() == 1) input_ = graph_.node(graph_.inputs().front()).value.shape();
  }

  double in_linf() {
    for (const NodeId id : graph_.nodes())
      if (network_.node(id).rule) weights_[id] = forward(id);
    return largest(at(network_.output()));
  }

  double in_l1() {
    const auto nodes = graph_.nodes();
    add(network_.output(), uniform(shape(network_.output()), 1.0));
    for (auto id = nodes.rbegin(); id != nodes.rend(); ++id) {
      if (!weights_[*id].defined()) continue;
      if (network_.node(*id).rule)
        backward(*id, weights_[*id]);
      else if (graph_.varies(*id))
        at_terms(network_.node(*id).terms, weights_[*id]);
    }
    return at_input_.defined() ? largest(at_input_) : 0.0;
  }

 private:
  const Shape& shape(NodeId id) const { return graph_.node(id).value.shape(); }
  bool is_affine(NodeId id) const {
    const auto& rule = network_.node(id).rule;
    return rule && std::holds_alternative<rule::Affine>(*rule);
  }
  // Of what others see as the anchor.
  const std::vector<Gain>& gains(const rule::Bounded& rule) const {
    return rule.after && network_.behind() == Behind::folds ? rule.before_after : rule.gains;
  }
  bool exact(NodeId id) const { return graph_.error_of_operands(id) == 0.0; }

  // ---- linf

  Tensor of_anchor(NodeId anchor) { return anchor == joint_input ? uniform(input_, 1.0) : weights_[anchor]; }
  Tensor of_terms(const Terms& terms) {
    Tensor sum;
    for (const auto& [anchor, map] : terms) sum = sum_of(sum, through(map, of_anchor(anchor), false, options_.budget));
    return sum;
  }
  // Of the value of a node; of anchors with a linear map behind them, behind it.
  Tensor at(NodeId id) { return is_affine(id) ? weights_[id] : of_terms(network_.node(id).terms); }
  double largest_of_operands(NodeId id) {
    double most = 0.0;
    for (const NodeId operand : network_.node(id).operands) most = std::max(most, largest(at(operand)));
    return most;
  }

  Tensor forward(NodeId id) {
    return std::visit([&](const auto& rule) { return forward(id, rule); }, *network_.node(id).rule);
  }
  Tensor forward(NodeId id, const rule::Affine&) {
    const NetworkNode& node = network_.node(id);
    return of_terms(node.before.empty() ? node.terms : node.before);
  }
  Tensor forward(NodeId id, const rule::Elementwise&) {
    if (!network_.node(id).slopes) return uniform(shape(id), infinity);
    return times_slopes(id, at(network_.node(id).slopes->operand));
  }
  Tensor forward(NodeId id, const rule::Selects& rule) {
    if (!rule.of_two) return uniform(shape(id), largest_of_operands(id));
    const std::vector<NodeId>& operands = network_.node(id).operands;
    Tensor first, second;
    for (std::size_t k = 0; k < operands.size(); ++k) {
      first = sum_of(first, through(FoldedMap(rule.of_two->first[k], 0.0), at(operands[k]), false, options_.budget));
      second = sum_of(second, through(FoldedMap(rule.of_two->second[k], 0.0), at(operands[k]), false, options_.budget));
    }
    return larger_of(first, second);
  }
  Tensor forward(NodeId id, const rule::Bounded& rule) {
    if (!exact(id)) return uniform(shape(id), infinity);
    double total = 0.0;
    for_each_varying(id, [&](std::size_t i, NodeId operand) {
      total = add_up(total, scaled(gains(rule)[i].linf, largest(at(operand))));
    });
    return uniform(shape(id), total);
  }
  Tensor forward(NodeId id, const rule::Bilinear&) {
    const NetworkNode& node = network_.node(id);
    Tensor sum;
    for (std::size_t i = 0; i < node.operands.size(); ++i)
      sum = sum_of(sum, through(node.maps[i], at(node.operands[i]), false, options_.budget));
    return sum;
  }
  Tensor forward(NodeId id, const rule::Unbounded&) { return uniform(shape(id), infinity); }

  // ---- l1

  // To the value of a node: affine nodes pass on all of theirs at once.
  void add(NodeId id, const Tensor& u) {
    if (is_affine(id) || !network_.node(id).rule)
      weights_[id] = sum_of(weights_[id], u);
    else
      at_terms(network_.node(id).terms, u);
  }
  void at_terms(const Terms& terms, const Tensor& u) {
    for (const auto& [anchor, map] : terms) {
      Tensor& sum = anchor == joint_input ? at_input_ : weights_[anchor];
      sum = sum_of(sum, through(map, u, true, options_.budget));
    }
  }
  void backward(NodeId id, const Tensor& u) {
    std::visit([&](const auto& rule) { backward(id, rule, u); }, *network_.node(id).rule);
  }
  void backward(NodeId id, const rule::Affine&, const Tensor& u) {
    const NetworkNode& node = network_.node(id);
    at_terms(node.before.empty() ? node.terms : node.before, u);
  }
  void backward(NodeId id, const rule::Elementwise&, const Tensor& u) {
    const NetworkNode& node = network_.node(id);
    if (node.slopes) return add(node.slopes->operand, times_slopes(id, u));
    for (const NodeId operand : node.operands) add(operand, uniform(shape(operand), infinity));
  }
  void backward(NodeId id, const rule::Selects& rule, const Tensor& u) {
    const std::vector<NodeId>& operands = network_.node(id).operands;
    for (std::size_t k = 0; k < operands.size(); ++k) {
      if (!rule.of_two) {
        add(operands[k], uniform(shape(operands[k]), scaled(static_cast<double>(rule.multiplicity), largest(u))));
        continue;
      }
      for (const auto* maps : {&rule.of_two->first, &rule.of_two->second})
        add(operands[k], through(FoldedMap((*maps)[k], 0.0), u, true, options_.budget));
    }
  }
  void backward(NodeId id, const rule::Bounded& rule, const Tensor& u) {
    for_each_varying(id, [&](std::size_t i, NodeId operand) {
      add(operand, uniform(shape(operand), exact(id) ? scaled(gains(rule)[i].l1, largest(u)) : infinity));
    });
  }
  void backward(NodeId id, const rule::Bilinear&, const Tensor& u) {
    const NetworkNode& node = network_.node(id);
    for (std::size_t i = 0; i < node.operands.size(); ++i)
      add(node.operands[i], through(node.maps[i], u, true, options_.budget));
  }
  void backward(NodeId id, const rule::Unbounded&, const Tensor&) {
    for (const NodeId operand : network_.node(id).operands) add(operand, uniform(shape(operand), infinity));
  }

  // ---- both

  static double scaled(double gain, double x) { return gain == 0.0 || x == 0.0 ? 0.0 : mul_up(gain, x); }
  Tensor times_slopes(NodeId id, const Tensor& x) const {
    const Slopes& slopes = *network_.node(id).slopes;
    const auto lo = slopes.lo.data<double>(), hi = slopes.hi.data<double>();
    return with_each(x, [&](std::size_t i, double v) { return scaled(Slope{lo[i], hi[i]}.magnitude(), v); });
  }
  template <class F>
  void for_each_varying(NodeId id, F&& f) {
    const auto operands = graph_.node(id).operands();
    for (std::size_t i = 0; i < operands.size(); ++i)
      if (graph_.varies(operands[i])) f(i, operands[i]);
  }

  const Network& network_;
  const Graph& graph_;
  const AutoLipOptions& options_;
  Shape input_;
  std::vector<Tensor> weights_;  // by node
  Tensor at_input_;
};

}  // namespace

UpperBound entry_bound(const Network& network, const AutoLipOptions& options) {
  if (options.question.norm == Norm::l2)
    throw UsageError("[entry bound] l1 or linf is needed; l2 has no bound of this kind");
  EntryBounds bounds(network, options);
  const double value = options.question.norm == Norm::linf ? bounds.in_linf() : bounds.in_l1();
  return UpperBound::certified(std::isnan(value) ? infinity : value, options.question.norm, "entry by entry");
}

}  // namespace taut::detail
