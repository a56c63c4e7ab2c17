// A computation with an end: whatever it is doing, what it has proved by then is printed in time.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>

#include "cli/analysis.h"

namespace taut::cli {

using Clock = std::chrono::steady_clock;

// When to wait no longer: computations look at the clock and at the request to stop themselves, but calls of LAPACK and
// large allocations do not.
struct Patience {
  std::optional<Clock::time_point> deadline;  // of the computation
  std::stop_token stop;
};

struct Watched {
  Analysis analysis;
  bool overdue = false;  // it is what was known; the computation still runs, so that the process is to end without it
};

// Runs `work` on a thread of its own and waits. `work` is given a function that takes what is known so far. Its errors
// are thrown here; where it is overdue and nothing is known, an Error.
using Keep = std::function<void(const Analysis&)>;
Watched watched(const Patience& patience, std::function<Analysis(const Keep&)> work);

}  // namespace taut::cli
