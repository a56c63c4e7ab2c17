// The pool that tensors take their storage from: freed blocks are kept by size class and handed out again,
// so a warm training step asks the system for nothing. Blocks are aligned to 64 bytes.
#pragma once

#include <cstddef>

#include "autodiff/config.h"

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

// A block of at least `bytes` bytes. Throws std::bad_alloc when the system has none.
void* allocate(std::size_t bytes);
// `bytes` as it was passed to allocate. A block may be freed by another thread; it then joins that thread's cache.
void deallocate(void* block, std::size_t bytes) noexcept;

}  // namespace taut::memory
