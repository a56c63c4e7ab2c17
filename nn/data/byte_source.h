// Internal to nn: the bytes of a file, unpacked on the way when it is compressed with gzip.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>

struct z_stream_s;

namespace taut::nn {

// FileError naming the file when it cannot be opened or read, or its compression is damaged.
class ByteSource {
 public:
  explicit ByteSource(const std::filesystem::path& file);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Fills `into` as far as the file goes and returns the number of bytes.
  std::size_t read(std::span<std::uint8_t> into);
  // The content cannot be longer than this: the size of the file, times the largest ratio of deflate when compressed.
  std::uint64_t size_limit() const;

 private:
  void refill();
  std::size_t copy(std::span<std::uint8_t> into);
  std::size_t unpack(std::span<std::uint8_t> into);
  [[noreturn]] void fail(const char* what, const char* repair) const;

  std::filesystem::path path_;
  std::ifstream stream_;
  std::uint64_t file_size_ = 0;
  std::array<std::uint8_t, 1 << 16> buffer_;
  std::span<const std::uint8_t> unread_;  // part of the buffer
  std::unique_ptr<z_stream_s> inflater_;  // null for plain files
  bool member_ended_ = false;             // between two gzip members, or at the end
};

}  // namespace taut::nn
