#pragma once

#include <filesystem>
#include <string>

namespace taut::cli {

// Of the bytes of a file, in 64 hexadecimal digits. FileError when it cannot be read.
std::string sha256_of_file(const std::filesystem::path& file);

}  // namespace taut::cli
