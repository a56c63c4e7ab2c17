// An immutable list of positions, shared by handle, with storage from the tensors' pool.
#pragma once

#include <atomic>
#include <span>
#include <utility>

#include "autodiff/config.h"

namespace taut {

class IndexList {
 public:
  IndexList() = default;
  explicit IndexList(Index count);  // uninitialised
  static IndexList of(std::span<const Index> values);
  IndexList(const IndexList& other) noexcept : header_(other.header_) {
    if (header_ != nullptr) header_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  IndexList(IndexList&& other) noexcept : header_(std::exchange(other.header_, nullptr)) {}
  IndexList& operator=(IndexList other) noexcept {
    std::swap(header_, other.header_);
    return *this;
  }
  ~IndexList();

  std::span<const Index> values() const { return {data(), size()}; }
  std::size_t size() const { return header_ != nullptr ? header_->count : 0; }
  Index operator[](Index i) const { return data()[i]; }
  // For the one who has just made the list.
  std::span<Index> writable() { return {data(), size()}; }

 private:
  struct Header {
    std::atomic<std::uint32_t> refs{1};
    std::size_t count = 0;
  };
  static constexpr std::size_t bytes(std::size_t count) { return sizeof(Header) + count * sizeof(Index); }
  Index* data() const { return header_ != nullptr ? reinterpret_cast<Index*>(header_ + 1) : nullptr; }

  Header* header_ = nullptr;
};

}  // namespace taut
