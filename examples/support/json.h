// JSON whose fields keep the order in which they were written.
#pragma once

#include <nlohmann/json.hpp>

namespace taut::examples {

using Json = nlohmann::ordered_json;

}  // namespace taut::examples
