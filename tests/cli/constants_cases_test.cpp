// Models that were answered wrongly: constants that are no machine numbers, "unbounded" of finite functions, a box
// without a number of the type.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "tests/cli/program.h"

using namespace taut;
using namespace taut::test;
using Json = nlohmann::ordered_json;

namespace {

Json bound(const std::string& name, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"bound", TAUT_SOURCE_DIR "/tests/data/cases/" + name + ".onnx"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return taut_json(arguments);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(constants_cases)

BOOST_AUTO_TEST_CASE(resize_from_4_to_7) {
  const Json best = bound("34g_resize_4to7")["best"];
  const double truth = 1.3236870404289534;  // of the matrix of exact rational weights
  BOOST_TEST(best["upper_rigour"] == "certified");
  BOOST_TEST(best["upper"].get<double>() >= truth * (1 - 1e-15));
  BOOST_TEST(best["upper"].get<double>() <= truth * (1 + 1e-9));
  BOOST_TEST(best["lower"].get<double>() <= truth * (1 + 1e-15));
  BOOST_TEST(best["lower"].get<double>() >= truth * (1 - 1e-6));
}

BOOST_AUTO_TEST_CASE(an_exponent_that_is_computed) {
  const Json best = bound("pow_computed", {"--box", "1:2"})["best"];
  BOOST_TEST(best["upper"].get<double>() >= 16.79894733);
  BOOST_TEST(best["lower"].get<double>() <= 16.79894734);
}

BOOST_AUTO_TEST_CASE(a_box_without_a_number_of_the_type) {
  const Json result =
      bound("box_without_f32", {"--box", "1.00000001:1.00000003", "--methods", "autolip,ascent,annealing,grid,exact"});
  for (const Json& row : result["bounds"])
    if (row["side"] == "lower" && !row["value"].is_null()) BOOST_TEST(row["value"].get<double>() == 0.0);
  BOOST_TEST(result["bounds"][1]["status"] == "unsupported");
}

BOOST_AUTO_TEST_CASE(finite_functions_are_not_called_unbounded) {
  for (const std::string name :
       {"27a_norm_norm", "27d_norm_eps", "54_recip_softplus", "54_sqrt_abs_eps", "60_wavenet_gate"}) {
    BOOST_TEST_CONTEXT(name) {
      const Json result = bound(name);
      for (const Json& row : result["bounds"]) {
        BOOST_TEST(row["status"] != "unbounded");
        if (row["status"] != "no_rule") continue;
        const std::string note = row["note"];
        BOOST_TEST(note.find("not proved to be unbounded") != std::string::npos, note);
        BOOST_TEST(note.ends_with("--box LO:HI"), note);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
