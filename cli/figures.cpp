#include "cli/figures.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "cli/markup.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

constexpr double row_height = 40.0;

bool on_log_axis(double x) { return std::isfinite(x) && x > 0.0; }
bool is_drawn(const BoundRow& row) { return row.has_value() && on_log_axis(row.value); }

std::string svg(double height, const std::string& label, const std::string& content) {
  return cat("<svg role='img' aria-label='", escaped(label), "' width='100%' height='", coordinate(height), "'>\n",
             content, "</svg>\n");
}

// A disc is certified, a diamond probabilistic, a hollow square an estimate.
std::string mark(const Rigour& rigour) {
  if (std::holds_alternative<Certified>(rigour)) return "<circle r='6' class='solid'/>";
  if (std::holds_alternative<Probabilistic>(rigour)) return "<path d='M0 -8L8 0L0 8L-8 0Z' class='solid'/>";
  return "<rect x='-5.5' y='-5.5' width='11' height='11' class='hollow'/>";
}

std::string label_of(const BoundRow& row) {
  const std::string relation = row.is_estimate() ? "" : row.side == Side::upper ? "≤ " : "≥ ";
  if (!is_drawn(row)) {
    const bool zero = row.has_value() && row.value == 0.0;
    return cat(row.method, zero ? cat(": L ", relation, "0") : cat(": ", note_text(row)));
  }
  return cat(row.method, ": L ", relation, value_text(row), ", ", row.rigour, row.status == Status::cut ? ", cut" : "");
}

// A bound says that L lies on one side of it: the line points there.
std::string bound_row(const BoundRow& row, const LogAxis& axis, double top) {
  const bool upper = row.side == Side::upper;
  const std::string colour = upper ? "upper" : "lower", text = label_of(row);
  std::string out = cat("<g class='", colour, "'><text class='label' x='4' y='", coordinate(top + 14), "'>",
                        escaped(shortened(text, 52)), "<title>", escaped(text), "</title></text>\n");
  if (is_drawn(row)) {
    const std::string x = percent(axis.position(row.value)), y = coordinate(top + 27);
    out += cat("<line class='reach' x1='", upper ? "0%" : x, "' x2='", upper ? x : "100%", "' y1='", y, "' y2='", y,
               "'/><svg x='", x, "' y='", y, "' overflow='visible'>", mark(row.rigour), "</svg>\n");
  }
  return out + "</g>\n";
}

std::string band(const Sandwich& s, const LogAxis& axis, double bottom) {
  const BoundRow *lower = s.best_lower(), *upper = s.best_upper();
  if (lower == nullptr || upper == nullptr || !is_drawn(*lower) || !is_drawn(*upper)) return "";
  const double from = axis.position(std::min(lower->value, upper->value)), to = axis.position(upper->value);
  return cat("<rect class='band' x='", percent(from), "' y='0' width='", percent(std::max(to - from, 0.002)),
             "' height='", coordinate(bottom), "'/>\n");
}

std::string bar(const LayerRow& layer, double from, double to, double zero, double top) {
  const double norm = layer.norm->upper.value();
  const std::string text = cat(layer.name, layer.culprit ? " ◀ largest" : "");
  const std::string value = format_directed(layer.norm->upper.magnitude(), Side::upper, 4);
  std::string out = cat("<text class='label", layer.culprit ? " strong" : "", "' x='4' y='", coordinate(top + 14), "'>",
                        escaped(shortened(layer.name, 30)), layer.culprit ? " ◀ largest" : "", "<title>", escaped(text),
                        "</title></text><text class='label' text-anchor='end' x='99%' y='", coordinate(top + 14), "'>",
                        escaped(value), "</text>\n");
  if (!on_log_axis(norm)) return out;
  const double at = (std::log10(norm) - from) / (to - from);
  return out + cat("<rect class='", layer.culprit ? "bar worst" : "bar", "' x='", percent(std::min(at, zero)), "' y='",
                   coordinate(top + 20), "' width='", percent(std::max(std::fabs(at - zero), 0.002)),
                   "' height='12'/>\n");
}

}  // namespace

