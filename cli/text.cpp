#include "cli/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>

#include "autodiff/error.h"
#include "lipschitz/text_table.h"

namespace taut::cli {
namespace {

using Lines = std::vector<std::vector<std::string>>;

std::string share_text(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", 100.0 * share);
  return text;
}

void print_model(std::ostream& out, const Analysis& analysis) {
  const auto ports = [&](const char* what, const std::vector<nn::onnx::Port>& all) {
    for (const nn::onnx::Port& port : all) out << what << ' ' << port.name << ' ' << port.shape;
  };
  out << analysis.model.path << ':';
  ports(" input", analysis.model.inputs);
  ports(", output", analysis.model.outputs);
  out << ", " << analysis.model.parameters << " parameters, norm " << analysis.norm;
  if (analysis.box) out << ", inputs in [" << analysis.box->lo << ", " << analysis.box->hi << ']';
  out << '\n';
  for (const std::string& note : analysis.model.notes) out << "note: " << note << '\n';
}

std::string singular_values_text(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    char number[32];
    std::snprintf(number, sizeof number, "%.6g", value);
    text += cat(text.empty() ? "" : " ", number);
  }
  return text;
}

void print_rows(std::ostream& out, const std::vector<LayerRow>& rows, bool folded) {
  Lines lines{{"name", "op", "in", "out", "structure", "norm", "rigour", "frobenius"}};
  if (folded) lines.front().emplace_back("share of log L");
  for (const LayerRow& row : rows) {
    lines.push_back({row.name, row.op, row.in.str(), row.out.str(), row.structure,
                     row.norm ? enclosure_text(*row.norm) : "-", row.norm ? rigour_text(*row.norm) : "-",
                     row.frobenius ? format_directed(row.frobenius->magnitude(), Side::upper) : "-"});
    if (!folded) continue;
    const std::string mark = row.culprit ? ", largest" : "";
    lines.back().push_back(row.share ? share_text(*row.share) + mark : "");
  }
  detail::print_table(out, lines);
}

void print_spectra(std::ostream& out, const std::vector<LayerRow>& rows) {
  for (const LayerRow& row : rows) {
    out << "singular values of " << row.name << ": ";
    out << (row.singular_values ? singular_values_text(*row.singular_values) : "not computed") << '\n';
  }
}

}  // namespace

std::string value_text(const BoundRow& row) {
  if (!row.has_value() || !std::isfinite(row.value)) return "-";
  return (row.is_estimate() ? "~ " : "") + format_directed(row.value, row.side);
}

std::string note_text(const BoundRow& row) {
  std::string text = row.status == Status::finite ? "" : std::string(to_string(row.status));
  if (row.status == Status::finite && !std::isfinite(row.value)) text = "beyond the range of double";
  if (!text.empty() && !row.note.empty()) text += "; ";
  return text + row.note;
}

std::string enclosure_text(const Enclosure& bounds) {
  const std::string lower = format_directed(bounds.lower.magnitude(), Side::lower),
                    upper = format_directed(bounds.upper.magnitude(), Side::upper);
  return lower == upper ? upper : cat('[', lower, ", ", upper, ']');
}

std::string rigour_text(const Enclosure& bounds) {
  return to_string(weakest(bounds.lower.rigour(), bounds.upper.rigour())) + (bounds.cut ? ", cut" : "");
}

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, seconds < 0.0995 ? "%.2g s" : "%.3g s", seconds);
  return seconds < 1e-4 ? "0 s" : text;
}

std::string culprit_text(const Analysis& analysis) {
  const auto worst = std::ranges::find_if(analysis.layers.folded, &LayerRow::culprit);
  if (worst == analysis.layers.folded.end()) return "";
  const std::string norm = format_directed(worst->norm->upper.magnitude(), Side::upper);
  return cat(worst->name, " (", worst->op, ")", ", norm <= ", norm, ' ', worst->norm->upper.rigour(),
             worst->share ? cat(", ", share_text(*worst->share), " of log L in AutoLip") : "");
}

void print_bounds(std::ostream& out, const Analysis& analysis) {
  print_model(out, analysis);
  Lines lines{{"method", "side", "value", "rigour", "time", "note"}};
  for (const BoundRow& row : analysis.sandwich.bounds) {
    const bool answered = row.has_value() || std::isinf(row.value);
    const std::string side = row.has_value() && row.is_estimate() ? "estimate"
                             : row.side == Side::upper            ? "upper"
                                                                  : "lower";
    lines.push_back({row.method, side, value_text(row),
                     answered && row.status != Status::unsupported ? to_string(row.rigour) : "-",
                     seconds_text(row.seconds), note_text(row)});
  }
  detail::print_table(out, lines);
  if (const std::string worst = culprit_text(analysis); !worst.empty()) out << "largest layer: " << worst << '\n';
  const std::string last = summary(analysis.sandwich);
  out << (last.empty() ? "nothing is known about L" : last) << '\n';
}

void print_layers(std::ostream& out, const Analysis& analysis, bool spectrum) {
  print_model(out, analysis);
  print_rows(out, analysis.layers.unfolded, false);
  if (spectrum) print_spectra(out, analysis.layers.unfolded);
  out << "\nafter folding:\n";
  print_rows(out, analysis.layers.folded, true);
  if (spectrum) print_spectra(out, analysis.layers.folded);
}

}  // namespace taut::cli
