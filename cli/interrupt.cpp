#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "autodiff/error.h"

namespace taut::cli {
namespace {

// A handler may do next to nothing: it writes to a pipe, and a thread that reads it requests the stop.
std::array<int, 2> pipe_ends{-1, -1};
std::atomic<int> signals = 0, first_signal = 0;

void write_byte(char byte) {
  if (write(pipe_ends[1], &byte, 1) != 1) return;  // the pipe is full: there is a byte in it already
}

extern "C" void on_signal(int signal) {
  const int error = errno;
  if (signals.fetch_add(1) > 0) _exit(128 + signal);
  first_signal = signal;
  write_byte('s');
  errno = error;
}

void handle(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

Interrupt::Interrupt() {
  if (pipe(pipe_ends.data()) != 0) throw Error("no pipe can be opened; close other files of this process");
  watcher_ = std::thread([this] {
    char byte = 0;
    while (read(pipe_ends[0], &byte, 1) == 1 && byte == 's') source_.request_stop();
  });
  handle(on_signal);
}

int Interrupt::signal() { return first_signal; }

Interrupt::~Interrupt() {
  handle(SIG_DFL);
  write_byte('q');
  watcher_.join();
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

}  // namespace taut::cli
