#include <algorithm>

#include "autodiff/error.h"
#include "tests/samples/compositions.h"
#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

// Every group of neighbours along an axis, sorted by the standard library.
Tensor sorted_groups(const Tensor& x, int axis, Index group, bool descending) {
  return generate(x.shape(), [&](std::vector<Index> index) {
    const auto a = static_cast<std::size_t>(axis);
    const Index own = index[a], first = own / group * group;
    std::vector<double> values;
    for (Index k = 0; k < group; ++k) {
      index[a] = first + k;
      values.push_back(at(x, index));
    }
    std::ranges::sort(values);
    if (descending) std::ranges::reverse(values);
    return values[static_cast<std::size_t>(own - first)];
  });
}

Sample sorting(std::string name, const Shape& shape, std::function<Var(const Var&)> f,
               std::function<Tensor(const Tensor&)> exact) {
  Sample s = one_operand(std::move(name), {.shape = shape, .distinct = true}, std::move(f));
  s.operands[0].probes = {-1, 1};
  s.reference = [exact = std::move(exact)](std::span<const Tensor> in) { return exact(in[0]); };
  s.reference_ulps = 0;
  s.extremes_at_corners = true;
  return s;
}

Sample in_groups(const Shape& shape, int axis, Index group) {
  return sorting(
      cat("groups of ", group, " along axis ", axis, " of ", shape), shape,
      [=](const Var& x) { return group_sort(x, group, axis); },
      [=](const Tensor& x) { return sorted_groups(x, axis, group, false); });
}

Sample whole_axis(const Shape& shape, int axis, bool descending) {
  return sorting(
      cat("axis ", axis, " of ", shape, descending ? " descending" : ""), shape,
      [=](const Var& x) { return sort(x, axis, descending); },
      [=](const Tensor& x) { return sorted_groups(x, axis, std::max<Index>(shape[axis], 1), descending); });
}

Sample in_pairs(const Shape& shape, int axis) {
  return sorting(
      cat("pairs along axis ", axis, " of ", shape), shape, [=](const Var& x) { return maxmin(x, axis); },
      [=](const Tensor& x) { return sorted_groups(x, axis, 2, true); });
}

Sample largest(const Shape& shape, int axis, Index k) {
  return sorting(
      cat(k, " along axis ", axis, " of ", shape), shape, [=](const Var& x) { return top_k(x, k, axis); },
      [=](const Tensor& x) {
        const Tensor all = sorted_groups(x, axis, std::max<Index>(shape[axis], 1), true);
        return generate(shape.with(axis, k), [&](const std::vector<Index>& index) { return at(all, index); });
      });
}

std::vector<Sample> top_k_samples() {
  return {largest({5}, 0, 2),    largest({2, 4}, 1, 4), largest({3, 2}, 0, 1),
          largest({2, 3}, 1, 0), largest({0, 3}, 1, 2), largest({1, 2, 1, 4, 1, 1, 2, 1}, 3, 2)};
}
const AddComposition top_k_added("top_k", &top_k_samples);

}  // namespace

template <>
std::vector<Sample> samples<GroupSort>() {
  return {in_groups({4}, 0, 2),         in_groups({2, 6}, 1, 3),
          in_groups({4, 3}, 0, 2),      in_groups({2, 4, 3}, 1, 4),
          in_groups({2, 3}, 1, 1),      in_groups({0, 4}, 1, 2),
          in_groups({40}, 0, 20),       in_groups({36, 2}, 0, 18),
          in_pairs({2, 4}, 1),          in_pairs({1, 4, 2, 2}, 1),
          whole_axis({7}, 0, false),    whole_axis({2, 5}, 1, true),
          whole_axis({45}, 0, true),    whole_axis({3, 2}, 0, true),
          whole_axis({2, 0}, 1, false), in_groups({1, 2, 1, 4, 1, 1, 2, 1}, 3, 2)};
}

}  // namespace taut::harness
