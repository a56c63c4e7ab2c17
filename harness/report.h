// What a check found. Checks fill reports instead of asserting, so that a test can demand that a wrong primitive is
// rejected, by the name of the check that must notice.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "autodiff/error.h"

#pragma GCC visibility push(default)

namespace taut::harness {

class Report {
 public:
  explicit Report(std::string check) : check_(std::move(check)) {}

  // Counts one comparison; when it does not hold, keeps the text (of the first few).
  template <class... Parts>
  bool expect(bool holds, const Parts&... parts) {
    ++comparisons_;
    if (!holds) fail(parts...);
    return holds;
  }
  template <class... Parts>
  void fail(const Parts&... parts) {
    ++failed_;
    if (failures_.size() < max_kept)
      failures_.push_back(context_.empty() ? cat(parts...) : cat(context_, ": ", parts...));
  }
  // Prefix of the texts that follow, e.g. the sample's name.
  void set_context(std::string context) { context_ = std::move(context); }

  const std::string& check() const { return check_; }
  int comparisons() const { return comparisons_; }
  int failed() const { return failed_; }
  // A check that compared nothing has shown nothing.
  bool passed() const { return failed_ == 0 && comparisons_ > 0; }
  std::string text() const {
    std::string all = cat(check_, ": ", failed_, " of ", comparisons_, " comparisons failed");
    for (const std::string& failure : failures_) all += "\n  " + failure;
    if (comparisons_ == 0) all += "\n  nothing was compared: no sample reaches this check";
    return all;
  }

 private:
  static constexpr std::size_t max_kept = 6;
  std::string check_, context_;
  int comparisons_ = 0, failed_ = 0;
  std::vector<std::string> failures_;
};

}  // namespace taut::harness

#pragma GCC visibility pop
