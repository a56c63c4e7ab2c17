#include "nn/loss.h"

#include "autodiff/error.h"

namespace taut::nn {

Var mse(const Var& prediction, const Var& target, Where where) {
  if (prediction.shape() != target.shape())
    throw ShapeError(cat("[mse] at ", where, ": prediction ", prediction.shape(), " and target ", target.shape(),
                         " differ; reshape one of them"));
  if (prediction.shape().size() == 0)
    throw ShapeError(cat("[mse] at ", where, ": the mean of no entries is undefined, got shape ", prediction.shape()));
  return mean(square(sub(prediction, target, where), where), {}, false, where);
}

Var cross_entropy(const Var& logits, std::span<const Index> labels, Where where) {
  const Shape& shape = logits.shape();
  if (shape.rank() != 2)
    throw ShapeError(
        cat("[cross_entropy] at ", where, ": logits are (samples, classes), got ", shape, "; flatten them"));
  if (shape[0] != static_cast<Index>(labels.size()) || shape[0] == 0)
    throw ShapeError(cat("[cross_entropy] at ", where,
                         ": one label per row and at least one row are required, got logits ", shape, " and ",
                         labels.size(), " labels"));
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || labels[i] >= shape[1])
      throw DomainError(cat("[cross_entropy] at ", where, ": label ", labels[i], " of sample ", i, " is not in [0, ",
                            shape[1], "); the net must have one output per class"));
  return neg(mean(pick(log_softmax(logits, -1, where), labels, where), {}, false, where), where);
}

}  // namespace taut::nn
