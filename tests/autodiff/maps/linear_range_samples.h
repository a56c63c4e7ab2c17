// Small maps with one output, ranges from their ends, and sums in every order, for the tests of linear_range.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "autodiff/range.h"

namespace taut::test {

inline LinearMap dense(std::initializer_list<double> row, DType dtype) {
  const auto n = static_cast<Index>(row.size());
  return dense_map(Tensor::of<double>({1, n}, row).to(dtype), {n}, {1});
}

// Interval of the only output.
inline Interval range_of(const LinearMap& map, const Range& x, DType dtype) {
  return linear_range(map, x, dtype).at(0);
}

inline Range range(const std::vector<Interval>& ends) {
  Range r = Range::uninitialised({static_cast<Index>(ends.size())});
  for (std::size_t i = 0; i < ends.size(); ++i) {
    r.lo.mutable_data<double>()[i] = ends[i].lo;
    r.hi.mutable_data<double>()[i] = ends[i].hi;
  }
  return r;
}

// Σ terms in the arithmetic of T, in many orders. Products are rounded, or fused into the sum.
template <class T>
std::vector<T> all_sums(const std::vector<T>& a, const std::vector<T>& x) {
  const std::size_t n = a.size();
  std::vector<T> terms(n);
  for (std::size_t j = 0; j < n; ++j) terms[j] = a[j] * x[j];
  const std::function<T(std::size_t, std::size_t)> pairwise = [&](std::size_t from, std::size_t to) -> T {
    if (from == to) return T{0};
    if (to - from == 1) return terms[from];
    return pairwise(from, (from + to) / 2) + pairwise((from + to) / 2, to);
  };
  T forward{0}, backward{0}, fused{0}, fused_back{0}, small_first{0};
  for (std::size_t j = 0; j < n; ++j) {
    forward += terms[j];
    backward += terms[n - 1 - j];
    fused = std::fma(a[j], x[j], fused);
    fused_back = std::fma(a[n - 1 - j], x[n - 1 - j], fused_back);
  }
  std::vector<T> sorted = terms;
  std::ranges::sort(sorted, [](T u, T v) { return std::fabs(u) < std::fabs(v); });
  for (const T t : sorted) small_first += t;
  return {forward, backward, fused, fused_back, small_first, pairwise(0, n)};
}

}  // namespace taut::test
