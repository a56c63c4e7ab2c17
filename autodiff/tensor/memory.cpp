#include "autodiff/memory.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <limits>
#include <new>

#include "autodiff/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define TAUT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TAUT_ADDRESS_SANITIZER 1
#endif
#endif
#ifdef TAUT_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)0)
#endif

namespace taut::memory {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t steps = 8;      // size classes per doubling: at most 1/8 of a block is unused
constexpr std::size_t classes = 480;  // covers every size_t

struct SizeClass {
  std::size_t index;
  std::size_t bytes;  // multiple of 64
};

// Classes 1..8 are 64..512 bytes in steps of 64; then eight equal steps in every doubling.
SizeClass size_class(std::size_t bytes) {
  const std::size_t units = bytes <= alignment ? 1 : (bytes + alignment - 1) / alignment;
  if (units <= steps) return {units, units * alignment};
  const unsigned shift =
      static_cast<unsigned>(std::bit_width(units - 1)) - 4;  // so that units / 2^shift lies in (8, 16]
  const std::size_t top = ((units - 1) >> shift) + 1;
  return {steps * (shift + 1) + (top - steps), (top << shift) * alignment};
}

struct FreeBlock {
  FreeBlock* next;
};

struct Pool {
  std::array<FreeBlock*, classes> free{};
  Stats stats;
  std::size_t limit = std::numeric_limits<std::size_t>::max();  // of stats.live
  ~Pool() {
    release();
    alive = false;
  }
  void release() noexcept {
    for (auto& head : free) {
      while (head != nullptr) {
        ASAN_UNPOISON_MEMORY_REGION(head, sizeof(FreeBlock));
        FreeBlock* const next = head->next;
        std::free(head);
        head = next;
      }
    }
    stats.cached = 0;
  }
  // Tensors with static or thread-local life may be freed after the pool has gone.
  static thread_local bool alive;
};
thread_local bool Pool::alive = true;
thread_local Pool pool;

[[noreturn]] void throw_limit(std::size_t bytes, std::size_t limit) {
  throw MemoryError(cat("a tensor of ", bytes, " bytes would exceed the limit of ", limit,
                        " bytes that has been set for this computation"));
}

}  // namespace

Stats stats() { return pool.stats; }
void reset_peak() { pool.stats.peak = pool.stats.live; }
void release_cached() { pool.release(); }

Limit::Limit(std::size_t bytes) : before_(pool.limit) {
  const std::size_t room = std::numeric_limits<std::size_t>::max() - pool.stats.live;
  pool.limit = std::min(before_, pool.stats.live + std::min(bytes, room));
}
Limit::~Limit() { pool.limit = before_; }

void* allocate(std::size_t bytes) {
  const SizeClass sc = size_class(bytes);
  if (sc.bytes < bytes || sc.index >= classes) throw std::bad_alloc();
  Pool& p = pool;
  if (sc.bytes > p.limit - std::min(p.limit, p.stats.live)) throw_limit(bytes, p.limit);
  void* block = p.free[sc.index];
  if (block != nullptr) {
    ASAN_UNPOISON_MEMORY_REGION(block, sc.bytes);
    p.free[sc.index] = static_cast<FreeBlock*>(block)->next;
    p.stats.cached -= sc.bytes;
  } else {
    block = std::aligned_alloc(alignment, sc.bytes);
    if (block == nullptr) throw std::bad_alloc();
    ++p.stats.system_requests;
  }
  p.stats.live += sc.bytes;
  if (p.stats.live > p.stats.peak) p.stats.peak = p.stats.live;
  return block;
}

void deallocate(void* block, std::size_t bytes) noexcept {
  if (block == nullptr) return;
  if (!Pool::alive) {
    std::free(block);
    return;
  }
  const SizeClass sc = size_class(bytes);
  Pool& p = pool;
  FreeBlock* const freed = static_cast<FreeBlock*>(block);
  freed->next = p.free[sc.index];
  p.free[sc.index] = freed;
  p.stats.cached += sc.bytes;
  p.stats.live -= sc.bytes;
  ASAN_POISON_MEMORY_REGION(block, sc.bytes);
}

}  // namespace taut::memory
