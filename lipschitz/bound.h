// Bounds that know how far they can be trusted. An upper and a lower bound are different types; neither converts to or
// from a plain number. Each carries its norm, its rigour and the derivation it came from.
#pragma once

#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "autodiff/norm.h"
#include "lipschitz/magnitude.h"

#pragma GCC visibility push(default)

namespace taut {

// How far a value can be trusted, strongest first.
struct Certified {  // true in exact arithmetic of the stored numbers, all rounding of the computation included
  friend bool operator==(const Certified&, const Certified&) = default;
};
struct Probabilistic {  // true except with this probability over the method's own random draws
  double failure = 0.0;
  friend bool operator==(const Probabilistic&, const Probabilistic&) = default;
};
struct Estimate {  // nothing is proved
  friend bool operator==(const Estimate&, const Estimate&) = default;
};
using Rigour = std::variant<Certified, Probabilistic, Estimate>;

// The one rule by which rigour combines, used everywhere: it can only weaken. Failures add up (union bound), a failure
// of 1 or more is an estimate, an estimate absorbs.
Rigour weakest(const Rigour& a, const Rigour& b);
std::string to_string(const Rigour& rigour);  // "certified", "probabilistic (failure 1e-10)", "estimate"
std::ostream& operator<<(std::ostream& out, const Rigour& rigour);

// What kind of answer a result is.
enum class Status {
  finite,
  unbounded,    // the function is proved to have no finite constant
  no_rule,      // none is known to this library
  unsupported,  // the question makes sense, this library cannot answer it
  cut,          // stopped by a time limit or a stop request; the value is true but could be better
};
std::string_view to_string(Status status);
std::ostream& operator<<(std::ostream& out, Status status);

// One step of how a bound was obtained, with the steps it rests on. Immutable and shared.
struct Derivation {
  Side side = Side::upper;
  Magnitude value;
  Norm norm = Norm::l2;
  Rigour rigour = Estimate{};
  std::string method;  // e.g. "autolip", "dense cholesky"
  std::string detail;  // what it is the bound of: a node, a map
  std::vector<std::shared_ptr<const Derivation>> from;

  ~Derivation();  // without recursion: derivations are as deep as networks

  std::string statement() const;  // "<= 3.31 certified, autolip, l2: node 7 (relu, model.cpp:12)"
  std::string explain() const;    // the tree, indented; a step that occurs again is referred to by its number
};

template <Side S>
class Bound {
 public:
  // A failure of 0 is certified; outside of [0, 1) it is an estimate.
  static Bound certified(const Magnitude& value, Norm norm, std::string method, std::string detail = "");
  static Bound probabilistic(const Magnitude& value, double failure, Norm norm, std::string method,
                             std::string detail = "");
  static Bound estimate(const Magnitude& value, Norm norm, std::string method, std::string detail = "");
  // What every combination below makes: a value computed from bounds, with the weakest of their rigours.
  static Bound derived(const Magnitude& value, Norm norm, std::span<const Bound> from, std::string method,
                       std::string detail = "");

  // The nearest double on the safe side; +inf (upper) also where the value exceeds every double, see magnitude().
  double value() const { return derivation_->value.round(S); }
  const Magnitude& magnitude() const { return derivation_->value; }
  Norm norm() const { return derivation_->norm; }
  const Rigour& rigour() const { return derivation_->rigour; }
  bool is_certified() const { return std::holds_alternative<Certified>(rigour()); }
  bool is_estimate() const { return std::holds_alternative<Estimate>(rigour()); }
  const std::string& method() const { return derivation_->method; }
  const std::string& detail() const { return derivation_->detail; }
  std::string explain() const { return derivation_->explain(); }
  std::string str() const { return derivation_->statement(); }

 private:
  explicit Bound(std::shared_ptr<const Derivation> derivation) : derivation_(std::move(derivation)) {}
  static Bound make(const Magnitude& value, Norm norm, Rigour rigour, std::string method, std::string detail);

  std::shared_ptr<const Derivation> derivation_;
};

using UpperBound = Bound<Side::upper>;
using LowerBound = Bound<Side::lower>;

extern template class Bound<Side::upper>;
extern template class Bound<Side::lower>;

template <Side S>
std::ostream& operator<<(std::ostream& out, const Bound<S>& bound);

// Combinations. All bounds of one call must be in one norm (UsageError). Values are rounded outward when inexact.

// L(g ∘ f) ≤ L(g) · L(f). A certified 0 times +inf is 0, a constant map in the chain; an estimated 0 times +inf is a
// NumericError.
UpperBound product(const UpperBound& outer, const UpperBound& inner, std::string detail = "");
// L(f + g) ≤ L(f) + L(g).
UpperBound sum(std::span<const UpperBound> terms, std::string detail = "");
// L((f, g)), results stacked: the sum in l1, the root of the sum of squares in l2, the maximum in linf.
UpperBound joint(std::span<const UpperBound> parts, std::string detail = "");
// Multiplied by an exactly known factor ≥ 0.
UpperBound scaled(const UpperBound& bound, double factor, std::string detail = "");
// The same bound as a step of another method, with what it is the bound of.
UpperBound named(const UpperBound& bound, std::string method, std::string detail);
// The better of two bounds of one quantity: the stronger rigour first, then the value. Between two probabilistic ones
// the choice depends on both, so their failures add up.
template <Side S>
Bound<S> better(const Bound<S>& a, const Bound<S>& b);

// The bound itself; RigourError with explain() when it is not certified.
template <Side S>
const Bound<S>& require_certified(const Bound<S>& bound);

// `value` in at most `digits` significant digits: up for upper, down for lower bounds, unless the text reads back as
// the same double.
std::string format_directed(const Magnitude& value, Side side, int digits = 6);

}  // namespace taut

#pragma GCC visibility pop
