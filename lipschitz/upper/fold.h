// The fold over the declared rules of a tape that bounds of whole functions share. Internal to lipschitz.
//
// Chains of affine operations are folded into linear maps between *atoms*: the joint input and the outputs of
// operations that are not affine. AutoLip multiplies the norms of these maps; what knows more about paths of maps and
// elementwise operations, as SeqLip does, overrides what is asked at the ends of such paths.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lipschitz/autolip.h"
#include "lipschitz/graph.h"
#include "lipschitz/network/folded_map.h"

namespace taut::detail {

// A node as a sum of affine images of atoms.
constexpr NodeId joint_input = static_cast<NodeId>(-1);
using Terms = std::map<NodeId, FoldedMap>;

// Do the maps write to different entries, as the parts of a concatenation do? Then results add up in the joint norm.
bool write_apart(const std::vector<LinearMap>& maps);
// The part of the joint input vector that one input is.
LinearMap part_of_joint(Index total, Index offset, const Shape& shape);
// Where every slope is one number the operation is affine on the domain: its map, else empty.
LinearMap linear_here(const rule::Elementwise& rule, const Shape& shape);

// Of an elementwise operation with more than one slope: f64 (size), outer intervals, the constants' rounding included.
struct Slopes {
  Tensor lo, hi;
  NodeId operand = 0;
};

class Fold {
 public:
  Fold(const Graph& graph, const AutoLipOptions& options, std::string_view name);
  virtual ~Fold() = default;
  Fold(const Fold&) = delete;
  Fold& operator=(const Fold&) = delete;

  AutoLipReport run();

 protected:
  struct State {
    std::string_view rule = "constant";
    std::vector<UpperBound> gains;
    Terms terms;
    Terms before;                        // what they were of an affine node that became an atom, being too large
    std::optional<UpperBound> unfolded;  // by the recursion over single operations
    std::optional<UpperBound> bound;     // the better of both; of affine nodes only where it was asked for
    std::optional<UpperBound> atom;      // of g, where the node is a linear map behind a g that others see as the atom
    std::optional<Slopes> slopes;        // where the node is elementwise and an atom
    std::optional<NodeId> cause;         // why it is infinite
  };

  // The bound up to a node whose value an operation takes that ends a path: one that is neither affine nor elementwise,
  // or the output.
  virtual UpperBound bound_at_end(NodeId id) { return bound_of(id); }

  State& state(NodeId id) { return states_[id]; }
  UpperBound of_atom(NodeId atom);
  const UpperBound& bound_of(NodeId id);  // the bound up to a node, with folding
  std::vector<NodeId> varying_operands(NodeId id) const;
  const UpperBound& norm_of(const FoldedMap& map) { return map.norm(options_, cut_); }

  const Graph& graph_;
  const AutoLipOptions& options_;
  bool cut_ = false;

 private:
  bool on_domain() const { return options_.box.has_value(); }
  UpperBound certified(const Magnitude& value, std::string method, std::string detail = "") const;
  void prepare_ranges();
  void prepare_inputs();
  std::optional<UpperBound> bound_of_terms(const Terms& terms);
  const UpperBound& known(NodeId id) { return state(id).bound ? *state(id).bound : *state(id).unfolded; }
  void set_atom(NodeId id, std::string_view rule, UpperBound bound);
  void inherit_cause(NodeId id);
  template <class BoundOf>
  UpperBound combined(NodeId id, const std::vector<UpperBound>& gains, bool apart, BoundOf&& below);
  UpperBound gain(NodeId id, double value, std::string detail) const;
  std::vector<UpperBound> gains_of(NodeId id, const std::vector<Gain>& of_operands, const std::string& source) const;
  UpperBound slope_bound(NodeId id, double slope) const;
  void set_slopes(NodeId id, const rule::Elementwise& rule);
  UpperBound largest_of(const std::vector<UpperBound>& parts) const;

  void include(NodeId id, const rule::Affine& rule);
  void include_affine(NodeId id, std::string_view kind, const rule::Affine& rule);
  void include(NodeId id, const rule::Elementwise& rule);
  void include(NodeId id, const rule::Selects& rule);
  void include(NodeId id, const rule::Bounded& rule);
  void include(NodeId id, const rule::Bilinear& rule);
  void include(NodeId id, const rule::Unbounded& rule);

  // The operation by which the function is proved to have no constant (docs/mathematics.md, 7.6), or nothing.
  std::optional<NodeId> proved_unbounded();
  AutoLipReport summary();
  void explain_infinity(NodeId output, AutoLipReport& report);
  NodeRow row(NodeId id);

  std::string name_;
  std::vector<State> states_;  // by node
  std::vector<Range> ranges_;  // by node, empty without a domain
  std::map<NodeId, rule::Unbounded> unbounded_;
};

}  // namespace taut::detail
