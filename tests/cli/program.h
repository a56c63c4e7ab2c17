// The program `taut`, run as users run it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace taut::test {

Outcome taut(const std::vector<std::string>& arguments, const std::optional<Kick>& kick = std::nullopt);

// The object that a successful run prints. Checks that there is nothing else on stdout or stderr.
nlohmann::ordered_json taut_json(std::vector<std::string> arguments);

// Checks for this exit status, an empty stdout, and one line on stderr that holds all of `parts`.
void check_refused(const std::vector<std::string>& arguments, int status, const std::vector<std::string>& parts);

std::string model_file(const std::string& name);  // of tests/data/onnx, without ".onnx"
// Of tests/data/onnx/expected.json and published.json: {name: {key: {"value", "kind", "rel_acc"}}}.
nlohmann::ordered_json expected_values();

}  // namespace taut::test
