#include <algorithm>
#include <ostream>

#include "autodiff/error.h"
#include "lipschitz/autolip.h"

namespace taut {
namespace {

using Line = std::vector<std::string>;

std::string joined_gains(const NodeRow& row) {
  std::string text;
  for (const UpperBound& gain : row.gains)
    text += (text.empty() ? "" : ", ") + format_directed(gain.magnitude(), Side::upper);
  return text;
}

std::string joined_operands(const NodeRow& row) {
  std::string text;
  for (const NodeId id : row.operands) text += (text.empty() ? "" : ", ") + std::to_string(id);
  return text;
}

Line line_of(const NodeRow& row) {
  return {std::to_string(row.id),
          row.label.empty() ? row.op : row.op + " " + row.label,
          joined_operands(row),
          row.shape.str(),
          cat(row.where),
          std::string(row.rule),
          joined_gains(row),
          row.bound ? format_directed(row.bound->magnitude(), Side::upper) : "",
          row.bound ? to_string(row.bound->rigour()) : ""};
}

// Characters, not bytes: labels may be UTF-8.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const AutoLipReport& report) {
  std::vector<Line> lines{{"node", "op", "of", "shape", "where", "rule", "gain", "L up to here", "rigour"}};
  for (const NodeRow& row : report.rows) lines.push_back(line_of(row));
  std::vector<std::size_t> widths(lines.front().size());
  for (const Line& line : lines)
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], width(line[c]));
  for (const Line& line : lines) {
    std::string text;
    for (std::size_t c = 0; c < line.size(); ++c) text += line[c] + std::string(widths[c] - width(line[c]) + 2, ' ');
    out << text.substr(0, text.find_last_not_of(' ') + 1) << '\n';
  }
  out << "L " << report.bound;
  if (report.status != Status::finite) out << " (" << report.status << ": " << report.note << ')';
  return out << '\n';
}

}  // namespace taut
