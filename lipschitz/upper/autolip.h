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
#include "lipschitz/network/supports.h"
#include "lipschitz/upper/step_form.h"

namespace taut::detail {

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
  // Of a sum of terms into which different numbers of the input enter.
  UpperBound sum_apart(const std::vector<UpperBound>& terms, std::string detail) const;

  void include(NodeId id, const rule::Affine& rule);
  void include(NodeId id, const rule::Elementwise& rule);
  void include(NodeId id, const rule::Selects& rule);
  void include(NodeId id, const rule::Bounded& rule);
  void include(NodeId id, const rule::Bilinear& rule);
  void include(NodeId id, const rule::Unbounded& rule);

  // Squares but for sign and offset, and a bound of their roots: docs/mathematics/07-autolip.md#roots-of-squares.
  struct Roots {
    rule::Squares squares;
    UpperBound bound;  // of ρ as a function of the joint input
  };
  // What is known of a node in this way: whether it is squares, and what it moves by as a function of squares.
  struct ThroughRoots {
    std::optional<Roots> roots;
    double gain = infinity;  // where its operand is squares
  };
  const ThroughRoots& through_roots(NodeId id);
  const Roots* roots_of(NodeId id);
  std::optional<Roots> roots_of_sum(NodeId id);
  std::optional<Roots> roots_of_function(NodeId id, const rule::OfSquares& what, const Roots* operand);
  std::optional<UpperBound> root_gain(NodeId id, std::size_t operand) const;
  // The bound of a node that is a function of squares, through their roots.
  std::optional<UpperBound> bound_through_roots(NodeId id);

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
  std::map<NodeId, ThroughRoots> roots_;
  Supports supports_;
};

// What autolip() and, with AffineNorm::frobenius, the Frobenius product say of a network.
AutoLipReport autolip(const Network& network, const AutoLipOptions& options);

}  // namespace taut::detail
