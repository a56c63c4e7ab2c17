#include "cli/report.h"

#include <fstream>
#include <span>

#include "autodiff/error.h"
#include "cli/figures.h"
#include "cli/markup.h"
#include "cli/text.h"
#include "cli/versions.h"

namespace taut::cli {
namespace {

constexpr const char* style = R"(
:root { color-scheme: light dark; --page: #ffffff; --ink: #1c1f23; --soft: #5c6670; --rule: #d5dae0; --panel: #f5f7f9;
  --upper: #1f5fa8; --lower: #b3470f; --band: #dce9f7; --worst: #b3470f; }
@media (prefers-color-scheme: dark) { :root { --page: #15181c; --ink: #e6e9ec; --soft: #9aa5b0; --rule: #343b43;
  --panel: #1d2127; --upper: #79b4f2; --lower: #f0a06c; --band: #1e3147; --worst: #f0a06c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 980px; padding: 1rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.verdict { font-size: 1.15rem; margin: .75rem 0; padding: .75rem 1rem; background: var(--panel);
  border-left: 4px solid var(--upper); }
.soft, figcaption, .key { color: var(--soft); font-size: .87rem; }
svg { display: block; overflow: visible; } figure { margin: 0; }
svg text { font: 13px system-ui, sans-serif; fill: var(--ink); }
svg text.label { paint-order: stroke; stroke: var(--page); stroke-width: 3px; stroke-linejoin: round; } svg text.small { font-size: 11px; fill: var(--soft); }
svg text.strong { font-weight: 700; fill: var(--worst); }
.tick { stroke: var(--rule); } .zero { stroke: var(--soft); vector-effect: non-scaling-stroke; }
.band { fill: var(--band); } .upper .solid { fill: var(--upper); } .lower .solid { fill: var(--lower); }
.hollow { fill: var(--page); stroke-width: 2; } .upper .hollow { stroke: var(--upper); }
.lower .hollow { stroke: var(--lower); } .reach { stroke-width: 2; opacity: .45; }
.upper .reach { stroke: var(--upper); } .lower .reach { stroke: var(--lower); stroke-dasharray: 5 3; }
.bar { fill: var(--upper); } .worst { fill: var(--worst); }
.curve { fill: none; stroke: var(--upper); stroke-width: 2; vector-effect: non-scaling-stroke; }
.spectra { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(260px, 100%), 1fr)); gap: 1.25rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .87rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--rule);
  overflow-wrap: normal; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { border-bottom: 1px solid var(--rule); padding: .35rem 0; } summary { cursor: pointer; }
pre { overflow-x: auto; font-size: .8rem; background: var(--panel); padding: .6rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; font-size: .87rem; }
dt { color: var(--soft); } dd { margin: 0; white-space: pre-line; }
@media screen and (max-width: 640px) { table, tbody, tr, td { display: block; } th { display: none; }
  tr { border-bottom: 1px solid var(--rule); padding: .4rem 0; }
  td, td.number { border: 0; padding: .1rem 0 .1rem 6rem; text-indent: -6rem; text-align: left; white-space: normal; }
  td::before { text-indent: 0; }
  td:empty { display: none; }
  td::before { content: attr(data-name); display: inline-block; width: 6rem; color: var(--soft); } }
@media print { body { max-width: none; font-size: 11px; } .wide, pre { overflow: visible; }
  pre { white-space: pre-wrap; } details::details-content { content-visibility: visible; block-size: auto; }
  h2, figure, tr { break-inside: avoid; } h2 { break-after: avoid; }
  .band, .bar, .solid { print-color-adjust: exact; } }
)";

struct Column {
  const char* name;
  bool number = false;
};
using Columns = std::span<const Column>;
constexpr Column bound_columns[] = {{"method"}, {"side"}, {"value", true}, {"rigour"}, {"time", true}, {"note"}};
constexpr Column layer_columns[] = {{"name"},      {"op"},         {"in"},     {"out"},
                                    {"structure"}, {"norm", true}, {"rigour"}, {"Frobenius", true}};

std::string attributes(const Column& column) {
  return cat(" data-name='", column.name, "'", column.number ? " class='number'" : "");
}

std::string heading(Columns columns) {
  std::string row = "<tr>";
  for (const Column& column : columns) row += cat("<th", attributes(column), ">", column.name, "</th>");
  return row + "</tr>\n";
}

std::string line(Columns columns, std::initializer_list<std::string> texts) {
  std::string row = "<tr>";
  const Column* column = columns.data();
  for (const std::string& text : texts) row += cat("<td", attributes(*column++), ">", escaped(text), "</td>");
  return row + "</tr>\n";
}

std::string table(const std::string& rows) { return "<div class='wide'><table>\n" + rows + "</table></div>\n"; }

std::string bounds_table(const Sandwich& sandwich) {
  std::string rows = heading(bound_columns);
  for (const BoundRow& row : sandwich.bounds) {
    const bool estimate = row.has_value() && row.is_estimate();
    rows += line(bound_columns, {row.method,
                                 estimate                  ? "estimate"
                                 : row.side == Side::upper ? "upper"
                                                           : "lower",
                                 value_text(row), row.status == Status::unsupported ? "-" : to_string(row.rigour),
                                 seconds_text(row.seconds), note_text(row)});
  }
  return table(rows);
}

std::string layers_table(const std::vector<LayerRow>& layers) {
  std::string rows = heading(layer_columns);
  for (const LayerRow& layer : layers)
    rows += line(layer_columns,
                 {layer.name, layer.op, layer.in.str(), layer.out.str(), layer.structure,
                  layer.norm ? enclosure_text(*layer.norm) : "-", layer.norm ? rigour_text(*layer.norm) : "-",
                  layer.frobenius ? format_directed(layer.frobenius->magnitude(), Side::upper) : "-"});
  return table(rows);
}

std::string explanations(const Sandwich& sandwich) {
  std::string out;
  for (const BoundRow& row : sandwich.bounds) {
    if (row.explanation.empty()) continue;
    const std::string relation = row.is_estimate() ? " ~ " : row.side == Side::upper ? " <= " : " >= ";
    out += cat("<details><summary>", escaped(row.method + ": L" + relation + format_directed(row.value, row.side)),
               ", ", escaped(to_string(row.rigour)), "</summary><pre>", escaped(row.explanation), "</pre></details>\n");
  }
  return out;
}

std::string spectra(const std::vector<LayerRow>& layers) {
  std::string figures;
  for (const LayerRow& layer : layers)
    if (layer.singular_values && !layer.singular_values->empty()) figures += spectrum_figure(layer);
  if (figures.empty()) return "<p class='soft'>None was computed: too large, or no time.</p>\n";
  return "<p class='soft'>From the largest to the smallest, downwards to 0.</p>\n<div class='spectra'>\n" + figures +
         "</div>\n";
}

std::string fact(const std::string& name, const std::string& value) {
  return cat("<dt>", escaped(name), "</dt><dd>", escaped(value), "</dd>\n");
}

std::string ports(const std::vector<nn::onnx::Port>& all) {
  std::string text;
  for (const nn::onnx::Port& port : all) text += cat(text.empty() ? "" : ", ", port.name, ' ', port.shape);
  return text;
}

std::string facts(const Settings& settings, const Analysis& analysis) {
  const ModelFacts& model = analysis.model;
  std::string methods;
  for (const BoundRow& row : analysis.sandwich.bounds)
    if (methods.find(row.method) == std::string::npos) methods += (methods.empty() ? "" : ", ") + row.method;
  std::string out = fact("file", model.path) + fact("SHA-256", model.sha256) + fact("inputs", ports(model.inputs)) +
                    fact("outputs", ports(model.outputs)) + fact("parameters", std::to_string(model.parameters)) +
                    fact("norm", std::string(to_string(analysis.norm))) + fact("methods", methods);
  out +=
      fact("domain", analysis.box ? cat("every number of the input in [", analysis.box->lo, ", ", analysis.box->hi, ']')
                                  : "all reals");
  if (!settings.data.empty()) out += fact("data", settings.data);
  if (settings.time_limit) out += fact("time limit", cat(*settings.time_limit, " s"));
  out += fact("seed", std::to_string(settings.seed)) + fact("threads", std::to_string(settings.threads));
  return "<dl>\n" + out + fact("time", seconds_text(analysis.seconds)) + fact("versions", versions()) + "</dl>\n";
}

constexpr const char* key =
    "<p class='key'>● certified: true in exact arithmetic of the network with its stored weights, rounding errors of "
    "the computation included. ◆ probabilistic: true except with the failure probability that is stated. □ estimate: "
    "nothing is proved. A line shows on which side of its bound the constant lies. The shaded band lies between the "
    "best bounds.</p>\n";

}  // namespace

