// What the four programs of the paper share: options, an output folder, rows that are kept, progress.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "examples/paper/parts/row_store.h"
#include "examples/support/program.h"
#include "lipschitz/budget.h"

namespace taut::examples {

struct SessionOptions {
  CommonOptions common;
  std::string out = "paper-results";  // --out DIR
  bool resume = false;                // --resume
};

// One run of one program. Files lie in the output folder and begin with the program's name.
class Session {
 public:
  // Makes the folder. `configuration`: what else, beside program, seed and --quick, rows depend on.
  Session(std::string program, SessionOptions options, Json configuration = Json::object());

  const std::string& program() const { return program_; }
  bool quick() const { return options_.common.quick; }
  std::uint64_t seed() const { return options_.common.seed; }
  bool resume() const { return options_.resume; }
  const CommonOptions& common() const { return options_.common; }
  // OUT/<program><ending>: session.file(".csv").
  std::filesystem::path file(const std::string& ending) const;

  std::filesystem::path folder() const { return options_.out; }

  // The finished row of that key, or the one that `compute` returns, which is written before this returns, with the
  // seconds that it took as "row_seconds".
  Json row(const std::string& key, const std::function<Json()>& compute);
  // Of all rows that were asked for, when they were computed.
  double seconds() const { return seconds_; }
  // One line on stderr that is rewritten; nothing unless stderr is a terminal. "" wipes it.
  void progress(const std::string& text);
  // Threads, seed and progress for the analyses of the library.
  Budget analysis(const std::string& stage);

 private:
  std::string program_;
  SessionOptions options_;
  RowStore rows_;
  double seconds_ = 0.0;
  std::size_t width_ = 0;  // of what stands in the progress line
};

// run_program() with --out and --resume beside the options of `more`.
int run_paper_program(int argc, const char* const* argv, const std::string& summary, std::vector<Option> more,
                      const std::function<void(const SessionOptions&)>& body);

// "2 virtual cores, AVX-512": what seconds depend on, without naming anybody's machine.
std::string machine_class();

}  // namespace taut::examples
