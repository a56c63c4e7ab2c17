#include "examples/support/countdown.h"

#include <cmath>
#include <iostream>

#include "autodiff/error.h"
#include "examples/support/program.h"

namespace taut::examples {

void Countdown::next(const std::string& task) {
  std::string line = cat(begun_ + 1, '/', tasks_, "  ", task);
  if (begun_ > 0) {
    const double passed = std::chrono::duration<double>(Clock::now() - start_).count();
    const double left = passed / static_cast<double>(begun_) * static_cast<double>(tasks_ - begun_);
    line += cat(", ", static_cast<long>(std::ceil(left)), " s left");
  }
  ++begun_;
  if (!stderr_is_terminal()) {
    std::cerr << line << '\n';
    return;
  }
  std::cerr << '\r' << line << std::string(line.size() < width_ ? width_ - line.size() : 0, ' ') << std::flush;
  width_ = line.size();
}

void Countdown::finish() {
  if (stderr_is_terminal()) std::cerr << '\r' << std::string(width_, ' ') << '\r' << std::flush;
}

}  // namespace taut::examples
