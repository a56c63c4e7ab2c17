// Programs, run as users run them.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace taut::test {

struct Outcome {
  int status = -1;  // of exit; 128 + the number of the signal that ended it
  std::string out, error;
  double processor_seconds = 0.0;  // of all its threads: a machine that is busy elsewhere does not add to it
};

// A signal, sent so many seconds after the start, or after this text has appeared on stderr (within a minute); a second
// one after `again` more.
struct Kick {
  int signal;
  double after;
  std::optional<double> again;
  std::string text{};
};
Outcome run_process(const std::string& program, const std::vector<std::string>& arguments,
                    const std::optional<Kick>& kick = std::nullopt);

std::string contents(const std::string& file);

}  // namespace taut::test
