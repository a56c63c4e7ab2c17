// The pool that tensors take their storage from: freed blocks are kept by size class and handed out again,
// so a warm training step asks the system for nothing. Blocks are aligned to 64 bytes.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "autodiff/config.h"

#pragma GCC visibility push(default)

namespace taut::memory {

struct Stats {
  std::size_t live = 0;             // bytes in blocks that are in use by this thread's tensors
  std::size_t peak = 0;             // largest `live` since the last reset_peak()
  std::size_t cached = 0;           // bytes kept for reuse
  std::size_t system_requests = 0;  // how often the system was asked for memory
};

Stats stats();          // of the calling thread
void reset_peak();      // sets peak to live
void release_cached();  // gives the cached blocks of the calling thread back to the system

// While it lives, tensors of this thread may take at most so many bytes more than at its beginning; an allocation
// beyond throws MemoryError. For input that nobody vouches for. The tighter of nested limits counts.
class Limit {
 public:
  explicit Limit(std::size_t bytes);
  ~Limit();
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  std::size_t before_;
};

// A block of at least `bytes` bytes. Throws std::bad_alloc when the system has none, MemoryError beyond a Limit.
void* allocate(std::size_t bytes);
// `bytes` as it was passed to allocate. A block may be freed by another thread; it then joins that thread's cache.
void deallocate(void* block, std::size_t bytes) noexcept;

// Takes a container's storage from the pool, and leaves numbers uninitialised where no value is given.
template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class Other>
  PoolAllocator(const PoolAllocator<Other>&) {}  // NOLINT(google-explicit-constructor): as every allocator
  T* allocate(std::size_t n) { return static_cast<T*>(memory::allocate(n * sizeof(T))); }
  void deallocate(T* block, std::size_t n) noexcept { memory::deallocate(block, n * sizeof(T)); }
  template <class U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Arguments>
  void construct(U* place, Arguments&&... arguments) {
    ::new (static_cast<void*>(place)) U(std::forward<Arguments>(arguments)...);
  }
  friend bool operator==(const PoolAllocator&, const PoolAllocator&) { return true; }
};

// A vector for scratch that is needed again and again: no calls of the system, no zeros written first.
template <class T>
using Buffer = std::vector<T, PoolAllocator<T>>;

}  // namespace taut::memory

#pragma GCC visibility pop
