#include "tests/support/idx_files.h"

#include <unistd.h>

#include <fstream>
#include <numeric>
#include <stdexcept>

namespace taut::test {

Bytes idx_bytes(const std::vector<std::uint32_t>& dims, const Bytes& content, std::uint8_t type) {
  Bytes bytes{0, 0, type, static_cast<std::uint8_t>(dims.size())};
  for (const std::uint32_t dim : dims)
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(dim >> shift));
  return joined(std::move(bytes), content);
}

// Stored blocks, so that the test needs no compressor: header, one block per 65535 bytes, CRC-32, length [RFC1952].
Bytes gzipped(const Bytes& bytes) {
  Bytes out{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
  const auto number = [&](std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  };
  std::size_t at = 0;
  do {
    const std::size_t length = std::min<std::size_t>(65535, bytes.size() - at);
    number(at + length == bytes.size() ? 1 : 0, 1);
    number(length, 2);
    number(~length, 2);
    out.insert(out.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
               bytes.begin() + static_cast<std::ptrdiff_t>(at + length));
    at += length;
  } while (at < bytes.size());
  std::uint32_t crc = 0xffffffffU;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
  }
  number(~crc, 4);
  number(bytes.size(), 4);
  return out;
}

Bytes joined(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes counting(std::size_t n) {
  Bytes bytes(n);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "taut-idx-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path Folder::write(const std::string& name, const Bytes& bytes) const {
  std::ofstream file(path_ / name, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return path_ / name;
}

}  // namespace taut::test
