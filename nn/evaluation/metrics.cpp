#include "nn/metrics.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <numeric>
#include <ostream>
#include <sstream>

#include "autodiff/error.h"
#include "nn/evaluate.h"

namespace taut::nn {
namespace {

void require(const char* op, const Tensor& logits, std::span<const Index> labels) {
  const Shape& shape = logits.shape();
  if (shape.rank() != 2 || shape[0] != static_cast<Index>(labels.size()))
    throw ShapeError(cat('[', op, "] needs logits (samples, classes) and one label per row, got ", shape, " and ",
                         labels.size(), " labels; flatten the net's output"));
}

void require_class(const char* op, const char* what, Index given, Index classes) {
  if (given < 0 || given >= classes)
    throw DomainError(cat('[', op, "] ", what, " ", given, " is not in [0, ", classes, ")"));
}

std::optional<double> share(Index part, Index whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

// Whether entry a of a row comes before entry b when the largest come first.
template <class T>
bool precedes(std::span<const T> row, std::size_t a, std::size_t b) {
  if (std::isnan(row[a]) || std::isnan(row[b])) return std::isnan(row[a]) && (!std::isnan(row[b]) || a < b);
  return row[a] > row[b] || (row[a] == row[b] && a < b);
}

std::string percent(std::optional<double> of) {
  if (!of) return "-";
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << 100.0 * *of;
  return text.str();
}

}  // namespace

double top_k_accuracy(const Tensor& logits, std::span<const Index> labels, Index k) {
  require("top_k_accuracy", logits, labels);
  const Index classes = logits.shape()[1];
  if (k < 1 || k > classes)
    throw UsageError(cat("[top_k_accuracy] k must be in [1, ", classes, "], the number of classes, got ", k));
  if (labels.empty()) throw UsageError("[top_k_accuracy] needs at least one sample");
  Index found = 0;
  dispatch(logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto columns = static_cast<std::size_t>(classes);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      require_class("top_k_accuracy", "label", labels[i], classes);
      const std::span<const T> row = logits.data<T>().subspan(i * columns, columns);
      Index before = 0;
      for (std::size_t c = 0; c < columns; ++c) before += precedes(row, c, static_cast<std::size_t>(labels[i])) ? 1 : 0;
      found += before < k ? 1 : 0;
    }
  });
  return static_cast<double>(found) / static_cast<double>(labels.size());
}

ConfusionMatrix::ConfusionMatrix(Index classes) : classes_(classes) {
  if (classes < 1) throw UsageError(cat("[confusion_matrix] needs 1 or more classes, got ", classes));
  counts_.resize(static_cast<std::size_t>(classes * classes));
}

std::size_t ConfusionMatrix::cell(Index label, Index predicted) const {
  require_class("confusion_matrix", "label", label, classes_);
  require_class("confusion_matrix", "predicted class", predicted, classes_);
  return static_cast<std::size_t>(label * classes_ + predicted);
}

void ConfusionMatrix::add(const Tensor& logits, std::span<const Index> labels) {
  require("confusion_matrix", logits, labels);
  const std::vector<Index> predicted = predicted_classes(logits);
  for (std::size_t i = 0; i < labels.size(); ++i) (void)cell(labels[i], predicted[i]);  // all or none
  for (std::size_t i = 0; i < labels.size(); ++i) ++counts_[cell(labels[i], predicted[i])];
}

void ConfusionMatrix::add(Index label, Index predicted) { ++counts_[cell(label, predicted)]; }

Index ConfusionMatrix::samples() const { return std::accumulate(counts_.begin(), counts_.end(), Index{0}); }

Index ConfusionMatrix::at(Index label, Index predicted) const { return counts_[cell(label, predicted)]; }

std::optional<double> ConfusionMatrix::accuracy() const {
  Index right = 0;
  for (Index c = 0; c < classes_; ++c) right += at(c, c);
  return share(right, samples());
}

std::optional<double> ConfusionMatrix::recall(Index label) const {
  const Index right = at(label, label);
  Index all = 0;
  for (Index c = 0; c < classes_; ++c) all += at(label, c);
  return share(right, all);
}

std::optional<double> ConfusionMatrix::precision(Index predicted) const {
  const Index right = at(predicted, predicted);
  Index all = 0;
  for (Index c = 0; c < classes_; ++c) all += at(c, predicted);
  return share(right, all);
}

std::ostream& operator<<(std::ostream& out, const ConfusionMatrix& matrix) {
  const Index classes = matrix.classes();
  std::size_t width = 5;  // "100.0"
  for (Index i = 0; i < classes; ++i)
    for (Index j = 0; j < classes; ++j) width = std::max(width, std::to_string(matrix.at(i, j)).size());
  const auto column = static_cast<int>(width + 2);
  std::ostringstream text;
  text << std::setw(9) << "label";
  for (Index j = 0; j < classes; ++j) text << std::setw(column) << j;
  text << "  recall %\n";
  for (Index i = 0; i < classes; ++i) {
    text << std::setw(9) << i;
    for (Index j = 0; j < classes; ++j) text << std::setw(column) << matrix.at(i, j);
    text << std::setw(10) << percent(matrix.recall(i)) << '\n';
  }
  text << "precision";
  for (Index j = 0; j < classes; ++j) text << std::setw(column) << percent(matrix.precision(j));
  text << std::setw(10) << percent(matrix.accuracy()) << '\n';
  return out << text.str();
}

}  // namespace taut::nn
