// An example that trains, stopped by Ctrl-C and continued.
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>

#include "autodiff/error.h"
#include "tests/examples/support.h"
#include "tests/support/process.h"

using namespace taut::test;

namespace {

using Json = nlohmann::ordered_json;

struct Run {
  Outcome outcome;
  std::filesystem::path json, state;
};

Run train(const Scratch& folder, const std::string& name, bool resume, const std::optional<Kick>& kick = std::nullopt) {
  Run run{{}, folder / (name + ".json"), folder / (name + ".mnist_4.state")};
  std::vector<std::string> arguments{"--quick", "--json", run.json.string(), "--checkpoint", (folder / name).string()};
  if (resume) arguments.emplace_back("--resume");
  run.outcome = run_process(TAUT_TRAINING_EXAMPLE, arguments, kick);
  return run;
}

// What does not depend on the clock: the accuracy, and the bounds that no time limit cut, by method and side.
struct Timeless {
  double accuracy = 0.0;
  std::map<std::string, Json> bounds;
};

Timeless timeless(const std::filesystem::path& file) {
  const Json document = Json::parse(content_of(file));
  const Json& model = document.at("models").at(0);
  Timeless result{model.at("test_accuracy").get<double>(), {}};
  for (Json row : model.at("bounds")) {
    row.erase("seconds");
    if (row.at("status") != "cut") result.bounds.emplace(taut::cat(row.at("method"), " ", row.at("side")), row);
  }
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(resume)

BOOST_AUTO_TEST_CASE(ctrl_c_saves_a_training_and_resume_ends_with_the_same_bits) {
  const Scratch folder;
  const Run whole = train(folder, "whole", false);
  BOOST_TEST_REQUIRE(whole.outcome.status == 0, whole.outcome.error);

  const Run stopped = train(folder, "part", false, Kick{SIGINT, 0.1, std::nullopt, "Ctrl-C saves"});
  BOOST_TEST(stopped.outcome.status == 130);
  BOOST_TEST(stopped.outcome.error.find("stopped in epoch 1 after") != std::string::npos, stopped.outcome.error);
  BOOST_TEST(stopped.outcome.error.find("--resume goes on") != std::string::npos);
  BOOST_TEST(!std::filesystem::exists(stopped.json));
  BOOST_TEST_REQUIRE(std::filesystem::exists(stopped.state));
  BOOST_TEST(content_of(stopped.state) != content_of(whole.state));

  const Run resumed = train(folder, "part", true);
  BOOST_TEST_REQUIRE(resumed.outcome.status == 0, resumed.outcome.error);
  BOOST_TEST((content_of(resumed.state) == content_of(whole.state)));
  const Timeless at_once = timeless(whole.json), in_parts = timeless(resumed.json);
  BOOST_TEST(in_parts.accuracy == at_once.accuracy);
  int compared = 0;
  for (const auto& [name, row] : at_once.bounds) {
    const auto other = in_parts.bounds.find(name);
    if (other == in_parts.bounds.end()) continue;  // cut in one of them
    BOOST_TEST(other->second == row);
    ++compared;
  }
  BOOST_TEST(compared >= 2);
}

BOOST_AUTO_TEST_CASE(a_second_signal_ends_the_program) {
  const Scratch folder;
  const Run run = train(folder, "net", false, Kick{SIGTERM, 0.0, 0.0, "Ctrl-C saves"});
  // Either found the handler of the first gone, or came when the checkpoint had been written.
  BOOST_TEST((run.outcome.status == 128 + SIGTERM || run.outcome.status == 130), run.outcome.status);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_of_other_options_is_refused) {
  const Scratch folder;
  train(folder, "net", false, Kick{SIGINT, 0.0, std::nullopt, "Ctrl-C saves"});
  const Outcome other = run_process(TAUT_TRAINING_EXAMPLE,
                                    {"--quick", "--seed", "2", "--checkpoint", (folder / "net").string(), "--resume"});
  BOOST_TEST(other.status == 1);
  BOOST_TEST(other.error.find("[checkpoint]") != std::string::npos, other.error);
  BOOST_TEST(other.error.find("seed") != std::string::npos, other.error);
}

BOOST_AUTO_TEST_SUITE_END()