std::string sandwich_figure(const Sandwich& sandwich) {
  double low = infinity, high = 0.0;
  for (const BoundRow& row : sandwich.bounds) {
    if (!is_drawn(row)) continue;
    low = std::min(low, row.value);
    high = std::max(high, row.value);
  }
  if (high == 0.0) low = high = 1.0;
  const LogAxis axis(low, high);
  const double bottom = row_height * static_cast<double>(sandwich.bounds.size());
  std::string content = band(sandwich, axis, bottom) + axis.lines(0.0, bottom);
  double top = 0.0;
  for (const BoundRow& row : sandwich.bounds) {
    content += bound_row(row, axis, top);
    top += row_height;
  }
  return svg(bottom + 24.0, "bounds on a logarithmic axis", content);
}

std::string norms_figure(const std::vector<LayerRow>& layers) {
  double from = 0.0, to = 0.0, top = 0.0;
  for (const LayerRow& layer : layers) {
    if (!layer.norm || !on_log_axis(layer.norm->upper.value())) continue;
    from = std::min(from, std::log10(layer.norm->upper.value()));
    to = std::max(to, std::log10(layer.norm->upper.value()));
  }
  const double room = std::max(0.02, 0.06 * (to - from));
  from -= room;
  to += room;
  const double zero = -from / (to - from);
  const auto rows = std::ranges::count_if(layers, [](const LayerRow& layer) { return layer.norm.has_value(); });
  const double bottom = row_height * static_cast<double>(rows);
  std::string content =
      cat("<line class='zero' x1='", percent(zero), "' x2='", percent(zero), "' y1='0' y2='", coordinate(bottom),
          "'/><text class='small' text-anchor='middle' x='", percent(std::clamp(zero, 0.05, 0.95)), "' y='",
          coordinate(bottom + 16), "'>norm 1</text>\n");
  for (const LayerRow& layer : layers) {
    if (!layer.norm) continue;
    content += bar(layer, from, to, zero, top);
    top += row_height;
  }
  return svg(bottom + 24.0, "logarithms of the norms of layers", content);
}

std::string spectrum_figure(const LayerRow& layer) {
  const std::vector<double>& values = *layer.singular_values;
  // A picture is some hundred pixels wide.
  constexpr std::size_t most = 300;
  const std::size_t shown = std::min(values.size(), most);
  const double largest = std::max(values.front(), 1e-300);
  std::string path;
  for (std::size_t k = 0; k < shown; ++k) {
    const std::size_t at = shown == values.size() ? k : k * (values.size() - 1) / (shown - 1);
    const double left = 300.0 * static_cast<double>(k) / static_cast<double>(shown),
                 right = 300.0 * static_cast<double>(k + 1) / static_cast<double>(shown);
    const double y = 98.0 - 94.0 * values[at] / largest;
    path += cat(k == 0 ? "M" : "L", coordinate(left), ' ', coordinate(y), 'L', coordinate(right), ' ', coordinate(y));
  }
  const std::string caption =
      cat(values.size(), values.size() == 1 ? " value: " : " values, ", format_directed(values.front(), Side::upper, 4),
          values.size() == 1 ? "" : " to " + format_directed(values.back(), Side::lower, 3));
  return cat("<figure><figcaption><b>", escaped(shortened(layer.name, 36)), "</b> ", escaped(layer.op),
             "</figcaption><svg role='img' aria-label='singular values' viewBox='0 0 300 100' "
             "preserveAspectRatio='none' width='100%' height='100'><line class='zero' x1='0' x2='300' y1='98' y2='98'/>"
             "<path class='curve' d='",
             path, "'/></svg><figcaption>", escaped(caption), "</figcaption></figure>\n");
}

}  // namespace taut::cli
