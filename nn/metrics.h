// Figures of a classifier beyond accuracy (nn/evaluate.h). Logits are (n, classes) with a label in [0, classes) per
// row; ShapeError or DomainError otherwise.
#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <vector>

#include "autodiff/tensor.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Share of rows whose label is among the k largest logits. In the order of predicted_classes: of equal logits the first
// comes first, and NaN before everything. k in [1, classes], at least one row.
double top_k_accuracy(const Tensor& logits, std::span<const Index> labels, Index k);

// How often samples of one class were taken for another.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(Index classes);

  void add(const Tensor& logits, std::span<const Index> labels);
  void add(Index label, Index predicted);

  Index classes() const { return classes_; }
  Index samples() const;
  Index at(Index label, Index predicted) const;
  std::optional<double> accuracy() const;  // none without samples
  // Share of the samples of a class that were found; none without such samples.
  std::optional<double> recall(Index label) const;
  // Share of the samples taken for a class that are of it; none without such samples.
  std::optional<double> precision(Index predicted) const;

 private:
  std::size_t cell(Index label, Index predicted) const;
  Index classes_;
  std::vector<Index> counts_;  // row-major, a row per label
};

// A row per label, a column per predicted class, then recall and precision in percent; in the corner, accuracy.
std::ostream& operator<<(std::ostream& out, const ConfusionMatrix& matrix);

}  // namespace taut::nn

#pragma GCC visibility pop
