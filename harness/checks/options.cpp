#include "harness/options.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "autodiff/error.h"

namespace taut::harness {
namespace {

double positive_number(const char* name, double otherwise) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == '\0') return otherwise;
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (*end != '\0' || !std::isfinite(value) || value < 0.0)
    throw UsageError(cat("[harness] ", name, " must be a number >= 0, got '", text, "'; unset it for the default"));
  return value;
}

Options read() {
  Options o;
  o.scale = positive_number("TAUT_TEST_SCALE", o.scale);
  o.seed = static_cast<std::uint64_t>(positive_number("TAUT_TEST_SEED", static_cast<double>(o.seed)));
  return o;
}

}  // namespace

const Options& options() {
  static const Options read_once = read();
  return read_once;
}

int iterations(int base) {
  constexpr int least = 4;
  return std::max(std::min(base, least), static_cast<int>(std::lround(base * options().scale)));
}

}  // namespace taut::harness
