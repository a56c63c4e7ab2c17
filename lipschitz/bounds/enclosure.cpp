#include "lipschitz/enclosure.h"

#include <ostream>

namespace taut {

double Enclosure::overshoot() const {
  if (upper.magnitude().is_zero()) return 0.0;
  if (!(lower.value() > 0.0) || !std::isfinite(upper.value())) return infinity;
  return upper.value() / lower.value() - 1.0;
}

std::ostream& operator<<(std::ostream& out, const Enclosure& enclosure) {
  const auto& [lower, upper, cut, iterations, seconds] = enclosure;
  out << '[' << format_directed(lower.magnitude(), Side::lower);
  if (lower.rigour() != upper.rigour()) out << " (" << lower.rigour() << ')';
  out << ", " << format_directed(upper.magnitude(), Side::upper) << "] " << upper.rigour() << ", " << upper.method();
  return out << (cut ? ", cut" : "");
}

}  // namespace taut
