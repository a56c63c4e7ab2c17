// The program `taut`, run as users run it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace taut::test {

struct Outcome {
  int status = -1;  // of exit; 128 + the number of the signal that ended it
  std::string out, error;
  double seconds = 0.0;
};

// A signal, sent so many seconds after the start; a second one after `again` more.
struct Kick {
  int signal;
  double after;
  std::optional<double> again;
};
Outcome taut(const std::vector<std::string>& arguments, const std::optional<Kick>& kick = std::nullopt);

// The object that a successful run prints. Checks that there is nothing else on stdout or stderr.
nlohmann::ordered_json taut_json(std::vector<std::string> arguments);

// Checks for this exit status, an empty stdout, and one line on stderr that holds all of `parts`.
void check_refused(const std::vector<std::string>& arguments, int status, const std::vector<std::string>& parts);

std::string model_file(const std::string& name);  // of tests/data/onnx, without ".onnx"
// Of tests/data/onnx/expected.json and published.json: {name: {key: {"value", "kind", "rel_acc"}}}.
nlohmann::ordered_json expected_values();
std::string contents(const std::string& file);

}  // namespace taut::test
