#include <ostream>

#include "autodiff/error.h"
#include "lipschitz/autolip.h"
#include "lipschitz/seqlip.h"
#include "lipschitz/text_table.h"

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

}  // namespace

std::ostream& operator<<(std::ostream& out, const AutoLipReport& report) {
  std::vector<Line> lines{{"node", "op", "of", "shape", "where", "rule", "gain", "L up to here", "rigour"}};
  for (const NodeRow& row : report.rows) lines.push_back(line_of(row));
  detail::print_table(out, lines);
  out << "L " << report.bound;
  if (report.status != Status::finite) out << " (" << report.status << ": " << report.note << ')';
  return out << '\n';
}

std::ostream& operator<<(std::ostream& out, const SeqLipReport& report) {
  std::vector<Line> lines{{"activation", "neurons", "problem", "at least", "at most", "by norms", "method", "rigour"}};
  for (const SeqLipPair& pair : report.pairs)
    lines.push_back(
        {pair.name, std::to_string(pair.neurons), cat(pair.rows, " x ", pair.neurons, " x ", pair.columns),
         format_directed(pair.lower.magnitude(), Side::lower), format_directed(pair.upper.magnitude(), Side::upper),
         format_directed(pair.norms.magnitude(), Side::upper), pair.method, to_string(pair.upper.rigour())});
  detail::print_table(out, lines);
  out << "L " << report.bound;
  if (report.status != Status::finite || !report.note.empty())
    out << " (" << report.status << ": " << report.note << ')';
  return out << '\n';
}

}  // namespace taut
