#include "autodiff/error.h"
#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

Sample multiplied_along(const Shape& shape, int axis, Index rows) {
  const Shape of_matrix{rows, shape[axis]};
  Random random(cat("matrix of ", shape, " along ", axis));
  const Tensor matrix = random.tensor(of_matrix);
  Sample s = one_operand(cat(rows, " rows along axis ", axis, " of ", shape), {.shape = shape},
                         [=](const Var& x) { return matrix_along(x, matrix, axis); });
  s.reference = [=](std::span<const Tensor> in) {
    return generate(shape.with(axis, rows), [&](std::vector<Index> index) {
      const Index row = index[static_cast<std::size_t>(axis)];
      Real total = 0;
      for (Index j = 0; j < shape[axis]; ++j) {
        index[static_cast<std::size_t>(axis)] = j;
        total += static_cast<Real>(matrix.at(row * shape[axis] + j)) * at(in[0], index);
      }
      return static_cast<double>(total);
    });
  };
  s.reference_scale = 4.0 * static_cast<double>(shape[axis]);
  s.rules = shape.size() < 200;
  return s;
}

Sample summed_along(const Shape& shape, int axis, bool exclusive, bool reverse) {
  Sample s =
      one_operand(cat("along axis ", axis, " of ", shape, exclusive ? " exclusive" : "", reverse ? " reverse" : ""),
                  {.shape = shape}, [=](const Var& x) { return cumsum(x, axis, exclusive, reverse); });
  s.reference = [=](std::span<const Tensor> in) {
    return generate(shape, [&](std::vector<Index> index) {
      const auto a = static_cast<std::size_t>(axis);
      const Index own = index[a];
      Real total = 0;
      for (Index j = 0; j < shape[axis]; ++j) {
        index[a] = j;
        if ((reverse ? j > own : j < own) || (j == own && !exclusive)) total += at(in[0], index);
      }
      return static_cast<double>(total);
    });
  };
  s.reference_scale = 2.0 * static_cast<double>(shape[axis]);
  return s;
}

}  // namespace

// Matrices with random entries, so that every sample is mixed with every other.
template <>
std::vector<Sample> samples<MatrixAlong>() {
  return {multiplied_along({4}, 0, 3),      multiplied_along({2, 3}, 1, 4),
          multiplied_along({3, 2}, 0, 2),   multiplied_along({2, 3, 2}, 1, 3),
          multiplied_along({0, 3}, 1, 2),   multiplied_along({2, 0}, 1, 3),
          multiplied_along({9, 33}, 1, 17), multiplied_along({1, 2, 1, 3, 1, 1, 2, 1}, 3, 2)};
}

template <>
std::vector<Sample> samples<CumulativeSum>() {
  return {summed_along({5}, 0, false, false),     summed_along({5}, 0, true, false),
          summed_along({2, 4}, 1, false, true),   summed_along({2, 4}, 1, true, true),
          summed_along({3, 2}, 0, false, false),  summed_along({2, 3, 2}, 1, true, true),
          summed_along({2, 0}, 1, true, false),   summed_along({3, 1}, 1, true, false),
          summed_along({2, 40}, 1, false, false), summed_along({1, 2, 1, 3, 1, 1, 2, 1}, 3, false, true)};
}

}  // namespace taut::harness
