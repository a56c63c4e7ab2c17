#include "examples/support/interrupt.h"

#include <signal.h>

#include <array>
#include <atomic>

namespace taut::examples {
namespace {

constexpr std::array<int, 2> handled{SIGINT, SIGTERM};
std::atomic<bool> noted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a handler of signals may only use atomics without locks");
std::array<struct sigaction, handled.size()> before;

extern "C" void note(int) { noted.store(true); }

}  // namespace

Interrupt::Interrupt() {
  noted.store(false);
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);  // the second signal has its usual effect
  for (std::size_t i = 0; i < handled.size(); ++i) sigaction(handled[i], &action, &before[i]);
}

Interrupt::~Interrupt() {
  for (std::size_t i = 0; i < handled.size(); ++i) sigaction(handled[i], &before[i], nullptr);
}

bool Interrupt::requested() { return noted.load(); }

}  // namespace taut::examples
