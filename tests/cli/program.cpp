#include "tests/cli/program.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

namespace taut::test {

Outcome taut(const std::vector<std::string>& arguments, const std::optional<Kick>& kick) {
  return run_process(TAUT_PROGRAM, arguments, kick);
}

nlohmann::ordered_json taut_json(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  const Outcome outcome = taut(arguments);
  BOOST_TEST_REQUIRE(outcome.status == 0, outcome.error);
  BOOST_TEST(outcome.error == "");
  return nlohmann::ordered_json::parse(outcome.out);
}

void check_refused(const std::vector<std::string>& arguments, int status, const std::vector<std::string>& parts) {
  const Outcome outcome = taut(arguments);
  BOOST_TEST_CONTEXT(outcome.error) {
    BOOST_TEST(outcome.status == status);
    BOOST_TEST(outcome.out == "");
    BOOST_TEST(std::ranges::count(outcome.error, '\n') == 1);
    BOOST_TEST(outcome.error.ends_with('\n'));
    BOOST_TEST(outcome.error.starts_with("taut: "));
    for (const std::string& part : parts) BOOST_TEST(outcome.error.find(part) != std::string::npos, part);
  }
}

std::string model_file(const std::string& name) { return TAUT_SOURCE_DIR "/tests/data/onnx/" + name + ".onnx"; }

nlohmann::ordered_json expected_values() {
  const std::string folder = TAUT_SOURCE_DIR "/tests/data/onnx/";
  auto all = nlohmann::ordered_json::parse(contents(folder + "published.json"));
  const auto computed = nlohmann::ordered_json::parse(contents(folder + "expected.json"));
  for (const auto& [name, network] : computed["cases"].items()) all[name] = network["values"];
  return all;
}

}  // namespace taut::test
