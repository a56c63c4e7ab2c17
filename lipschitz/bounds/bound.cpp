#include "lipschitz/bound.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <ostream>

#include "autodiff/error.h"

// GCC gives instantiations the visibility of a template's definition, not that of its declaration.
#pragma GCC visibility push(default)

namespace taut {
namespace {

double failure_of(const Rigour& rigour) {
  const auto* p = std::get_if<Probabilistic>(&rigour);
  return p != nullptr ? p->failure : 0.0;
}

Rigour rigour_of_failure(double failure) {
  if (failure == 0.0) return Certified{};
  if (failure > 0.0 && failure < 1.0) return Probabilistic{failure};
  return Estimate{};
}

std::string shortest(double x) {
  char text[32];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, x);
    if (std::strtod(text, nullptr) == x) break;
  }
  return text;
}

template <Side S>
void require_one_norm(std::span<const Bound<S>> bounds, const char* op) {
  if (bounds.empty()) throw UsageError(cat("[", op, "] needs at least one bound"));
  for (const Bound<S>& bound : bounds)
    if (bound.norm() != bounds.front().norm())
      throw UsageError(cat("[", op, "] bounds in one norm are needed; got ", bounds.front().norm(), " and ",
                           bound.norm(), "; compute all of them in the same norm"));
}

// Folds values upwards with a binary operation.
template <class F>
Magnitude fold(std::span<const UpperBound> bounds, F&& f) {
  Magnitude total;
  for (const UpperBound& bound : bounds) total = f(total, bound.magnitude());
  return total;
}

}  // namespace

Rigour weakest(const Rigour& a, const Rigour& b) {
  if (std::holds_alternative<Estimate>(a) || std::holds_alternative<Estimate>(b)) return Estimate{};
  return rigour_of_failure(add_up(failure_of(a), failure_of(b)));
}

std::string to_string(const Rigour& rigour) {
  if (std::holds_alternative<Certified>(rigour)) return "certified";
  if (std::holds_alternative<Estimate>(rigour)) return "estimate";
  return "probabilistic (failure " + shortest(failure_of(rigour)) + ")";
}

std::ostream& operator<<(std::ostream& out, const Rigour& rigour) { return out << to_string(rigour); }

std::string_view to_string(Status status) {
  switch (status) {
    case Status::finite:
      return "finite";
    case Status::unbounded:
      return "unbounded";
    case Status::no_rule:
      return "no_rule";
    case Status::unsupported:
      return "unsupported";
    case Status::cut:
      return "cut";
  }
  return "?";
}

std::ostream& operator<<(std::ostream& out, Status status) { return out << to_string(status); }

// Takes the steps that nobody else holds onto a list, so that each dies with nothing below it.
Derivation::~Derivation() {
  std::vector<std::shared_ptr<const Derivation>> dying = std::move(from);
  while (!dying.empty()) {
    const std::shared_ptr<const Derivation> step = std::move(dying.back());
    dying.pop_back();
    if (step.use_count() == 1) {
      auto& below = const_cast<Derivation&>(*step).from;  // the last holder: nobody sees the change
      std::ranges::move(below, std::back_inserter(dying));
      below.clear();
    }
  }
}

std::string Derivation::statement() const {
  std::string text = side == Side::upper ? "<= " : ">= ";
  text += format_directed(value, side) + ' ' + to_string(rigour) + ", " + method + ", ";
  text += to_string(norm);
  if (!detail.empty()) text += ": " + detail;
  return text;
}

std::string Derivation::explain() const {
  struct Item {
    const Derivation* step;
    int depth;
  };
  std::map<const Derivation*, int> number;
  std::vector<Item> pending{{this, 0}};
  std::string text;
  while (!pending.empty()) {
    const auto [step, depth] = pending.back();
    pending.pop_back();
    const auto [place, first] = number.try_emplace(step, static_cast<int>(number.size()) + 1);
    text += std::string(2 * static_cast<std::size_t>(depth), ' ') + '(' + std::to_string(place->second) + ") ";
    if (!first) {
      text += "as above\n";
      continue;
    }
    text += step->statement() + '\n';
    for (auto below = step->from.rbegin(); below != step->from.rend(); ++below)
      pending.push_back({below->get(), depth + 1});
  }
  return text;
}

template <Side S>
Bound<S> Bound<S>::make(const Magnitude& value, Norm norm, Rigour rigour, std::string method, std::string detail) {
  auto step = std::make_shared<Derivation>();
  step->side = S;
  step->value = value;
  step->norm = norm;
  step->rigour = rigour;
  step->method = std::move(method);
  step->detail = std::move(detail);
  return Bound(std::move(step));
}

template <Side S>
Bound<S> Bound<S>::certified(const Magnitude& value, Norm norm, std::string method, std::string detail) {
  return make(value, norm, Certified{}, std::move(method), std::move(detail));
}

template <Side S>
Bound<S> Bound<S>::probabilistic(const Magnitude& value, double failure, Norm norm, std::string method,
                                 std::string detail) {
  return make(value, norm, rigour_of_failure(failure), std::move(method), std::move(detail));
}

template <Side S>
Bound<S> Bound<S>::estimate(const Magnitude& value, Norm norm, std::string method, std::string detail) {
  return make(value, norm, Estimate{}, std::move(method), std::move(detail));
}

template <Side S>
Bound<S> Bound<S>::derived(const Magnitude& value, Norm norm, std::span<const Bound> from, std::string method,
                           std::string detail) {
  auto step = std::make_shared<Derivation>();
  step->side = S;
  step->value = value;
  step->norm = norm;
  step->rigour = Certified{};
  step->method = std::move(method);
  step->detail = std::move(detail);
  for (const Bound& bound : from) {
    step->rigour = weakest(step->rigour, bound.rigour());
    step->from.push_back(bound.derivation_);
  }
  return Bound(std::move(step));
}

