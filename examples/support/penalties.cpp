#include "examples/support/penalties.h"

#include <memory>

#include "autodiff/error.h"
#include "lipschitz/gradient_penalty.h"
#include "nn/loss.h"
#include "nn/penalty.h"

namespace taut::examples {
namespace {

// The images of the batch as they lie on the tape of the net's output.
Var images_of(const Var& output) {
  const Tape& tape = *Tape::of(output);
  for (NodeId id = 0; id < static_cast<NodeId>(tape.size()); ++id)
    if (tape.node(id).leaf == Leaf::input) return tape.var(id);
  throw UsageError("[penalties] the net's output depends on no input leaf; record the batch with Tape::input");
}

// log AutoLip or log SeqLip of the net.
template <class Bound>
auto bound(const PenaltyOptions& options) {
  return [options](nn::Sequential& net, const Tensor& sample, std::uint64_t seed) -> PenaltyTerm {
    PenaltyOptions seeded = options;
    seeded.seed = seed;
    const auto penalty = std::make_shared<nn::NetPenalty>(net, sample, std::make_shared<Bound>(seeded));
    return [penalty](const Var& output, const nn::Batch&) { return (*penalty)(*Tape::of(output)); };
  };
}

// f(W) summed over the weights, biases left out.
auto of_weights(Var (*f)(const Var& weight)) {
  return [f](nn::Sequential& net, const Tensor&, std::uint64_t) -> PenaltyTerm {
    return [f, &net](const Var& output, const nn::Batch&) {
      Var total;
      for (const nn::Parameter* parameter : nn::parameters(net)) {
        if (parameter->value.shape().rank() < 2) continue;
        const Var term = f(parameter->on(*Tape::of(output)));
        total = total.defined() ? total + term : term;
      }
      return total;
    };
  };
}

// Mean over the samples of the square norm of a sample's gradient of cross entropy [Drucker1992].
PenaltyTerm double_backpropagation(nn::Sequential&, const Tensor&, std::uint64_t) {
  return [](const Var& output, const nn::Batch& batch) {
    const Var slopes = grad(nn::cross_entropy(output, batch.labels), images_of(output), {.create_graph = true});
    return static_cast<double>(batch.size()) * sum(square(slopes));
  };
}

// Mean over the samples of ‖Jacobian‖_F², by random projections.
PenaltyTerm jacobian(nn::Sequential&, const Tensor&, std::uint64_t seed) {
  const auto draws = std::make_shared<std::uint64_t>(seed << 32U);
  return
      [draws](const Var& output, const nn::Batch&) { return jacobian_frobenius(output, images_of(output), ++*draws); };
}

Var half_square(const Var& weight) { return 0.5 * sum(square(weight)); }
Var not_orthogonal(const Var& weight) { return orthogonality_penalty(weight); }

}  // namespace

const std::vector<NamedPenalty>& penalties() {
  static const std::vector<NamedPenalty> all{
      {"none", {0.0}, [](nn::Sequential&, const Tensor&, std::uint64_t) { return PenaltyTerm(); }},
      {"log AutoLip", {0.03, 0.1, 0.3}, bound<LogAutoLip>({})},
      {"log Frobenius", {0.1, 0.3}, bound<LogAutoLip>({.affine_norm = AffineNorm::frobenius})},
      {"weight decay", {1e-3, 3e-3}, of_weights(half_square)},
      {"orthogonality", {1e-2, 1e-1}, of_weights(not_orthogonal)},
      {"loss gradient", {1.0, 10.0}, double_backpropagation},
      {"Jacobian", {1e-2, 1e-1}, jacobian},
      {"log SeqLip", {0.1}, bound<LogSeqLip>({})},
  };
  return all;
}

}  // namespace taut::examples
