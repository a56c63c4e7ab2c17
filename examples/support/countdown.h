// A progress line for a list of tasks.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace taut::examples {

// "3/25  circles of radii 1, 3, 40 s left" on stderr before every task: rewritten on a terminal, a line each elsewhere.
// The time left assumes that tasks take as long as those before them did on average.
class Countdown {
 public:
  explicit Countdown(std::size_t tasks) : tasks_(tasks) {}

  void next(const std::string& task);
  void finish();  // wipes the line of a terminal

 private:
  using Clock = std::chrono::steady_clock;

  std::size_t tasks_, begun_ = 0, width_ = 0;
  Clock::time_point start_ = Clock::now();
};

}  // namespace taut::examples
