#include "nn/evaluate.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "autodiff/error.h"
#include "autodiff/outward.h"

namespace taut::nn {
namespace {

// Calls f(row number, row) for every row of a (n, classes) tensor.
template <class F>
void for_rows(const Tensor& logits, const char* op, F&& f) {
  if (logits.shape().rank() != 2 || logits.shape()[1] == 0)
    throw ShapeError(cat('[', op, "] logits are (samples, classes), got ", logits.shape(), "; flatten the net's output"));
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
    throw ShapeError(cat('[', op, "] one label per row is required, got logits ", logits.shape(), " and ", labels.size(),
                         " labels"));
}

}  // namespace

std::vector<Index> predicted_classes(const Tensor& logits) {
  std::vector<Index> classes;
  for_rows(logits, "predicted_classes", [&](std::size_t, auto row) { classes.push_back(static_cast<Index>(arg_max(row))); });
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
      throw DomainError(cat("[margins] label ", labels[i], " of sample ", i, " needs to be one of 2 or more classes, the "
                            "logits have ", row.size()));
    double other = -infinity;
    for (std::size_t c = 0; c < row.size(); ++c)
      if (static_cast<Index>(c) != labels[i]) other = std::max(other, static_cast<double>(row[c]));
    result.push_back(static_cast<double>(row[static_cast<std::size_t>(labels[i])]) - other);
  });
  return result;
}

double accuracy_within(std::span<const double> margins, double lipschitz, double epsilon) {
  if (margins.empty()) throw UsageError("[accuracy_within] needs the margin of at least one sample");
  const double least = mul_up(mul_up(sqrt_up(2.0), lipschitz), epsilon);
  const auto safe = std::ranges::count_if(margins, [=](double margin) { return margin > least; });
  return static_cast<double>(safe) / static_cast<double>(margins.size());
}

}  // namespace taut::nn
