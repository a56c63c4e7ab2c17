#pragma once

#include <chrono>
#include <string>

#include "lipschitz/budget.h"

namespace taut::cli {

// One line on stderr that says what is being done, rewritten up to ten times a second and removed at the end. Nothing
// where stderr is not a terminal.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // For Budget::progress; holds this object.
  std::function<void(const Progress&)> callback();
  void clear();

 private:
  void show(const Progress& progress);

  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace taut::cli
