// Modules of others that are 1-Lipschitz, files that could not be read, and time: as the program answers.
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <chrono>

#include "tests/cli/models.h"
#include "tests/cli/program.h"

namespace taut::test {
namespace {

using Json = nlohmann::ordered_json;

// What a run that ignores limits or signals would exceed by far. How closely they are kept is measured, not tested:
// machines are shared.
constexpr double never = 60.0;

std::string case_file(const std::string& name) { return TAUT_SOURCE_DIR "/tests/data/cases/" + name + ".onnx"; }

double seconds_of(const std::vector<std::string>& arguments, Outcome& outcome) {
  const auto start = std::chrono::steady_clock::now();
  outcome = test::taut(arguments);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(modules_and_time)

BOOST_AUTO_TEST_CASE(modules_of_others_come_back_as_they_are) {
  struct Known {
    const char* name;
    double least, most;
  };
  for (const Known& k :
       {Known{"08_maxmin_cat", 0.4, 1.000001}, Known{"90_groupsort_torchlip", 0.6, 1.000001},
        Known{"90c_crelu", 0.94, 1.000001}, Known{"90e_cpl", 0.99, 1.000001}, Known{"06_sll_rows", 1.65, 1.7219},
        Known{"24_weight_only_int8", 2.27163250, 2.27163252}, Known{"if_only", 99.9, 100.0001}}) {
    const Json result = taut_json({"bound", case_file(k.name), "--methods", "autolip,seqlip"});
    BOOST_TEST(result["best"]["upper_rigour"] == "certified");
    BOOST_TEST(result["best"]["upper"].get<double>() <= k.most, k.name);
    BOOST_TEST(result["best"]["upper"].get<double>() >= k.least, k.name);
  }
}

// Also by what looks at the clock seldom: 224 × 224 pixels.
BOOST_AUTO_TEST_CASE(limits_are_kept_on_large_images) {
  for (const char* methods : {"frobenius,autolip,seqlip,ascent", "ascent", "annealing", "seqlip-exact", "all"}) {
    Outcome outcome;
    const double seconds =
        seconds_of({"bound", case_file("bigconv_timelimit"), "--time-limit", "2", "--methods", methods}, outcome);
    BOOST_TEST(outcome.status == 0, outcome.error);
    BOOST_TEST(seconds < never, methods << " took " << seconds);
    BOOST_TEST(outcome.out.find("bigconv_timelimit") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(signals_end_a_run_that_would_go_on) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto start = std::chrono::steady_clock::now();
    const Outcome outcome =
        test::taut({"bound", case_file("bigconv_timelimit"), "--methods", "frobenius,ascent,seqlip"},
                   Kick{signal, 1.5, std::nullopt});
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    BOOST_TEST(outcome.status == 128 + signal);
    BOOST_TEST(seconds < never, seconds);
  }
}

BOOST_AUTO_TEST_CASE(an_interrupt_loses_no_proof) {
  const std::string model = model_file("cnn_28_a");
  const Json whole = taut_json({"bound", model, "--methods", "autolip"});
  const Outcome outcome = test::taut({"bound", model, "--methods", "autolip,annealing,seqlip-exact", "--json"},
                                     Kick{SIGINT, 8.0, std::nullopt});
  BOOST_TEST(outcome.status == 130);
  const Json cut = Json::parse(outcome.out);
  BOOST_TEST(cut["best"]["upper"].get<double>() <= whole["best"]["upper"].get<double>());
}

BOOST_AUTO_TEST_CASE(more_time_gives_no_worse_answer) {
  double before = 1e300;
  for (const char* limit : {"0.5", "2", "6"}) {
    const Json result =
        taut_json({"bound", model_file("mlp_nonneg_4_6_5_3"), "--methods", "all", "--time-limit", limit});
    const double upper = result["best"]["upper"].get<double>();
    BOOST_TEST(upper <= before * (1 + 1e-9), limit << " s: " << upper);
    before = upper;
  }
}

BOOST_AUTO_TEST_CASE(l1_and_linf_are_no_worse_than_from_l2) {
  for (const char* name : {"residual_mlp", "conv_same_3x3", "dag_two_branches", "cnn_28_a", "lipsdp_mnist"}) {
    const auto bound = [&](const char* norm) {
      return taut_json({"bound", model_file(name), "--methods", "autolip", "--norm", norm});
    };
    const Json l2 = bound("l2");
    double n = 1.0, m = 1.0;
    for (const Json& size : l2["model"]["inputs"][0]["shape"]) n *= size.get<double>();
    for (const Json& size : l2["model"]["outputs"][0]["shape"]) m *= size.get<double>();
    const double from = l2["best"]["upper"].get<double>();
    BOOST_TEST(bound("linf")["best"]["upper"].get<double>() <= from * std::sqrt(n) * (1 + 1e-9), name);
    BOOST_TEST(bound("l1")["best"]["upper"].get<double>() <= from * std::sqrt(m) * (1 + 1e-9), name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
