// What is printed for programs: one object, for both commands the same keys.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/analysis.h"

namespace taut::cli {

nlohmann::ordered_json to_json(const Analysis& analysis, bool spectrum);

// Indented text. Numbers in the shortest form that reads back to the same double; bytes that are not UTF-8, which names
// in files may hold, become U+FFFD.
std::string json_text(const nlohmann::ordered_json& json);

}  // namespace taut::cli
