// The recursion of AutoLip over a network, which other bounds of whole functions share. Internal to lipschitz.
//
// AutoLip multiplies the norms of the maps between anchors; what knows more about paths of maps and elementwise
// operations, as SeqLip does, overrides what is asked at the ends of such paths.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lipschitz/autolip.h"
#include "lipschitz/network/network.h"
#include "lipschitz/upper/step_form.h"

namespace taut::detail {

Question question_of(const AutoLipOptions& options);
// Frobenius norms are taken of layers as they are.
Behind behind_under(const AutoLipOptions& options);

class AutoLip {
 public:
  AutoLip(const Network& network, const AutoLipOptions& options, std::string_view name);
  virtual ~AutoLip() = default;
  AutoLip(const AutoLip&) = delete;
  AutoLip& operator=(const AutoLip&) = delete;

  AutoLipReport run();

 protected:
  struct State {
    std::vector<UpperBound> gains;       // per operand that varies
    std::optional<UpperBound> unfolded;  // by the recursion over single operations
    std::optional<UpperBound> bound;     // the better of both; of affine nodes only where it was asked for
    std::optional<UpperBound> anchor;    // of what others see as the anchor, where that is not the whole function
    std::optional<NodeId> cause;         // why it is infinite
  };

  // The bound up to a node whose value an operation takes that ends a path: one that is neither affine nor elementwise,
  // or the output.
  virtual UpperBound bound_at_end(NodeId id) { return bound_of(id); }

  const NetworkNode& node(NodeId id) const { return network_.node(id); }
  State& state(NodeId id) { return states_[id]; }
  UpperBound of_anchor(NodeId anchor);
  const UpperBound& bound_of(NodeId id);  // the bound up to a node, with folding
  const UpperBound& norm_of(const FoldedMap& map) { return map.norm(options_, cut_); }

  const Network& network_;
  const Graph& graph_;
  const AutoLipOptions& options_;
  bool cut_ = false;

 private:
  UpperBound certified(const Magnitude& value, std::string method, std::string detail = "") const;
  std::optional<UpperBound> bound_of_terms(const Terms& terms);
  const UpperBound& known(NodeId id) { return state(id).bound ? *state(id).bound : *state(id).unfolded; }
  // Of a node where the ways past and through one layer of activations meet.
  std::optional<UpperBound> bound_of_step(NodeId id);
  void set_anchor(NodeId id, UpperBound bound);
  void inherit_cause(NodeId id);
  template <class BoundOf>
  UpperBound combined(NodeId id, const std::vector<UpperBound>& gains, bool apart, BoundOf&& below);
  UpperBound gain(NodeId id, double value, std::string detail) const;
  std::vector<UpperBound> gains_of(NodeId id, const std::vector<Gain>& of_operands, const std::string& source) const;
  std::vector<UpperBound> norms_of(const std::vector<FoldedMap>& maps);
  UpperBound slope_bound(NodeId id, double slope) const;
  UpperBound largest_of(const std::vector<UpperBound>& parts) const;

  void include(NodeId id, const rule::Affine& rule);
  void include(NodeId id, const rule::Elementwise& rule);
  void include(NodeId id, const rule::Selects& rule);
  void include(NodeId id, const rule::Bounded& rule);
  void include(NodeId id, const rule::Bilinear& rule);
  void include(NodeId id, const rule::Unbounded& rule);

  // The operation by which the function is proved to have no constant, or nothing:
  // docs/mathematics/07-autolip.md#functions-without-a-constant.
  std::optional<NodeId> proved_unbounded();
  AutoLipReport summary();
  void explain_infinity(NodeId output, AutoLipReport& report);
  NodeRow row(NodeId id);

  StepFinder steps_;
  std::string name_;
  std::vector<State> states_;  // by node
  std::map<NodeId, rule::Unbounded> unbounded_;
};

// What autolip() and, with AffineNorm::frobenius, the Frobenius product say of a network.
AutoLipReport autolip(const Network& network, const AutoLipOptions& options);

}  // namespace taut::detail
