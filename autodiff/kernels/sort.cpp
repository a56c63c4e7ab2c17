#include "autodiff/kernels/sort.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "autodiff/kernels/ranks.h"

namespace taut::kernels {
namespace {

// Up to this length insertion is faster than merging.
constexpr Index short_run = 16;

struct Ascending {
  template <class T>
  bool operator()(T a, T b) const {
    return a < b || (b != b && a == a);
  }
};
struct Descending {
  template <class T>
  bool operator()(T a, T b) const {
    return a > b || (b != b && a == a);
  }
};

template <class V, class Before>
void insertion_sort(V* v, Index n, Before before) {
  for (Index i = 1; i < n; ++i) {
    const V moving = v[i];
    Index at = i;
    for (; at > 0 && before(moving, v[at - 1]); --at) v[at] = v[at - 1];
    v[at] = moving;
  }
}

// Runs by insertion, merged in pairs: std::stable_sort, with scratch (n) from the caller instead of the heap.
template <class V, class Before>
void merge_sort(V* v, Index n, V* scratch, Before before) {
  for (Index i = 0; i < n; i += short_run) insertion_sort(v + i, std::min(short_run, n - i), before);
  V *from = v, *to = scratch;
  for (Index run = short_run; run < n; run *= 2, std::swap(from, to))
    for (Index i = 0; i < n; i += 2 * run) {
      const Index middle = std::min(i + run, n), end = std::min(i + 2 * run, n);
      std::merge(from + i, from + middle, from + middle, from + end, to + i, before);
    }
  if (from != v) std::copy_n(from, n, v);
}

// Rows of `inner` numbers at once: neighbours that are out of order change places, which keeps ties in order. Positions
// move along where there are some.
template <class T, class Before>
void sort_rows(T* y, Index* positions, Index group, Index inner, Before before) {
  for (Index end = group - 1; end > 0; --end)
    for (Index k = 0; k < end; ++k) {
      T *const a = y + k * inner, *const b = a + inner;
      if (positions != nullptr) {
        Index *const p = positions + k * inner, *const q = p + inner;
        for (Index i = 0; i < inner; ++i) {
          const Index first = p[i], second = q[i];
          const bool change = before(b[i], a[i]);
          p[i] = change ? second : first;
          q[i] = change ? first : second;
        }
      }
      for (Index i = 0; i < inner; ++i) {
        const T first = a[i], second = b[i];
        const bool change = before(second, first);
        a[i] = change ? second : first;
        b[i] = change ? first : second;
      }
    }
}

// Pairs of neighbours, the one case common enough for a loop of its own.
template <class T, class Before>
void sort_pairs(const T* x, Index pairs, T* y, Before before) {
  for (Index i = 0; i < pairs; ++i) {
    const T first = x[2 * i], second = x[2 * i + 1];
    const bool change = before(second, first);
    y[2 * i] = change ? second : first;
    y[2 * i + 1] = change ? first : second;
  }
}

// Scratch from the tensors' pool.
template <class T>
Tensor scratch(Index n) {
  return Tensor::uninitialised(Shape{n}, dtype_of<T>);
}

template <class T, class Before>
void sort_values(const GroupedShape& s, const T* x, T* y, Before before) {
  if (s.group == 2 && s.inner == 1) return sort_pairs(x, s.outer, y, before);
  const Index size = s.group * s.inner;
  std::copy_n(x, s.outer * size, y);
  if (s.inner > 1 && s.group <= short_run) {
    for (Index o = 0; o < s.outer; ++o) sort_rows<T>(y + o * size, nullptr, s.group, s.inner, before);
    return;
  }
  Tensor line = scratch<T>(s.group), other = scratch<T>(s.group);
  T *const one = line.mutable_data<T>().data(), *const two = other.mutable_data<T>().data();
  for (Index o = 0; o < s.outer; ++o) {
    T* const group = y + o * size;
    if (s.inner == 1) {
      merge_sort(group, s.group, two, before);
      continue;
    }
    for (Index i = 0; i < s.inner; ++i) {
      for (Index k = 0; k < s.group; ++k) one[k] = group[k * s.inner + i];
      merge_sort(one, s.group, two, before);
      for (Index k = 0; k < s.group; ++k) group[k * s.inner + i] = one[k];
    }
  }
}

template <class T, class Before>
void sort_positions(const GroupedShape& s, const T* x, std::span<Index> positions, Before before) {
  if (s.group == 2 || (s.inner > 1 && s.group <= short_run)) {
    std::iota(positions.begin(), positions.end(), Index{0});
    const Index size = s.group * s.inner;
    Tensor values = scratch<T>(size);
    T* const group = values.mutable_data<T>().data();
    for (Index o = 0; o < s.outer; ++o) {
      std::copy_n(x + o * size, size, group);
      sort_rows(group, positions.data() + o * size, s.group, s.inner, before);
    }
    return;
  }
  IndexList line(s.group), other(s.group);
  Index *const one = line.writable().data(), *const two = other.writable().data();
  for (Index o = 0; o < s.outer; ++o)
    for (Index i = 0; i < s.inner; ++i) {
      const Index first = o * s.group * s.inner + i;
      for (Index k = 0; k < s.group; ++k) one[k] = first + k * s.inner;
      merge_sort(one, s.group, two, [&](Index a, Index b) { return before(x[a], x[b]); });
      for (Index k = 0; k < s.group; ++k) positions[static_cast<std::size_t>(first + k * s.inner)] = one[k];
    }
}

// Short rows, and not so short that insertion is faster.
bool by_rank(const GroupedShape& s) { return s.inner == 1 && s.group >= 8 && s.group <= most_ranked; }

}  // namespace

template <Scalar T>
void group_sort(const GroupedShape& s, const T* x, T* y) {
  if (by_rank(s)) return sort_by_rank(x, s.outer, s.group, s.descending, y, nullptr);
  if (s.descending)
    sort_values(s, x, y, Descending());
  else
    sort_values(s, x, y, Ascending());
}

template <Scalar T>
IndexList group_sort_positions(const GroupedShape& s, const T* x) {
  IndexList positions(s.outer * s.group * s.inner);
  if (by_rank(s))
    sort_by_rank<T>(x, s.outer, s.group, s.descending, nullptr, positions.writable().data());
  else if (s.descending)
    sort_positions(s, x, positions.writable(), Descending());
  else
    sort_positions(s, x, positions.writable(), Ascending());
  return positions;
}

template void group_sort(const GroupedShape&, const float*, float*);
template void group_sort(const GroupedShape&, const double*, double*);
template IndexList group_sort_positions(const GroupedShape&, const float*);
template IndexList group_sort_positions(const GroupedShape&, const double*);

}  // namespace taut::kernels
