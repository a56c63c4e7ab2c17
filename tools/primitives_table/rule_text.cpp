#include "tools/primitives_table/rule_text.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/bound.h"

namespace taut::test {
namespace {

constexpr int digits = 10;

std::string gain_text(double gain) { return std::isinf(gain) ? "∞" : format_directed(gain, Side::upper, digits); }

std::string slope_end(double x, Side side) {
  if (std::isinf(x)) return x < 0 ? "−∞" : "∞";
  const Side of_magnitude = (x < 0) == (side == Side::lower) ? Side::upper : Side::lower;
  const std::string magnitude = format_directed(std::fabs(x), of_magnitude, digits);
  return x < 0 && magnitude != "0" ? "−" + magnitude : magnitude;
}

std::string join(const std::vector<std::string>& parts, const char* separator) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : separator) + part;
  return text;
}

std::string kind_of(const LinearMap& map);

// Each kind once, in order of appearance.
std::vector<std::string> kinds_of(const std::vector<LinearMap>& maps) {
  std::vector<std::string> kinds;
  for (const LinearMap& map : maps)
    if (const std::string kind = kind_of(map); std::ranges::find(kinds, kind) == kinds.end()) kinds.push_back(kind);
  return kinds;
}

struct KindText {
  std::string operator()(const structure::Dense&) const { return "dense"; }
  std::string operator()(const structure::DenseAlong&) const { return "dense along an axis"; }
  std::string operator()(const structure::Scale&) const { return "scaling"; }
  std::string operator()(const structure::Diagonal&) const { return "diagonal"; }
  std::string operator()(const structure::Selection&) const { return "selection"; }
  std::string operator()(const structure::Gathering&) const { return "gathering"; }
  std::string operator()(const structure::Convolution& c) const {
    return c.transposed ? "transposed convolution" : "convolution";
  }
  std::string operator()(const structure::BlockRow& row) const { return "row of " + join(kinds_of(row.blocks), ", "); }
  std::string operator()(const structure::BlockColumn& column) const {
    return "column of " + join(kinds_of(column.blocks), ", ");
  }
  std::string operator()(const structure::Composition& composition) const {
    std::vector<std::string> kinds;
    for (const LinearMap& factor : composition.factors) kinds.push_back(kind_of(factor));
    return join(kinds, " ∘ ");
  }
  std::string operator()(const structure::Sum& sum) const { return "sum of " + join(kinds_of(sum.terms), ", "); }
  std::string operator()(const structure::Opaque&) const { return "opaque"; }
};

std::string kind_of(const LinearMap& map) { return std::visit(KindText(), map.structure()); }

// Kinds of the maps of the arguments that vary.
std::string maps_text(const std::vector<LinearMap>& maps) {
  std::vector<LinearMap> present;
  std::ranges::copy_if(maps, std::back_inserter(present), [](const LinearMap& map) { return bool(map); });
  return '(' + join(kinds_of(present), ", ") + ')';
}

std::string gains_text(const std::vector<Gain>& gains) {
  std::vector<std::string> texts;
  for (const Gain& gain : gains)
    texts.push_back(gain.l1 == gain.l2 && gain.l2 == gain.linf
                        ? gain_text(gain.l2)
                        : cat("l1 ", gain_text(gain.l1), ", l2 ", gain_text(gain.l2), ", linf ", gain_text(gain.linf)));
  return join(texts, "; ");
}

struct RuleText {
  std::string operator()(const rule::Affine& affine) const { return "affine " + maps_text(affine.maps); }
  std::string operator()(const rule::Elementwise& elementwise) const {
    return cat("slope [", slope_end(elementwise.slope.lo, Side::lower), ", ",
               slope_end(elementwise.slope.hi, Side::upper), ']', elementwise.pieces ? ", piecewise linear" : "");
  }
  std::string operator()(const rule::Selects& selects) const {
    return cat("selects, multiplicity ", selects.multiplicity);
  }
  std::string operator()(const rule::Bounded& bounded) const {
    return cat("gain ", gains_text(bounded.gains), bounded.why.empty() ? "" : ": ", bounded.why,
               bounded.reference.empty() ? "" : " [" + bounded.reference + ']');
  }
  std::string operator()(const rule::Bilinear& bilinear) const { return "bilinear " + maps_text(bilinear.dominating); }
  std::string operator()(const rule::Unbounded& unbounded) const {
    return (unbounded.proved ? "unbounded, proved: " : "no constant known: ") + unbounded.why;
  }
};

}  // namespace

std::string text_of(const Rule& rule) { return std::visit(RuleText(), rule); }

}  // namespace taut::test
