// Files in the IDX format, right and wrong ones, in a folder that is removed at the end of a test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace taut::test {

using Bytes = std::vector<std::uint8_t>;

// Header with these dimensions, then `content`.
Bytes idx_bytes(const std::vector<std::uint32_t>& dims, const Bytes& content, std::uint8_t type = 0x08);
Bytes gzipped(const Bytes& bytes);
Bytes joined(Bytes a, const Bytes& b);
Bytes counting(std::size_t n);  // 0, 1, 2, …

class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path write(const std::string& name, const Bytes& bytes) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace taut::test
