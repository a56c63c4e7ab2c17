#include "cli/json.h"

#include <charconv>
#include <cmath>

#include "cli/versions.h"
#include "lipschitz/bounds_json.h"

namespace taut::cli {
namespace {

using Json = nlohmann::ordered_json;

Json finite_or_null(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }

Json shape_json(const Shape& shape) {
  Json json = Json::array();
  for (const Index dim : shape.dims()) json.push_back(dim);
  return json;
}

Json ports_json(const std::vector<nn::onnx::Port>& ports) {
  Json json = Json::array();
  for (const nn::onnx::Port& port : ports) json.push_back({{"name", port.name}, {"shape", shape_json(port.shape)}});
  return json;
}

Json model_json(const ModelFacts& model) {
  Json json;
  json["path"] = model.path;
  json["sha256"] = model.sha256;
  json["inputs"] = ports_json(model.inputs);
  json["outputs"] = ports_json(model.outputs);
  json["parameters"] = model.parameters;
  json["notes"] = model.notes;
  return json;
}

Json layer_json(const LayerRow& row, bool spectrum) {
  Json json;
  json["name"] = row.name;
  json["op"] = row.op;
  json["shape_in"] = shape_json(row.in);
  json["shape_out"] = shape_json(row.out);
  json["norm_lower"] = row.norm ? finite_or_null(row.norm->lower.value()) : Json(nullptr);
  json["norm_upper"] = row.norm ? finite_or_null(row.norm->upper.value()) : Json(nullptr);
  json["rigour"] =
      row.norm ? Json(rigour_word(weakest(row.norm->lower.rigour(), row.norm->upper.rigour()))) : Json(nullptr);
  json["structure"] = row.structure;
  json["frobenius"] = row.frobenius ? finite_or_null(row.frobenius->value()) : Json(nullptr);
  if (spectrum) json["singular_values"] = row.singular_values ? Json(*row.singular_values) : Json(nullptr);
  return json;
}

Json layers_json(const std::vector<LayerRow>& rows, bool spectrum) {
  Json json = Json::array();
  for (const LayerRow& row : rows) json.push_back(layer_json(row, spectrum));
  return json;
}

std::string number_text(double x) {
  if (!std::isfinite(x)) return "null";
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, x).ptr};
}

void write(std::string& out, const Json& json, int depth);

// Arrays of plain values stay on one line.
void write_members(std::string& out, const Json& json, int depth, bool broken) {
  const std::string margin(2 * static_cast<std::size_t>(depth), ' ');
  const std::string line = broken ? cat("\n", margin, "  ") : "";
  bool first = true;
  for (auto item = json.begin(); item != json.end(); ++item) {
    if (!first) out += broken ? "," : ", ";
    out += line;
    first = false;
    if (json.is_object()) out += Json(item.key()).dump(-1, ' ', false, Json::error_handler_t::replace) + ": ";
    write(out, *item, depth + 1);
  }
  if (broken) out += cat("\n", margin);
}

void write(std::string& out, const Json& json, int depth) {
  if (!json.is_structured()) {
    out += json.is_number_float() ? number_text(json.get<double>())
                                  : json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  bool nested = json.is_object();
  for (const Json& member : json) nested = nested || member.is_structured();
  out += json.is_object() ? '{' : '[';
  write_members(out, json, depth, nested && !json.empty());
  out += json.is_object() ? '}' : ']';
}

}  // namespace

Json to_json(const Analysis& analysis, bool spectrum) {
  Json json;
  json["taut"] = version();
  json["model"] = model_json(analysis.model);
  json["norm"] = std::string(to_string(analysis.norm));
  json["domain"] = nullptr;
  if (analysis.box) json["domain"] = {{"box", {analysis.box->lo, analysis.box->hi}}};
  json["bounds"] = Json::array();
  for (const BoundRow& row : analysis.sandwich.bounds) json["bounds"].push_back(taut::to_json(row));
  json["best"] = best_to_json(analysis.sandwich);
  json["layers"] = layers_json(analysis.layers.unfolded, spectrum);
  json["folded"] = layers_json(analysis.layers.folded, spectrum);
  return json;
}

std::string json_text(const Json& json) {
  std::string out;
  write(out, json, 0);
  return out + '\n';
}

}  // namespace taut::cli
