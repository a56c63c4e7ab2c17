#include "autodiff/kernels/index_list.h"

#include <algorithm>
#include <memory>
#include <new>

#include "autodiff/memory.h"

namespace taut {

IndexList::IndexList(Index count) {
  const auto n = static_cast<std::size_t>(count);
  header_ = new (memory::allocate(bytes(n))) Header{{1}, n};
  std::uninitialized_default_construct_n(data(), n);
}

IndexList IndexList::of(std::span<const Index> values) {
  IndexList list(static_cast<Index>(values.size()));
  std::ranges::copy(values, list.data());
  return list;
}

IndexList::~IndexList() {
  if (header_ != nullptr && header_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1)
    memory::deallocate(header_, bytes(header_->count));
}

}  // namespace taut
