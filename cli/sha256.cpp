#include "cli/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <memory>
#include <vector>

#include "autodiff/error.h"

namespace taut::cli {

std::string sha256_of_file(const std::filesystem::path& file) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::ifstream stream(file, std::ios::binary);
  bool good = context != nullptr && stream && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  std::vector<char> buffer(1 << 16);
  while (good && stream) {
    stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    good =
        !stream.bad() && EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(stream.gcount())) == 1;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (!good || EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1)
    throw FileError(cat("[sha256] ", file.string(), " cannot be read; check that it is a file and may be read"));
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    constexpr const char* digits = "0123456789abcdef";
    text += digits[digest[i] >> 4];
    text += digits[digest[i] & 15];
  }
  return text;
}

}  // namespace taut::cli
