// Trained weights on disk, so that a run that was stopped does not train again.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "nn/module.h"

namespace taut::examples {

// Writes every parameter of a module, and the recipe by which they were obtained (architecture, seed, data, training):
// a text that is compared when they are read. `seconds` is what the training took. The file appears whole or not at
// all. FileError when it cannot be written.
//
// The format is of the machine that wrote it (byte order), for a cache and nothing else: a magic text, the recipe, the
// seconds, and for every parameter its path, dtype, shape and numbers, then a checksum (FNV-1a, 64 bits) of everything
// before it.
void save_checkpoint(const std::filesystem::path& file, nn::ModuleRef module, std::string_view recipe, double seconds);

// Fills the parameters from a file and returns the seconds. Nothing, with the module untouched, when there is no such
// file or it is of another recipe. FileError when it is damaged, or does not fit the module.
std::optional<double> load_checkpoint(const std::filesystem::path& file, nn::ModuleRef module, std::string_view recipe);

}  // namespace taut::examples
