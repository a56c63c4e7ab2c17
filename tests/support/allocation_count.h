// Counts requests to the system's allocator: malloc, calloc, realloc, aligned_alloc, posix_memalign and memalign, and
// with them operator new, whose standard version calls malloc. For the whole process, while a count is alive.
#pragma once

#include <cstddef>

namespace taut::test {

// Sanitizers bring their own allocator, and only glibc gives the entry points behind malloc. Elsewhere nothing can be
// counted, and tests must say so.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define TAUT_COUNTS_ALLOCATIONS 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#undef TAUT_COUNTS_ALLOCATIONS
#endif
#endif
#ifdef TAUT_COUNTS_ALLOCATIONS
inline constexpr bool counts_allocations = true;
#else
inline constexpr bool counts_allocations = false;
#endif

class AllocationCount {
 public:
  AllocationCount();
  std::size_t so_far() const;

 private:
  std::size_t start_;
};

}  // namespace taut::test
