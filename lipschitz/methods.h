// The methods that bound a Lipschitz constant, one row each: what sandwich() runs, and what programs, their help and
// their documents list. Adding a method is a row of sandwich/methods.cpp and the function that it names.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "autodiff/norm.h"
#include "autodiff/shape.h"
#include "lipschitz/magnitude.h"

#pragma GCC visibility push(default)

namespace taut {

namespace detail {
class SandwichRun;
}

enum class Method : std::uint8_t {
  frobenius,
  autolip,
  seqlip,
  seqlip_exact,
  seqlip_greedy,
  eclipse_fast,
  multiplier,
  ascent,
  annealing,
  grid,
  dataset,
  pairs,
  exact,
};

struct MethodRow {
  Method method;
  std::string_view name;      // "seqlip-exact"
  Side side;                  // of estimates too: what they would be a bound of. `exact` gives both sides.
  std::string_view sentence;  // what it is, without a full stop
  void (*run)(detail::SandwichRun&);
  bool by_default = false;  // where everything that it needs is there
  bool l2_only = false, needs_data = false, needs_box = false;
  Index most_inputs = std::numeric_limits<Index>::max();  // numbers in one sample
};

// In the order of the enumeration, so that row i is that of method i.
std::span<const MethodRow> methods();
const MethodRow& row_of(Method method);
std::string_view to_string(Method method);
// UsageError that lists the names.
Method method_named(std::string_view name);
std::string method_names();  // all of them, separated by ", "

// What a method may lack to be run.
struct MethodQuestion {
  Norm norm = Norm::l2;
  bool has_data = false, has_box = false;
  Index inputs = 0;  // numbers in one sample; 0: not known yet
};
enum class Lack : std::uint8_t { nothing, l2, data, box, few_inputs };
Lack lack_of(const MethodRow& row, const MethodQuestion& question);

}  // namespace taut

#pragma GCC visibility pop
