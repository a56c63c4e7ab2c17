// What every example program shares: its command line and how it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace taut::examples {

struct CommonOptions {
  bool quick = false;      // --quick: a run of seconds that shows that everything works
  std::uint64_t seed = 1;  // --seed N
  int threads = 1;         // --threads N: of BLAS and of long calls
  std::string json_file;   // --json FILE: results for other programs, "" for none
};

// An option of one program, with a value or, when `flag` is set, without one.
struct Option {
  std::string name;      // "--data"
  std::string argument;  // what the help calls the value, "DIR"
  std::string help;
  std::string* value;    // holds the default
  bool* flag = nullptr;  // becomes true when the option is given
};

// A run that was stopped and can be continued: the program says so and ends with status 130.
class Stopped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Parses the command line, sets OpenBLAS's threads, runs `body`. Returns the program's exit status: 0 done (or --help),
// 1 for an exception, with its text on stderr, 2 for a command line that makes no sense, 130 for Stopped.
int run_program(int argc, const char* const* argv, const std::string& summary, const std::vector<Option>& more,
                const std::function<void(const CommonOptions&)>& body);

bool stderr_is_terminal();
// Writes a whole file or throws FileError.
void write_file(const std::string& file, const std::string& text);
// examples/data/<name> of the source tree.
std::string data_folder(const std::string& name);

}  // namespace taut::examples