std::string report_page(const Settings& settings, const Analysis& analysis) {
  const std::string name = escaped(analysis.model.path);
  std::string page =
      cat("<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'/>\n<meta name='viewport' "
          "content='width=device-width, initial-scale=1'/>\n<title>",
          name, ": Lipschitz bounds</title>\n<style>", style, "</style>\n</head>\n<body>\n<h1>", name,
          "</h1>\n<p class='soft'>Lipschitz constant L in ", analysis.norm, ", by taut ", version(), "</p>\n");
  page += cat("<p class='verdict'>", escaped(summary(analysis.sandwich)), "</p>\n");
  for (const std::string& note : analysis.model.notes) page += cat("<p class='soft'>Note: ", escaped(note), "</p>\n");
  page += cat("<h2>Bounds</h2>\n", sandwich_figure(analysis.sandwich), key, bounds_table(analysis.sandwich));
  page += cat("<h2>Norms of the layers, after folding</h2>\n<p class='soft'>Logarithmic. ",
              "AutoLip multiplies them along paths and adds where branches join. ", escaped(culprit_text(analysis)),
              "</p>\n", norms_figure(analysis.layers.folded), layers_table(analysis.layers.folded));
  page += cat("<h2>Layers of the file</h2>\n", layers_table(analysis.layers.unfolded));
  page += cat("<h2>Singular values</h2>\n", spectra(analysis.layers.unfolded));
  page += cat("<h2>How each bound was obtained</h2>\n", explanations(analysis.sandwich));
  return page + cat("<h2>About this page</h2>\n", facts(settings, analysis), "</body>\n</html>\n");
}

void write_report(const Settings& settings, const Analysis& analysis) {
  std::ofstream stream(settings.report);
  stream << report_page(settings, analysis);
  stream.flush();
  if (!stream)
    throw FileError(
        cat("[report] ", settings.report, " cannot be written; check that its folder exists and may be written to"));
}

}  // namespace taut::cli
