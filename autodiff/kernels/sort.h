// Sorting groups of neighbours along one axis. Stable: ties keep their order. NaN comes last in either order.
#pragma once

#include "autodiff/kernels/index_list.h"
#include "autodiff/tensor.h"

namespace taut::kernels {

// Numbers seen as (outer, groups, group, inner): each group is sorted along its own axis.
struct GroupedShape {
  Index outer = 1, group = 1, inner = 1;  // outer counts the groups of an axis too
  bool descending = false;
};

template <Scalar T>
void group_sort(const GroupedShape& s, const T* x, T* y);
// Where every number of the result comes from.
template <Scalar T>
IndexList group_sort_positions(const GroupedShape& s, const T* x);

}  // namespace taut::kernels
