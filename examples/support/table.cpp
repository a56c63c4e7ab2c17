#include "examples/support/table.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "autodiff/error.h"
#include "lipschitz/bound.h"

namespace taut::examples {

const std::string_view cell_legend =
    "Numbers without a mark are certified, rounding included. ~ marks estimates, of which nothing is proved.";

namespace {

void require_full(const Table& table) {
  for (const auto& row : table.rows)
    if (row.size() != table.columns.size())
      throw UsageError(cat("[table] a row needs ", table.columns.size(), " cells, got ", row.size()));
}

// Characters, as far as they are one column wide: bytes that do not continue a character of UTF-8.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string field(const Json& object, const char* name) {
  if (!object.contains(name) || object[name].is_null()) return "";
  return object[name].is_string() ? object[name].get<std::string>() : object[name].dump();
}

}  // namespace

std::string Table::text() const {
  require_full(*this);
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    widths.push_back(width_of(columns[c]));
    for (const auto& row : rows) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string all;
  const auto add = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const std::string space(widths[c] - width_of(cells[c]), ' ');
      line += (c > 0 ? "  " + space : "") + cells[c] + (c == 0 ? space : "");
    }
    all += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  };
  add(columns);
  for (const auto& row : rows) add(row);
  return all;
}

std::string Table::markdown() const {
  require_full(*this);
  std::string all;
  const auto add = [&](const std::vector<std::string>& cells) {
    for (const std::string& cell : cells) {
      all += "| ";
      for (const char c : cell) all += c == '|' ? std::string("\\|") : std::string(1, c);
      all += ' ';
    }
    all += "|\n";
  };
  add(columns);
  for (std::size_t c = 0; c < columns.size(); ++c) all += c == 0 ? "|---" : "|--:";
  all += "|\n";
  for (const auto& row : rows) add(row);
  return all;
}

const Json* bound_of(const Json& row, std::string_view method, std::string_view side) {
  if (!row.contains("bounds")) return nullptr;
  for (const Json& bound : row["bounds"])
    if (bound["method"] == method && (side.empty() || bound["side"] == side)) return &bound;
  return nullptr;
}

std::optional<double> value_of(const Json* bound) {
  if (bound == nullptr || !bound->contains("value") || !(*bound)["value"].is_number()) return std::nullopt;
  return (*bound)["value"].get<double>();
}

std::string order_note(const std::vector<Json>& rows) {
  for (const Json& row : rows) {
    const auto out_of_order = [&](const Json* above, const Json* below) {
      const std::optional<double> a = value_of(above), b = value_of(below);
      return a && b && *a < *b;
    };
    const auto complain = [&](const Json* above, const Json* below) {
      return cat("OUT OF ORDER in ", field(row, "name"), ": ", field(*above, "method"), " is below ",
                 field(*below, "method"), ".");
    };
    const Json *frobenius = bound_of(row, "frobenius"), *autolip = bound_of(row, "autolip");
    if (out_of_order(frobenius, autolip)) return complain(frobenius, autolip);
    for (const char* method : {"seqlip", "seqlip-exact"})
      if (out_of_order(autolip, bound_of(row, method))) return complain(autolip, bound_of(row, method));
    if (!row.contains("bounds")) continue;
    for (const Json& upper : row["bounds"])
      for (const Json& lower : row["bounds"])
        if (field(upper, "side") == "upper" && field(lower, "side") == "lower" &&
            field(upper, "rigour") == "certified" && field(lower, "rigour") == "certified" &&
            out_of_order(&upper, &lower))
          return complain(&upper, &lower);
  }
  return "In every row Frobenius ≥ AutoLip ≥ certified SeqLip, and no lower bound exceeds an upper one.";
}

std::string cell(const Json* bound, int digits) {
  if (bound == nullptr) return "-";
  const std::string status = field(*bound, "status"), rigour = field(*bound, "rigour");
  const std::optional<double> value = value_of(bound);
  if (!value) return status.empty() || status == "finite" || status == "cut" ? "-" : status;
  std::string text;
  if (rigour == "certified" || rigour == "probabilistic") {
    text = format_directed(*value, (*bound)["side"] == "lower" ? Side::lower : Side::upper, digits);
    if (rigour == "probabilistic") text = cat("p ", text);
  } else {
    text = cat("~", number(value, digits));
  }
  return status == "cut" ? text + " (cut)" : text;
}

std::string number(std::optional<double> value, int digits) {
  if (!value) return "-";
  std::ostringstream text;
  text.precision(digits);
  text << *value;
  return text.str();
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    if (cells[i].find_first_of(",\"\n\r") == std::string::npos) {
      line += cells[i];
      continue;
    }
    line += '"';
    for (const char c : cells[i]) line += c == '"' ? std::string("\"\"") : std::string(1, c);
    line += '"';
  }
  return line + '\n';
}

std::string bounds_csv(const std::vector<Json>& rows) {
  const std::vector<std::string> names{"method", "side", "value", "rigour", "status", "seconds", "note"};
  std::vector<std::string> header{"name"};
  header.insert(header.end(), names.begin(), names.end());
  std::string all = csv_line(header);
  for (const Json& row : rows) {
    if (!row.contains("bounds")) continue;
    for (const Json& bound : row["bounds"]) {
      std::vector<std::string> cells{field(row, "name")};
      for (const std::string& name : names) cells.push_back(field(bound, name.c_str()));
      all += csv_line(cells);
    }
  }
  return all;
}

}  // namespace taut::examples
