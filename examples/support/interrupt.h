// Ctrl-C as a request to a training.
#pragma once

#include <stop_token>

namespace taut::examples {

// While it lives, the first SIGINT or SIGTERM is noted and nothing else; the next one ends the program. The handlers
// that were there before are put back. One object at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  static bool requested();  // since the object was made
  // A stop is requested of the token by poll(): a handler of signals may set a flag, but not call a stop_source.
  void poll() {
    if (requested()) source_.request_stop();
  }
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
};

}  // namespace taut::examples
