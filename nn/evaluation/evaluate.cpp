#include "nn/evaluate.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/outward.h"
#include "lipschitz/graph.h"
#include "nn/robust.h"

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

void require_classes(const Tensor& logits, std::span<const Index> labels, const char* op) {
  require_labels(logits, labels, op);
  const Index classes = logits.shape().rank() == 2 ? logits.shape()[1] : 0;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (classes < 2 || labels[i] < 0 || labels[i] >= classes)
      throw DomainError(cat('[', op, "] label ", labels[i], " of sample ", i,
                            " needs to be one of 2 or more classes, the logits are ", logits.shape()));
}

// Row `to` of `all`, from row `from` of a batch's logits.
void write_margins(const Range& logits, Index from, Index label, Tensor& all, Index to) {
  const auto classes = static_cast<std::size_t>(all.shape()[1]), y = static_cast<std::size_t>(label);
  const auto lo = logits.lo.data<double>().subspan(static_cast<std::size_t>(from) * classes, classes);
  const auto hi = logits.hi.data<double>().subspan(static_cast<std::size_t>(from) * classes, classes);
  const auto row = all.mutable_data<double>().subspan(static_cast<std::size_t>(to) * classes, classes);
  for (std::size_t j = 0; j < classes; ++j) row[j] = j == y ? infinity : sub_down(lo[y], hi[j]);
}

// √2·L·ε, rounded up.
double least_margin(double lipschitz, double epsilon) { return mul_up(mul_up(sqrt_up(2.0), lipschitz), epsilon); }

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
  require_classes(logits, labels, "margins");
  std::vector<double> result;
  for_rows(logits, "margins", [&](std::size_t i, auto row) {
    double other = -infinity;
    for (std::size_t c = 0; c < row.size(); ++c)
      if (static_cast<Index>(c) != labels[i]) other = std::max(other, static_cast<double>(row[c]));
    result.push_back(static_cast<double>(row[static_cast<std::size_t>(labels[i])]) - other);
  });
  return result;
}

Tensor class_margins_from_below(ModuleRef net, const DataSet& data, Index batch_size) {
  const InferenceScope inference(net);
  DataLoader loader(data, {.batch_size = batch_size, .shuffle = false});
  Tensor all;
  Index row = 0;
  Tape tape;
  for (const Batch& batch : loader.epoch(0)) {
    tape.rewind();
    const Var output = net(tape.input(batch.inputs, "x"));
    require_classes(output.value(), batch.labels, "margins_from_below");
    const Graph graph(output, "margins_from_below");
    const Range at_samples = Range::point(batch.inputs);
    const Range logits = graph.ranges({&at_samples, 1})[graph.output()];
    if (!all.defined()) all = Tensor::uninitialised(Shape{data.size(), output.shape()[1]}, DType::f64);
    for (const Index label : batch.labels) write_margins(logits, row % batch_size, label, all, row), ++row;
  }
  return all;
}

std::vector<double> margins_from_below(ModuleRef net, const DataSet& data, Index batch_size) {
  const Tensor all = class_margins_from_below(net, data, batch_size);
  std::vector<double> result;
  for_rows(all, "margins_from_below",
           [&](std::size_t, auto row) { result.push_back(static_cast<double>(*std::ranges::min_element(row))); });
  return result;
}

double accuracy_within(std::span<const double> margins, double lipschitz, double epsilon) {
  if (margins.empty()) throw UsageError("[accuracy_within] needs the margin of at least one sample");
  const double least = least_margin(lipschitz, epsilon);
  const auto above = std::ranges::count_if(margins, [=](double margin) { return margin > least; });
  return static_cast<double>(above) / static_cast<double>(margins.size());
}

double certified_accuracy(ModuleRef net, const DataSet& data, const UpperBound& lipschitz, double epsilon) {
  require_certified(lipschitz);
  if (lipschitz.norm() != Norm::l2)
    throw UsageError(cat("[certified_accuracy] needs a bound in l2, got one in ", lipschitz.norm()));
  return certified_accuracy(net, data, PairwiseBounds(lipschitz), {epsilon}).front();
}

}  // namespace taut::nn
