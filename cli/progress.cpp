#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace taut::cli {

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO) == 1) {}

std::function<void(const Progress&)> ProgressLine::callback() {
  if (!terminal_) return nullptr;
  return [this](const Progress& progress) { show(progress); };
}

void ProgressLine::show(const Progress& progress) {
  const auto now = std::chrono::steady_clock::now();
  if (shown_ && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  shown_ = true;
  const int percent = static_cast<int>(100.0 * std::clamp(progress.fraction, 0.0, 1.0));
  // Carriage return, and erase to the end of the line behind the text.
  std::fprintf(stderr, "\r%3d %%  %.*s\033[K", percent, static_cast<int>(progress.stage.size()), progress.stage.data());
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (!shown_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace taut::cli
