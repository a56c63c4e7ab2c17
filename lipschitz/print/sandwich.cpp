#include "lipschitz/sandwich.h"

#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>

#include "autodiff/error.h"
#include "lipschitz/text_table.h"

namespace taut {
namespace {

std::string digits(double x, int count) {
  std::ostringstream text;
  text << std::setprecision(count) << x;
  return text.str();
}

}  // namespace

std::string summary(const Sandwich& s) {
  if (!s.lower && !s.upper) return "";
  const std::string lower = s.lower ? format_directed(s.lower->magnitude(), Side::lower) + " <= " : "";
  const std::string upper = s.upper ? " <= " + format_directed(s.upper->magnitude(), Side::upper) : "";
  std::string text = lower + "L" + upper;
  if (s.lower) text += cat(", lower end ", s.lower->rigour());
  if (s.upper) text += cat(", upper end ", s.upper->rigour());
  if (std::isfinite(s.ratio())) text += ", ratio " + digits(s.ratio(), 4);
  return text;
}

std::ostream& operator<<(std::ostream& out, const Sandwich& sandwich) {
  std::vector<std::vector<std::string>> lines{{"method", "bound", "rigour", "seconds", ""}};
  for (const BoundRow& row : sandwich.bounds) {
    const std::string relation = row.is_estimate() ? "~ " : row.side == Side::upper ? "<= " : ">= ";
    lines.push_back({row.method, row.has_value() ? "L " + relation + format_directed(row.value, row.side) : "-",
                     row.has_value() ? to_string(row.rigour) : std::string(to_string(row.status)),
                     digits(row.seconds, 2), row.status == Status::cut ? "cut; " + row.note : row.note});
  }
  detail::print_table(out, lines);
  const std::string line = summary(sandwich);
  return line.empty() ? out : out << line << '\n';
}

}  // namespace taut
