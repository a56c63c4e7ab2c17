// What the library claims of a graph, against what is known of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autodiff/norm.h"
#include "autodiff/range.h"
#include "lipschitz/sandwich.h"
#include "tests/onnx/generated/draft.h"

namespace taut::test::generated {

// Under which a graph is looked at.
struct Question {
  Norm norm = Norm::l2;
  std::optional<Interval> box;
  std::uint64_t seed = 0;  // of the sampling
  int points = 60;
};
Question question_of(std::uint64_t seed);
std::string text_of(const Question& question);

enum class Kind {
  upper_too_small,     // than a Jacobian that was seen
  lower_too_large,     // than the constant of an affine graph, or than 0 for one that does not vary
  crossed,             // a certified lower bound above a certified upper bound
  lower_unreached,     // far above every Jacobian, those around its own point included
  unbounded_unproved,  // status "unbounded" where nothing grows
  failure,             // an exception that is not one of the library's
};
std::string_view to_string(Kind kind);

struct Finding {
  Kind kind;
  std::string what;
};

struct Outcome {
  std::string refusal;  // why nothing was claimed; "" where something was
  bool finite = false;  // a certified finite upper bound
  std::vector<Finding> findings;
};
Outcome check(const onnx::GraphData& graph, const Question& question);

// Leaves out what the outputs do not depend on: nobody computes it, so that it may be anything.
void remove_unused(onnx::GraphData& graph);
// A smaller graph with a finding of the same kind.
onnx::GraphData shrunk(onnx::GraphData graph, const Question& question, Kind kind);

}  // namespace taut::test::generated
