#include "lipschitz/autolip.h"

#include "lipschitz/graph.h"
#include "lipschitz/upper/fold.h"

namespace taut {

AutoLipReport autolip(const Var& output, const AutoLipOptions& options) {
  const Graph graph(output, "autolip");
  return detail::Fold(graph, options, options.affine_norm == AffineNorm::frobenius ? "frobenius" : "autolip").run();
}

AutoLipReport autolip(const Function& f, const Tensor& sample, const AutoLipOptions& options, Where where) {
  Tape tape;
  return autolip(f(tape.input(sample, "x", where)), options);
}

}  // namespace taut
