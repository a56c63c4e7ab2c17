// From the command line to settings, through CLI11.
#pragma once

#include <optional>
#include <string>

#include "cli/options.h"

namespace taut::cli {

struct Parsed {
  std::optional<Command> command;  // none: `output` is all that was asked for
  Settings settings;
  std::string output;  // of --help and --version
};

// UsageMistake where it makes no sense.
Parsed parse(int argc, const char* const* argv);

}  // namespace taut::cli
