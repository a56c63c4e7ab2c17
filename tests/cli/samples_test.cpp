// What is one sample, as the program answers it; models of others on which it was wrong once are in tests/data/cases.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/cli/models.h"
#include "tests/cli/program.h"

using namespace taut;
using namespace taut::test;
using Json = nlohmann::ordered_json;

namespace {

std::string case_file(const std::string& name) { return TAUT_SOURCE_DIR "/tests/data/cases/" + name + ".onnx"; }

struct Known {
  const char* name;
  double least, most;  // of the constant of what the file computes, all samples together
  bool apart = false;  // are its samples proved to stay apart
  std::vector<std::string> arguments = {};
};

std::vector<Known> known() {
  const double root12 = std::sqrt(12.0), root8 = std::sqrt(8.0), anything = INFINITY;
  return {{"deepsets_unsq", 1.606, anything},
          {"deepsets_sum0", 1.606, anything},
          {"axis0_reshape_m1", root12, root12},
          {"axis0_flatten0_sum", root12, root12},
          {"axis0_unsq_sum", 2.0, 2.0},
          {"axis0_shape_scale", 4.0, 4.0, true},
          {"batch_flatten0", root8, root8},
          {"axis0_no_batch_refused", 0.0, anything},
          {"transformer_batch_second", 0.0, anything},
          {"55_reduce_mean_all", std::sqrt(1.0 / 6.0), std::sqrt(1.0 / 6.0)},
          {"19b_one_of_two", 2.17602220175054, 2.17602220175055, false, {"--input", "b"}}};
}

std::string all_notes(const Json& result) {
  std::string text;
  for (const Json& note : result["model"]["notes"]) text += note.get<std::string>() + "\n";
  return text;
}

bool stopped_without_lower(const Json& result) {
  return result["best"]["lower"].is_null() && std::ranges::none_of(result["bounds"], [](const Json& row) {
           return row["side"] == "lower" && row["status"] == "finite";
         });
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Samples (4, 3), of which the second node makes a sum over all.
nn::onnx::GraphData mixing() {
  nn::onnx::GraphData graph = small_network("layer", 4);
  graph.nodes[1] = {"ReduceMean", "", "mix", {"h"}, {"y"}, {{"axes", std::vector<std::int64_t>{0}}}};
  return graph;
}

// Outputs that do not depend on the numbers of the input.
nn::onnx::GraphData shape_only() {
  nn::onnx::GraphData graph = small_network("layer", 4);
  graph.nodes = {{"Shape", "", "shape", {"x"}, {"s"}, {}},
                 {"Cast", "", "cast", {"s"}, {"y"}, {{"to", std::int64_t{11}}}}};
  return graph;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(samples)

BOOST_AUTO_TEST_CASE(models_of_others_are_bounded) {
  for (const Known& k : known()) {
    std::vector<std::string> arguments{"bound", case_file(k.name), "--methods", "autolip,ascent", "--time-limit", "12"};
    arguments.insert(arguments.end(), k.arguments.begin(), k.arguments.end());
    BOOST_TEST_CONTEXT(k.name) {
      const Json result = taut_json(arguments);
      const Json upper = result["best"]["upper"], lower = result["best"]["lower"];
      if (upper.is_number()) BOOST_TEST(upper.get<double>() >= k.least * (1 - 1e-9));
      if (lower.is_number()) BOOST_TEST(lower.get<double>() <= k.most * (1 + 1e-9));
      if (std::isfinite(k.most)) {
        BOOST_TEST_REQUIRE(upper.is_number());
        BOOST_TEST(upper.get<double>() <= k.most * (1 + 1e-6));
      }
      BOOST_TEST(holds(all_notes(result), "proved to stay apart; the constant is that of one") == k.apart);
      // A slow machine may be stopped by the limit before a search has proved anything.
      if (stopped_without_lower(result)) continue;
      BOOST_TEST_REQUIRE(lower.is_number());
      if (std::isfinite(k.most)) BOOST_TEST(lower.get<double>() >= k.least * (1 - 1e-3));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_axis_of_samples_can_be_chosen) {
  const ModelFolder folder;
  const std::string apart = folder.write("apart.onnx", small_network("layer", 4)),
                    mixed = folder.write("mixed.onnx", mixing());
  const auto shape = [](const Json& result) { return result["model"]["inputs"][0]["shape"]; };
  for (const char* command : {"bound", "layers"}) {
    const auto ask = [&](std::vector<std::string> more) {
      more.insert(more.begin(), command);
      return taut_json(more);
    };
    BOOST_TEST(shape(ask({apart})) == Json({1, 3}));
    BOOST_TEST(holds(all_notes(ask({apart})), "the 4 samples along axis 0 of 'x' are proved to stay apart"));
    BOOST_TEST(shape(ask({apart, "--batch-axis", "0"})) == Json({1, 3}));
    BOOST_TEST(shape(ask({apart, "--batch-axis", "none"})) == Json({4, 3}));
    BOOST_TEST(shape(ask({apart, "--input-shape", "1x3"})) == Json({1, 3}));
    BOOST_TEST(all_notes(ask({apart, "--input-shape", "1x3"})) == "");
    BOOST_TEST(shape(ask({mixed})) == Json({4, 3}));
    BOOST_TEST(holds(all_notes(ask({mixed})), "node 2 'mix' (ReduceMean)"));
    check_refused({command, mixed, "--batch-axis", "0"}, 1, {"mixed.onnx", "axis 0", "node 2 'mix' (ReduceMean)"});
    check_refused({command, apart, "--batch-axis", "1"}, 1, {"node 1 'layer' (MatMul)"});
    check_refused({command, apart, "--batch-axis", "2"}, 1, {"axis 2", "rank 2"});
    for (const char* nonsense : {"-1", "8", "first", "", "0x1", "1.0"})
      check_refused({command, apart, "--batch-axis", nonsense}, 2, {"--batch-axis"});
  }
}

// Users of the program write no C++.
BOOST_AUTO_TEST_CASE(no_message_gives_advice_about_code) {
  const ModelFolder folder;
  std::vector<std::string> models{folder.write("mixed.onnx", mixing()), folder.write("shape.onnx", shape_only()),
                                  folder.write("two.onnx", two_inputs())};
  nn::onnx::GraphData integers = small_network();
  integers.inputs[0].type = nn::onnx::ElementType::i64;
  models.push_back(folder.write("integers.onnx", integers));
  nn::onnx::GraphData open = small_network();
  (*open.inputs[0].shape)[1] = {std::nullopt, "n"};
  models.push_back(folder.write("open.onnx", open));
  for (const Known& k : known()) models.push_back(case_file(k.name));
  const std::vector<std::vector<std::string>> ways{
      {"bound", "--methods", "all", "--time-limit", "0.1"},
      {"bound", "--box=-1:1", "--methods", "all", "--time-limit", "0.1"},
      {"bound", "--norm", "l1", "--batch-axis", "1", "--time-limit", "0.1"},
      {"bound", "--batch-axis", "none", "--time-limit", "0.1"},
      {"layers"},
      {"layers", "--batch-axis", "0"},
      {"bound", "--input-shape", "2x3", "--time-limit", "0.1"}};
  for (const std::string& model : models)
    for (const std::vector<std::string>& way : ways) {
      std::vector<std::string> arguments = way;
      arguments.insert(arguments.begin() + 1, model);
      const Outcome outcome = test::taut(arguments);
      const std::string text = outcome.out + outcome.error;
      BOOST_TEST(outcome.status <= 2);
      for (const char* code : {"sample_axis", "tape", "record", "detached", "options.", "::", "Var", "axis of samples"})
        BOOST_TEST(!holds(text, code), way[0] << ' ' << model << ": " << text << " says " << code);
    }
}

BOOST_AUTO_TEST_SUITE_END()
