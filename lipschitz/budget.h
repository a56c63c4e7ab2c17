// What every long call may spend: a time limit, a way to stop it, progress, threads and a seed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>

#pragma GCC visibility push(default)

namespace taut {

struct Progress {
  std::string_view stage;  // what is being done, e.g. "autolip"
  double fraction = 0.0;   // of the whole call, in [0, 1]
};

struct Budget {
  using Clock = std::chrono::steady_clock;

  // When it has passed, or a stop is requested, a call returns the best values that it has proved so far, marked as
  // cut.
  std::optional<Clock::time_point> deadline;
  std::stop_token stop;
  std::function<void(const Progress&)> progress;  // called by the calling thread
  int threads = 1;                                // worker threads of the call itself; those of BLAS belong to programs
  std::uint64_t seed = 0;                         // of the call's random draws

  Budget& within(std::chrono::duration<double> seconds) {
    deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(seconds);
    return *this;
  }

  bool expired() const { return stop.stop_requested() || (deadline && Clock::now() >= *deadline); }
  // Is there time for this many floating-point operations? Counted at a rate that a BLAS reaches on any machine, since
  // a call of LAPACK cannot be interrupted.
  bool affords(double operations) const {
    if (stop.stop_requested()) return false;
    if (!deadline) return true;
    constexpr double operations_per_second = 2e9;
    return std::chrono::duration<double>(*deadline - Clock::now()).count() * operations_per_second > operations;
  }
  void report(std::string_view stage, double fraction) const {
    if (progress) progress({stage, fraction});
  }
};

}  // namespace taut

#pragma GCC visibility pop
