// The commands and options of `taut`, in one table: what is parsed, what --help says, the man page and the completions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "cli/settings.h"

namespace taut::cli {

enum class Command : std::uint8_t { bound, layers, completion, man };

struct CommandRow {
  Command command;
  std::string_view name;      // "bound"
  std::string_view argument;  // of the command itself: "MODEL.onnx", "" for none
  std::string_view summary;   // one line
  std::string_view text;      // a paragraph
};
std::span<const CommandRow> commands();

// What the shell may complete a value to.
enum class Values : std::uint8_t { none, words, methods, files };

struct OptionRow {
  std::string_view name;      // "--norm"
  std::string_view argument;  // "NORM"; "" for a flag
  std::string_view help;
  bool of_bound, of_layers;
  Values values;
  std::string_view words;  // for Values::words, separated by blanks
  void (*set)(Settings&, const std::string&);
};
std::span<const OptionRow> options();
bool belongs(const OptionRow& row, Command command);

std::string_view description();  // of the program
std::string_view exit_status();  // what the exit statuses mean

}  // namespace taut::cli
