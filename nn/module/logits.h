// What losses of classifiers share. Internal to nn.
#pragma once

#include <span>

#include "autodiff/ops.h"

namespace taut::nn::parts {

// ShapeError unless logits are (n, classes) with n ≥ 1 and a label per row, DomainError for a label that is no class.
void require_labels(const char* loss, const Var& logits, std::span<const Index> labels, Where where);
// (n, classes): 0 at the label of each row, 1 elsewhere.
Tensor other_classes(const Var& logits, std::span<const Index> labels);
// (n): the largest logit of each row beside the label's; derivatives go to the first such. At least two classes.
Var largest_other(const Var& logits, std::span<const Index> labels, Where where);
Var mean_of(const Var& x, Where where);  // over all entries

}  // namespace taut::nn::parts
