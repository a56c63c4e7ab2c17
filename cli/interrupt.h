// Ctrl-C as a request: computations stop and what they have proved is printed. A second one ends the program.
#pragma once

#include <stop_token>
#include <thread>

namespace taut::cli {

// While it lives, SIGINT and SIGTERM request a stop of token(). One object per process.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  static int signal();  // the first that came, 0 for none

 private:
  std::stop_source source_;
  std::thread watcher_;
};

}  // namespace taut::cli
