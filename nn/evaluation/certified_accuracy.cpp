#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/outward.h"
#include "lipschitz/autolip.h"
#include "nn/evaluate.h"
#include "nn/robust.h"

namespace taut::nn {
namespace {

// The dual norm of e_i − e_j.
double kappa(Norm norm) { return norm == Norm::l1 ? 1.0 : norm == Norm::l2 ? sqrt_up(2.0) : 2.0; }

void require_one_row(const Shape& shape) {
  if (shape.rank() != 2 || shape[0] != 1)
    throw ShapeError(cat("[pairwise_bounds] the logits of one sample, (1, classes), are required, got ", shape,
                         "; give a sample with a first axis of size 1 and flatten the output"));
}

// min over j of margin_j / L_j, rounded down; 0 where a margin is not positive.
double radius_of(std::span<const double> margins, Index label, const PairwiseBounds& bounds) {
  double radius = infinity;
  for (std::size_t j = 0; j < margins.size(); ++j) {
    if (static_cast<Index>(j) == label) continue;
    const double slope = bounds(label, static_cast<Index>(j));
    if (!(margins[j] > 0.0) || std::isinf(slope)) return 0.0;
    if (slope > 0.0) radius = std::min(radius, div_down(margins[j], slope));
  }
  return radius;
}

std::vector<double> radii(const Tensor& class_margins, std::span<const Index> labels, const PairwiseBounds& bounds) {
  const auto classes = static_cast<std::size_t>(class_margins.shape()[1]);
  const auto all = class_margins.data<double>();
  std::vector<double> result;
  for (std::size_t i = 0; i < labels.size(); ++i)
    result.push_back(radius_of(all.subspan(i * classes, classes), labels[i], bounds));
  return result;
}

// z_label − z_j in the arithmetic of the net: what looks safe.
Tensor rounded_margins(ModuleRef net, const DataSet& data) {
  const Tensor logits = predict(net, data);
  margins(logits, data.labels());  // for its errors
  Tensor result = logits.to(DType::f64).copy();
  const auto entries = result.mutable_data<double>();
  const auto classes = static_cast<std::size_t>(result.shape()[1]);
  for (std::size_t i = 0; i < data.labels().size(); ++i) {
    const auto row = entries.subspan(i * classes, classes);
    const double of_label = row[static_cast<std::size_t>(data.labels()[i])];
    for (double& entry : row) entry = of_label - entry;
  }
  return result;
}

// Radii from enclosed margins; 0 where the one in the arithmetic of the net is not above `least`.
std::vector<double> radii_above(ModuleRef net, const DataSet& data, const PairwiseBounds& bounds, double least) {
  std::vector<double> result = radii(rounded_margins(net, data), data.labels(), bounds);
  std::vector<Index> candidates;
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (result[i] > least) candidates.push_back(static_cast<Index>(i));
    result[i] = 0.0;
  }
  if (candidates.empty()) return result;
  const DataSet safe = data.subset(candidates);
  const std::vector<double> proved = radii(class_margins_from_below(net, safe), safe.labels(), bounds);
  for (std::size_t i = 0; i < candidates.size(); ++i) result[static_cast<std::size_t>(candidates[i])] = proved[i];
  return result;
}

}  // namespace

PairwiseBounds::PairwiseBounds(const UpperBound& whole)
    : whole_(require_certified(whole)), of_all_(mul_up(kappa(whole.norm()), whole.value())) {}

PairwiseBounds::PairwiseBounds(const UpperBound& whole, const UpperBound& body, const AffineMap& head, Index classes)
    : PairwiseBounds(whole) {
  require_certified(body);
  if (body.norm() != norm())
    throw UsageError(
        cat("[pairwise_bounds] body and whole must be bounded in one norm, got ", body.norm(), " and ", norm()));
  if (head.map.out_shape().size() != classes)
    throw ShapeError(cat("[pairwise_bounds] the affine part must have ", classes, " outputs, one per class, got ",
                         head.map.out_shape()));
  const std::optional<Tensor> rows = row_distances(head, norm());
  if (!rows) return;
  body_ = body;
  classes_ = classes;
  for (const double row : rows->data<double>()) of_pairs_.push_back(std::min(of_all_, mul_up(row, body.value())));
}

double PairwiseBounds::operator()(Index i, Index j) const {
  if (i == j) return 0.0;
  if (of_pairs_.empty()) return of_all_;
  if (std::min(i, j) < 0 || std::max(i, j) >= classes_)
    throw ShapeError(cat("[pairwise_bounds] there are ", classes_, " classes, counted from 0, got ", i, " and ", j,
                         "; take the bounds of the same net"));
  return of_pairs_[static_cast<std::size_t>(i * classes_ + j)];
}

PairwiseBounds pairwise_bounds(const Function& f, const Tensor& sample) {
  return pairwise_bounds(f, sample, [](const Var& node) { return autolip(node).bound; });
}

PairwiseBounds pairwise_bounds(const Function& f, const Tensor& sample, const BoundOf& bound_of) {
  Tape tape;
  const Var output = f(tape.input(sample, "x"));
  require_one_row(output.shape());
  const UpperBound whole = bound_of(output);
  const std::optional<AffineHead> head = affine_head(output);
  if (!head) return PairwiseBounds(whole);
  return {whole, bound_of(head->body), head->affine, output.shape()[1]};
}

std::vector<double> certified_radii(ModuleRef net, const DataSet& data, const PairwiseBounds& bounds) {
  return radii_above(net, data, bounds, 0.0);
}

std::vector<double> certified_accuracy(ModuleRef net, const DataSet& data, const PairwiseBounds& bounds,
                                       const std::vector<double>& epsilons) {
  for (const double epsilon : epsilons)
    if (!(epsilon >= 0.0)) throw UsageError(cat("[certified_accuracy] radii must be 0 or more, got ", epsilon));
  if (epsilons.empty()) return {};
  const std::vector<double> all = radii_above(net, data, bounds, *std::ranges::min_element(epsilons));
  std::vector<double> shares;
  for (const double epsilon : epsilons) {
    const auto above = std::ranges::count_if(all, [=](double radius) { return radius > epsilon; });
    shares.push_back(static_cast<double>(above) / static_cast<double>(all.size()));
  }
  return shares;
}

}  // namespace taut::nn
