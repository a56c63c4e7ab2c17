// Tables as the programs print them: aligned text for the terminal, Markdown for documents, CSV for other programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/support/json.h"

namespace taut::examples {

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // a cell per column, UsageError otherwise

  std::string text() const;      // first column to the left, the others to the right
  std::string markdown() const;  // | in cells is escaped
};

// A row in JSON holds its bounds as {"bounds": [{"method", "side", "value", "rigour", "status", …}, …]}. The one of
// that method (and side), or null.
const Json* bound_of(const Json& row, std::string_view method, std::string_view side = "");

// Its value, or nothing where there is none or it is not finite.
std::optional<double> value_of(const Json* bound);

// What the columns of every row must obey: Frobenius ≥ AutoLip ≥ certified SeqLip, and no certified upper bound below a
// certified lower one. The sentence for a report, or what is wrong.
std::string order_note(const std::vector<Json>& rows);

// A number of a table: `digits` significant digits, rounded up for upper and down for lower bounds that are proved, to
// nearest for estimates, which begin with "~"; "p " for probabilistic. "-" for null, the status where the value is not
// finite, and " (cut)" behind values that a time limit cut.
std::string cell(const Json* bound, int digits = 5);
// The explanation of these marks, for below a table.
extern const std::string_view cell_legend;

// `digits` significant digits, to nearest; "-" for nothing.
std::string number(std::optional<double> value, int digits = 4);

// Every bound of every row, a line each: name, method, side, value, rigour, status, seconds, note. Values in the
// shortest form that reads back to the same number; empty where they are null.
std::string bounds_csv(const std::vector<Json>& rows);
// One line of CSV: cells with commas, quotes or line breaks are put in quotes.
std::string csv_line(const std::vector<std::string>& cells);

}  // namespace taut::examples
