#include "autodiff/norm.h"

#include <ostream>

#include "autodiff/error.h"

namespace taut {

std::string_view to_string(Norm norm) {
  switch (norm) {
    case Norm::l1:
      return "l1";
    case Norm::l2:
      return "l2";
    case Norm::linf:
      return "linf";
  }
  return "?";
}

std::ostream& operator<<(std::ostream& out, Norm norm) { return out << to_string(norm); }

Norm parse_norm(std::string_view text) {
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf})
    if (text == to_string(norm)) return norm;
  throw UsageError(cat("[norm] a norm is l1, l2 or linf; got '", text, "'"));
}

}  // namespace taut
