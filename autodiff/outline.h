// Recording without computing: for questions that rules answer from shapes alone, such as where samples lie.
#pragma once

#include "autodiff/tape.h"

#pragma GCC visibility push(default)

namespace taut {

// While it lives, what depends on an input or a parameter of the tape is recorded with its shape and type, and has
// numbers that mean nothing; what depends on constants alone is computed as ever.
class Outline {
 public:
  explicit Outline(Tape& tape);
  ~Outline();
  Outline(const Outline&) = delete;
  Outline& operator=(const Outline&) = delete;

 private:
  detail::TapeState& state_;
  bool before_;
};

}  // namespace taut

#pragma GCC visibility pop
