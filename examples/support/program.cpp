#include "examples/support/program.h"

#include <cblas.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

#include "autodiff/error.h"

namespace taut::examples {
namespace {

class UsageMistake : public Error {
 public:
  using Error::Error;
};

template <class T>
T whole_number(const std::string& name, const std::string& text, T least, T most) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    throw UsageMistake(cat(name, " needs a whole number from ", least, " to ", most, ", got '", text, "'"));
  return value;
}

void print_help(const std::string& program, const std::string& summary, const std::vector<Option>& more) {
  std::cout << "usage: " << program << " [options]\n\n" << summary << "\n\n";
  std::vector<std::pair<std::string, std::string>> lines;
  for (const Option& option : more) {
    const bool has_default = option.value != nullptr && !option.value->empty();
    lines.emplace_back(option.flag != nullptr ? option.name : option.name + ' ' + option.argument,
                       has_default ? option.help + " (default " + *option.value + ")" : option.help);
  }
  lines.emplace_back("--quick", "a run of seconds that shows that everything works");
  lines.emplace_back("--seed N", "fixes every random number (default 1)");
  lines.emplace_back("--threads N", "threads of BLAS and of long calls (default 1)");
  lines.emplace_back("--json FILE", "write the results there as JSON");
  lines.emplace_back("--help", "print this");
  for (const auto& [name, help] : lines)
    std::cout << "  " << name << std::string(16 - std::min<std::size_t>(15, name.size()), ' ') << help << '\n';
}

// Nothing when the help was asked for.
std::optional<CommonOptions> parse(const std::vector<std::string>& arguments, const std::vector<Option>& more) {
  CommonOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 == arguments.size()) throw UsageMistake(cat(name, " needs a value"));
      return arguments[++i];
    };
    const auto own = std::ranges::find(more, name, &Option::name);
    if (name == "--help") return std::nullopt;
    if (own != more.end() && own->flag != nullptr) {
      *own->flag = true;
    } else if (own != more.end()) {
      *own->value = value();
    } else if (name == "--quick") {
      options.quick = true;
    } else if (name == "--seed") {
      options.seed = whole_number<std::uint64_t>(name, value(), 0, UINT64_MAX);
    } else if (name == "--threads") {
      options.threads = whole_number(name, value(), 1, 1024);
    } else if (name == "--json") {
      options.json_file = value();
    } else {
      throw UsageMistake(cat("there is no option '", name, "'"));
    }
  }
  return options;
}

}  // namespace

int run_program(int argc, const char* const* argv, const std::string& summary, const std::vector<Option>& more,
                const std::function<void(const CommonOptions&)>& body) {
  const std::string program = std::filesystem::path(argv[0]).filename();
  try {
    const auto options = parse({argv + 1, argv + argc}, more);
    if (!options) {
      print_help(program, summary, more);
      return 0;
    }
    openblas_set_num_threads(options->threads);
    body(*options);
    return 0;
  } catch (const UsageMistake& mistake) {
    std::cerr << program << ": " << mistake.what() << "; see " << program << " --help\n";
    return 2;
  } catch (const Stopped& stopped) {
    std::cerr << program << ": " << stopped.what() << '\n';
    return 130;
  } catch (const std::exception& error) {
    std::cerr << program << ": " << error.what() << '\n';
    return 1;
  }
}

bool stderr_is_terminal() { return isatty(STDERR_FILENO) == 1; }

void write_file(const std::string& file, const std::string& text) {
  std::ofstream stream(file);
  stream << text;
  stream.flush();
  if (!stream)
    throw FileError(cat("[file] ", file, " cannot be written; check that its folder exists and may be written to"));
}

std::string data_folder(const std::string& name) {
  return (std::filesystem::path(TAUT_EXAMPLES_DIR) / "data" / name).string();
}

}  // namespace taut::examples