template class Bound<Side::upper>;
template class Bound<Side::lower>;

template <Side S>
std::ostream& operator<<(std::ostream& out, const Bound<S>& bound) {
  return out << bound.str();
}
template std::ostream& operator<<(std::ostream&, const UpperBound&);
template std::ostream& operator<<(std::ostream&, const LowerBound&);

UpperBound product(const UpperBound& outer, const UpperBound& inner, std::string detail) {
  const UpperBound both[] = {outer, inner};
  require_one_norm<Side::upper>(both, "product of bounds");
  for (const auto& [zero, other] : {std::pair(&outer, &inner), std::pair(&inner, &outer)})
    if (zero->magnitude().is_zero() && !zero->is_certified() && other->magnitude().is_infinite())
      throw NumericError(cat("[product of bounds] 0 times +inf is 0 only when the 0 is certified; got ", zero->str(),
                             "; bound that factor with a certified method"));
  return UpperBound::derived(Magnitude::product(outer.magnitude(), inner.magnitude(), Side::upper), outer.norm(), both,
                             "product", std::move(detail));
}

UpperBound sum(std::span<const UpperBound> terms, std::string detail) {
  require_one_norm(terms, "sum of bounds");
  if (terms.size() == 1 && detail.empty()) return terms.front();
  const Magnitude total =
      fold(terms, [](const Magnitude& a, const Magnitude& b) { return Magnitude::sum(a, b, Side::upper); });
  return UpperBound::derived(total, terms.front().norm(), terms, "sum", std::move(detail));
}

UpperBound joint(std::span<const UpperBound> parts, std::string detail) {
  require_one_norm(parts, "joint bound");
  if (parts.size() == 1 && detail.empty()) return parts.front();
  const Norm norm = parts.front().norm();
  Magnitude total;
  switch (norm) {
    case Norm::l1:
      total = fold(parts, [](const Magnitude& a, const Magnitude& b) { return Magnitude::sum(a, b, Side::upper); });
      break;
    case Norm::l2:
      total = fold(parts, [](const Magnitude& a, const Magnitude& b) {
        return Magnitude::sum(a, Magnitude::product(b, b, Side::upper), Side::upper);
      });
      total = Magnitude::root(total, Side::upper);
      break;
    case Norm::linf:
      total = fold(parts, [](const Magnitude& a, const Magnitude& b) { return std::max(a, b); });
      break;
  }
  return UpperBound::derived(total, norm, parts, "joint", std::move(detail));
}

UpperBound scaled(const UpperBound& bound, double factor, std::string detail) {
  return UpperBound::derived(Magnitude::product(bound.magnitude(), factor, Side::upper), bound.norm(), {&bound, 1},
                             "scaled", std::move(detail));
}

UpperBound named(const UpperBound& bound, std::string method, std::string detail) {
  return UpperBound::derived(bound.magnitude(), bound.norm(), {&bound, 1}, std::move(method), std::move(detail));
}

template <Side S>
Bound<S> better(const Bound<S>& a, const Bound<S>& b) {
  const Bound<S> both[] = {a, b};
  require_one_norm<S>(both, "better of two bounds");
  if (a.rigour().index() != b.rigour().index()) return a.rigour().index() < b.rigour().index() ? a : b;
  const bool b_wins = S == Side::upper ? b.magnitude() < a.magnitude() : a.magnitude() < b.magnitude();
  const Bound<S>& best = b_wins ? b : a;
  if (!std::holds_alternative<Probabilistic>(best.rigour())) return best;
  return Bound<S>::derived(best.magnitude(), best.norm(), both, best.method(), best.detail());
}
template UpperBound better(const UpperBound&, const UpperBound&);
template LowerBound better(const LowerBound&, const LowerBound&);

template <Side S>
const Bound<S>& require_certified(const Bound<S>& bound) {
  if (!bound.is_certified())
    throw RigourError(cat("[require_certified] a certified bound is needed; got ", bound.rigour(),
                          ". Where it comes from:\n", bound.explain(),
                          "Use a certified method for the steps that are not."));
  return bound;
}
template const UpperBound& require_certified(const UpperBound&);
template const LowerBound& require_certified(const LowerBound&);

std::string format_directed(const Magnitude& value, Side side, int digits) {
  const double x = value.round(side);
  const double other = value.round(side == Side::upper ? Side::lower : Side::upper);
  // Outside of the range of double (where the two roundings differ widely) only the power of ten is meaningful.
  if (!value.is_infinite() && (std::isinf(x) || std::isinf(other) || x == 0.0 || other == 0.0) && !value.is_zero()) {
    const double exponent = value.log10(), error = 1e-9 * std::fabs(exponent);
    const double whole = side == Side::upper ? std::ceil(exponent + error) : std::floor(exponent - error);
    return "1e" + std::to_string(static_cast<long long>(whole));
  }
  if (x < 1e-300) digits = 17;  // below, a unit of the last digit may not be a double
  char text[40];
  std::snprintf(text, sizeof text, "%.*g", digits, x);
  // One unit of the last digit at a time; the second step is only taken when rounding to nearest undid the first.
  const double away = side == Side::upper ? 1.0 : -1.0;
  for (double unit = std::pow(10.0, std::floor(std::log10(x)) - digits + 1), shifted = x;
       (std::strtod(text, nullptr) - x) * away < 0.0;) {
    shifted += 0.5 * away * unit;
    std::snprintf(text, sizeof text, "%.*g", digits, shifted);
  }
  return text;
}

}  // namespace taut

#pragma GCC visibility pop
