#include "cli/settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace taut::cli {
namespace {

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

template <class T>
std::optional<T> parsed(const std::string& text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

Norm norm_of(const std::string& text) {
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf})
    if (text == to_string(norm)) return norm;
  throw UsageMistake(cat("--norm is l2, l1 or linf, got '", text, "'"));
}

void set_methods(Settings& settings, const std::string& text) {
  settings.methods.clear();
  settings.all_methods = text == "all";
  if (settings.all_methods) return;
  for (const std::string& name : split(text, ',')) {
    const auto row = std::ranges::find(methods(), name, &MethodRow::name);
    if (row == methods().end())
      throw UsageMistake(cat("--methods takes a list of all, ", method_names(), "; got '", name, "'"));
    settings.methods.push_back(row->method);
  }
}

Interval box_of(const std::string& text) {
  const std::vector<std::string> ends = split(text, ':');
  if (ends.size() == 2) {
    const auto lo = parsed<double>(ends[0]), hi = parsed<double>(ends[1]);
    if (lo && hi && std::isfinite(*lo) && std::isfinite(*hi) && *lo < *hi) return {*lo, *hi};
  }
  throw UsageMistake(cat("--box takes two numbers LO:HI with LO < HI, got '", text, "'"));
}

std::vector<Index> shape_of(const std::string& text) {
  std::vector<Index> shape;
  double size = 1.0;
  for (const std::string& part : split(text, 'x')) {
    const auto dim = parsed<Index>(part);
    if (!dim || *dim < 1 || shape.size() == static_cast<std::size_t>(max_rank) ||
        (size *= static_cast<double>(*dim)) > 1e9)
      throw UsageMistake(cat("--input-shape takes up to ", max_rank, " sizes such as 1x1x28x28, got '", text, "'"));
    shape.push_back(*dim);
  }
  return shape;
}

int batch_axis_of(const std::string& text) {
  if (text == "none") return nn::onnx::no_batch_axis;
  const auto axis = parsed<int>(text);
  if (!axis || *axis < 0 || *axis >= max_rank)
    throw UsageMistake(cat("--batch-axis takes an axis from 0 to ", max_rank - 1, " or none, got '", text, "'"));
  return *axis;
}

double seconds_of(const std::string& text) {
  const auto seconds = parsed<double>(text);
  constexpr double longest = 1e8;  // three years; a clock can count as far
  if (!seconds || !(*seconds > 0.0) || !(*seconds <= longest))
    throw UsageMistake(cat("--time-limit takes a number of seconds > 0, got '", text, "'"));
  return *seconds;
}

std::uint64_t whole_number_of(const std::string& text, std::uint64_t least, std::uint64_t most) {
  const auto value = parsed<std::uint64_t>(text);
  if (!value || *value < least || *value > most)
    throw UsageMistake(cat("a whole number from ", least, " to ", most, " is needed, got '", text, "'"));
  return *value;
}

}  // namespace taut::cli
