#include "nn/evaluate.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/outward.h"
#include "lipschitz/graph.h"

namespace taut::nn {
namespace {

// Calls f(row number, row) for every row of a (n, classes) tensor.
template <class F>
void for_rows(const Tensor& logits, const char* op, F&& f) {
  if (logits.shape().rank() != 2 || logits.shape()[1] == 0)
    throw ShapeError(
        cat('[', op, "] logits are (samples, classes), got ", logits.shape(), "; flatten the net's output"));
  const auto columns = static_cast<std::size_t>(logits.shape()[1]);
  dispatch(logits.dtype(), [&](auto zero) {
    const auto values = logits.data<decltype(zero)>();
    for (std::size_t i = 0; i * columns < values.size(); ++i) f(i, values.subspan(i * columns, columns));
  });
}

template <class T>
std::size_t arg_max(std::span<const T> row) {
  std::size_t best = 0;
  for (std::size_t c = 1; c < row.size() && !std::isnan(row[best]); ++c)
    if (row[c] > row[best] || std::isnan(row[c])) best = c;
  return best;
}

void require_labels(const Tensor& logits, std::span<const Index> labels, const char* op) {
  if (logits.shape().rank() < 1 || logits.shape()[0] != static_cast<Index>(labels.size()))
    throw ShapeError(cat('[', op, "] one label per row is required, got logits ", logits.shape(), " and ",
                         labels.size(), " labels"));
}

// √2·L·ε, rounded up.
double least_margin(double lipschitz, double epsilon) { return mul_up(mul_up(sqrt_up(2.0), lipschitz), epsilon); }

double share_above(std::span<const double> margins, double least, Index of) {
  const auto above = std::ranges::count_if(margins, [=](double margin) { return margin > least; });
  return static_cast<double>(above) / static_cast<double>(of);
}

}  // namespace

std::vector<Index> predicted_classes(const Tensor& logits) {
  std::vector<Index> classes;
  for_rows(logits, "predicted_classes",
           [&](std::size_t, auto row) { classes.push_back(static_cast<Index>(arg_max(row))); });
  return classes;
}

Index count_correct(const Tensor& logits, std::span<const Index> labels) {
  require_labels(logits, labels, "count_correct");
  Index correct = 0;
  for_rows(logits, "count_correct",
           [&](std::size_t i, auto row) { correct += static_cast<Index>(arg_max(row)) == labels[i] ? 1 : 0; });
  return correct;
}

Tensor predict(ModuleRef net, const DataSet& data, Index batch_size) {
  const InferenceScope inference(net);
  DataLoader loader(data, {.batch_size = batch_size, .shuffle = false});
  Tensor all;
  Index done = 0;
  for (const Batch& batch : loader.epoch(0)) {
    const Tensor part = net(batch.inputs).value();
    if (part.shape().rank() < 1 || part.shape()[0] != batch.size())
      throw ShapeError(cat("[predict] the net must give one output per sample along axis 0; ", batch.size(),
                           " samples gave ", part.shape()));
    if (!all.defined()) all = Tensor::uninitialised(part.shape().with(0, data.size()), part.dtype());
    dispatch(part.dtype(), [&](auto zero) {
      using T = decltype(zero);
      std::ranges::copy(part.data<T>(), all.mutable_data<T>().begin() + done);
    });
    done += part.size();
  }
  return all;
}

double accuracy(ModuleRef net, const DataSet& data, Index batch_size) {
  return static_cast<double>(count_correct(predict(net, data, batch_size), data.labels())) /
         static_cast<double>(data.size());
}

std::vector<double> margins(const Tensor& logits, std::span<const Index> labels) {
  require_labels(logits, labels, "margins");
  std::vector<double> result;
  for_rows(logits, "margins", [&](std::size_t i, auto row) {
    if (row.size() < 2 || labels[i] < 0 || labels[i] >= static_cast<Index>(row.size()))
      throw DomainError(cat("[margins] label ", labels[i], " of sample ", i,
                            " needs to be one of 2 or more classes, the "
                            "logits have ",
                            row.size()));
    double other = -infinity;
    for (std::size_t c = 0; c < row.size(); ++c)
      if (static_cast<Index>(c) != labels[i]) other = std::max(other, static_cast<double>(row[c]));
    result.push_back(static_cast<double>(row[static_cast<std::size_t>(labels[i])]) - other);
  });
  return result;
}

std::vector<double> margins_from_below(ModuleRef net, const DataSet& data, Index batch_size) {
  const InferenceScope inference(net);
  DataLoader loader(data, {.batch_size = batch_size, .shuffle = false});
  std::vector<double> result;
  Tape tape;
  for (const Batch& batch : loader.epoch(0)) {
    tape.rewind();
    const Var output = net(tape.input(batch.inputs, "x"));
    const Graph graph(output, "margins_from_below");
    const Range at_samples = Range::point(batch.inputs);
    const Range logits = graph.ranges({&at_samples, 1})[graph.output()];
    // margin(lo of the label, hi of the others), one row at a time.
    const auto classes = static_cast<std::size_t>(output.shape().product(1, output.shape().rank()));
    Tensor worst = logits.hi.copy();
    require_labels(worst, batch.labels, "margins_from_below");
    const auto entries = worst.mutable_data<double>();
    for (std::size_t i = 0; i < batch.labels.size(); ++i) {
      const auto label = static_cast<std::size_t>(batch.labels[i]);
      if (label < classes) entries[i * classes + label] = logits.lo.data<double>()[i * classes + label];
    }
    for (const double margin : margins(worst, batch.labels))
      result.push_back(widen_down(margin, unit_roundoff(DType::f64)));
  }
  return result;
}

double accuracy_within(std::span<const double> margins, double lipschitz, double epsilon) {
  if (margins.empty()) throw UsageError("[accuracy_within] needs the margin of at least one sample");
  return share_above(margins, least_margin(lipschitz, epsilon), static_cast<Index>(margins.size()));
}

double certified_accuracy(ModuleRef net, const DataSet& data, const UpperBound& lipschitz, double epsilon) {
  require_certified(lipschitz);
  if (lipschitz.norm() != Norm::l2)
    throw UsageError(cat("[certified_accuracy] needs a bound in l2, got one in ", lipschitz.norm()));
  const double least = least_margin(lipschitz.value(), epsilon);
  // Only samples that look safe are worth an enclosure; leaving out others can but lower the share.
  const std::vector<double> rounded = margins(predict(net, data), data.labels());
  std::vector<Index> candidates;
  for (std::size_t i = 0; i < rounded.size(); ++i)
    if (rounded[i] > least) candidates.push_back(static_cast<Index>(i));
  if (candidates.empty()) return 0.0;
  return share_above(margins_from_below(net, data.subset(candidates)), least, data.size());
}

}  // namespace taut::nn
