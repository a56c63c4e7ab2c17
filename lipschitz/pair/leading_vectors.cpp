#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/pair_problem.h"
#include "lipschitz/triples.h"

namespace taut {
namespace {

constexpr const char* leading_vectors_name = "pair leading vectors";

}  // namespace

UpperBound pair_leading_bound(const LeadingVectors& leading, const Tensor& lo, const Tensor& hi) {
  const Index n = leading.of_left.size();
  if (leading.of_right.size() != n || lo.size() != n || hi.size() != n)
    throw ShapeError(cat("[pair_leading_bound] vectors and slopes of one length are needed; got ", n, ", ",
                         leading.of_right.size(), ", ", lo.size(), " and ", hi.size()));
  for (const double ratio : {leading.left_ratio, leading.right_ratio})
    if (!(ratio >= 0.0 && ratio <= 1.0))
      throw DomainError(cat("[pair_leading_bound] ratios of the second to the first singular value lie in [0, 1]; got ",
                            ratio, "; divide the smaller by the larger one"));
  double most = 0.0, least = 0.0, steepest = 0.0;
  for (Index i = 0; i < n; ++i) {
    const double weight = leading.of_left.at(i) * leading.of_right.at(i);
    const double one = weight * lo.at(i), other = weight * hi.at(i);
    most += std::max(one, other), least += std::min(one, other);
    steepest = std::max({steepest, std::fabs(lo.at(i)), std::fabs(hi.at(i))});
  }
  if (steepest == 0.0) return UpperBound::estimate(0.0, Norm::l2, leading_vectors_name);
  const double aligned = std::min(1.0, std::max(most, -least) / steepest);
  const double t = leading.left_ratio * leading.left_ratio, s = leading.right_ratio * leading.right_ratio;
  const double squared = std::max(0.0, 1.0 - t - s) * aligned * aligned + t + s + t * s;
  return UpperBound::estimate(steepest * std::min(1.0, std::sqrt(squared)), Norm::l2, leading_vectors_name,
                              "relative to the norms of both matrices");
}

UpperBound pair_leading(const PairProblem& problem, const Budget& budget) {
  problem.validate();
  TripleOptions triples;
  triples.budget = budget;
  LeadingVectors leading;
  double norms = 1.0;
  const auto of = [&](const Tensor& matrix, bool right, Tensor& vector, double& ratio) {
    const Index rows = matrix.shape()[0], columns = matrix.shape()[1];
    const LinearMap map = dense_map(matrix.to(DType::f64), Shape{columns}, Shape{rows});
    const std::vector<Triple> found = leading_singular_triples(map, std::min<Index>({2, rows, columns}), triples);
    norms *= found[0].sigma;
    ratio = found.size() > 1 && found[0].sigma > 0.0 ? std::min(1.0, found[1].sigma / found[0].sigma) : 0.0;
    vector = right ? found[0].right : found[0].left;
  };
  of(problem.left, true, leading.of_left, leading.left_ratio);
  of(problem.right, false, leading.of_right, leading.right_ratio);
  const double relative = pair_leading_bound(leading, problem.lo, problem.hi).value();
  return UpperBound::estimate(norms * relative, Norm::l2, leading_vectors_name);
}

}  // namespace taut
