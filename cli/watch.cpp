#include "cli/watch.h"

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "autodiff/error.h"

namespace taut::cli {
namespace {

using namespace std::chrono_literals;

// Under sanitizers everything takes several times as long.
#if defined(__SANITIZE_ADDRESS__)
#define TAUT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TAUT_SANITIZED 1
#endif
#endif
#ifdef TAUT_SANITIZED
constexpr int slowness = 12;
#else
constexpr int slowness = 1;
#endif
constexpr auto after_deadline = slowness * 400ms;  // a limit is kept within half a second
constexpr auto after_stop = slowness * 700ms;      // an interrupt within a second
constexpr auto between_looks = 20ms;

// What both threads see; it lives as long as either.
struct Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Analysis> known;
  bool done = false;
  std::exception_ptr error;
};

// Looks until the work is done; false when it is not to be waited for any longer.
bool wait(Shared& shared, const Patience& patience) {
  std::optional<Clock::time_point> last;
  if (patience.deadline) last = *patience.deadline + after_deadline;
  bool stopping = false;
  std::unique_lock lock(shared.mutex);
  while (!shared.done) {
    shared.changed.wait_for(lock, between_looks);
    if (!stopping && patience.stop.stop_requested()) {
      stopping = true;
      const auto then = Clock::now() + after_stop;
      last = last ? std::min(*last, then) : then;
    }
    if (last && !shared.done && Clock::now() >= *last) return false;
  }
  return true;
}

}  // namespace

Watched watched(const Patience& patience, std::function<Analysis(const Keep&)> work) {
  const auto shared = std::make_shared<Shared>();
  const auto keep = [shared](const Analysis& analysis) {
    const std::lock_guard lock(shared->mutex);
    shared->known = analysis;
  };
  std::thread worker([shared, keep, work = std::move(work)] {
    std::exception_ptr error;
    try {
      keep(work(keep));
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock(shared->mutex);
    shared->error = error;
    shared->done = true;
    shared->changed.notify_all();
  });
  const bool done = wait(*shared, patience);
  if (done)
    worker.join();
  else
    worker.detach();
  const std::lock_guard lock(shared->mutex);
  if (done && shared->error) std::rethrow_exception(shared->error);
  if (!shared->known)
    throw Error(patience.stop.stop_requested() ? "it was interrupted before anything was proved"
                                               : "the time limit passed before anything was proved; give it more time");
  Watched result{*shared->known, !done};
  if (!done)
    result.analysis.model.notes.emplace_back(
        "the time ended what was being computed: methods that had not answered are missing");
  return result;
}

}  // namespace taut::cli
