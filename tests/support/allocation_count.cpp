#include "tests/support/allocation_count.h"

#include <atomic>
#include <cerrno>

namespace {
std::atomic<std::size_t> requests{0};
}

namespace taut::test {
AllocationCount::AllocationCount() : start_(requests.load()) {}
std::size_t AllocationCount::so_far() const { return requests.load() - start_; }
}  // namespace taut::test

#ifdef TAUT_COUNTS_ALLOCATIONS
// An executable's own malloc family replaces that of the C library in every library it loads [glibc manual, "Replacing
// malloc"].
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t size) {
  ++requests;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++requests;
  return __libc_calloc(count, size);
}
void* realloc(void* block, std::size_t size) {
  ++requests;
  return __libc_realloc(block, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  ++requests;
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++requests;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  ++requests;
  *block = __libc_memalign(alignment, size);
  return *block != nullptr ? 0 : ENOMEM;
}
void free(void* block) { __libc_free(block); }
}
#endif
