// Bounds as JSON objects: `taut bound --json`, `build/demo.json` and the tables of the paper hold the same. Headers of
// nlohmann-json are needed by those who include this, not by the library.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "lipschitz/sandwich.h"

#pragma GCC visibility push(default)

namespace taut {

inline std::string rigour_word(const Rigour& rigour) {
  if (std::holds_alternative<Certified>(rigour)) return "certified";
  return std::holds_alternative<Probabilistic>(rigour) ? "probabilistic" : "estimate";
}

// {"method", "side", "value", "status", "rigour", "failure_probability", "seconds", "note"}. The side of an estimate is
// "estimate"; what has no finite value has null, a status and a note.
inline nlohmann::ordered_json to_json(const BoundRow& row) {
  const bool finite = row.has_value() && std::isfinite(row.value);
  // A product of norms may exceed every double without being infinite.
  const bool too_large = row.status == Status::finite && !finite;
  const auto* probabilistic = std::get_if<Probabilistic>(&row.rigour);
  nlohmann::ordered_json json;
  json["method"] = row.method;
  json["side"] = finite && row.is_estimate() ? "estimate" : row.side == Side::upper ? "upper" : "lower";
  json["value"] = finite ? nlohmann::ordered_json(row.value) : nlohmann::ordered_json(nullptr);
  json["status"] = std::string(to_string(too_large ? Status::unsupported : row.status));
  json["rigour"] = rigour_word(row.rigour);
  json["failure_probability"] = probabilistic != nullptr ? probabilistic->failure : 0.0;
  json["seconds"] = row.seconds;
  json["note"] = too_large && row.note.empty() ? "finite, but beyond the range of double" : row.note;
  return json;
}

// {"upper", "upper_rigour", "lower", "lower_rigour"}: null where there is none. The upper one is never an estimate.
inline nlohmann::ordered_json best_to_json(const Sandwich& sandwich) {
  nlohmann::ordered_json best;
  const auto put = [&](const std::string& side, const BoundRow* row) {
    const bool finite = row != nullptr && std::isfinite(row->value);
    best[side] = finite ? nlohmann::ordered_json(row->value) : nlohmann::ordered_json(nullptr);
    best[side + "_rigour"] =
        finite ? nlohmann::ordered_json(rigour_word(row->rigour)) : nlohmann::ordered_json(nullptr);
  };
  put("upper", sandwich.best_upper());
  put("lower", sandwich.best_lower());
  return best;
}

}  // namespace taut

#pragma GCC visibility pop
