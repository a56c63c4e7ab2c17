// Models of others that had no finite answer, or no tight one, though there is one: norms, deviations, Gaussians,
// gates, cells, attention behind a norm, products on a box.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "tests/cli/program.h"

using namespace taut;
using namespace taut::test;
using Json = nlohmann::ordered_json;

namespace {

struct Known {
  const char* name;
  double least, most;  // of the certified upper end
  double below = 0.0;  // at least so much is the certified lower end
  std::vector<std::string> arguments = {};
};

std::vector<Known> known() {
  const auto exactly = [](const char* name, double right, std::vector<std::string> arguments = {}) {
    return Known{name, right * (1 - 1e-9), right * (1 + 1e-6), right * (1 - 1e-3), std::move(arguments)};
  };
  return {exactly("27a_norm_norm", 1.000000064417982),
          exactly("27d_norm_eps", 1.0000001169806896),
          exactly("90g_lppool", 1.0),
          exactly("54_recip_softplus", 0.25),
          exactly("54_sqrt_abs_eps", 5.000000055879355),
          exactly("12b_product_box", 2.8284271247461903, {"--box=-1:2"}),
          exactly("8n_ratio_box", 2.23606797749979, {"--box=1:2"}),
          exactly("19b_one_of_two", 2.1760222017505417, {"--input", "b"}),
          {"54_gauss_box", 0.8577, 0.8579, 0.857, {"--box=-3:3"}},
          {"60_wavenet_gate", 0.848, 1.3, 0.848},
          {"60b_lstm_written_out", 0.0, 100.0},
          {"29c_preln_attention", 246.35, 1e5, 240.0},
          {"tblock_prenorm", 160.0, 1e10, 1.0},
          {"rmsnorm", 1034.0, 1035.0, 1034.0},
          {"std", 0.0, 1.0, 0.1},
          // With a box; without one, attention over all reals has no constant.
          {"transformer_batch_second", 1.0, 1e12, 1.0, {"--box=-1:1"}}};
}

Json answer(const Known& k) {
  std::vector<std::string> arguments{"bound", TAUT_SOURCE_DIR "/tests/data/cases/" + std::string(k.name) + ".onnx"};
  arguments.insert(arguments.end(), k.arguments.begin(), k.arguments.end());
  return taut_json(arguments);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(finite_cases)

BOOST_AUTO_TEST_CASE(both_ends_are_finite_and_certified) {
  for (const Known& k : known()) BOOST_TEST_CONTEXT(k.name) {
      const Json best = answer(k)["best"];
      BOOST_REQUIRE(!best["upper"].is_null());
      BOOST_TEST(best["upper_rigour"] == "certified");
      BOOST_TEST(best["upper"].get<double>() >= k.least);
      BOOST_TEST(best["upper"].get<double>() <= k.most);
      if (k.below == 0.0) continue;
      BOOST_REQUIRE(!best["lower"].is_null());
      BOOST_TEST(best["lower_rigour"] == "certified");
      BOOST_TEST(best["lower"].get<double>() >= k.below);
      BOOST_TEST(best["lower"].get<double>() <= best["upper"].get<double>());
    }
}

BOOST_AUTO_TEST_CASE(constants_and_nothing_at_all_have_the_constant_zero) {
  for (const char* name : {"one_to_the_x", "empty_output"}) BOOST_TEST_CONTEXT(name) {
      const Json best = answer({name, 0.0, 0.0})["best"];
      BOOST_TEST(best["upper"] == 0.0);
      BOOST_TEST(best["upper_rigour"] == "certified");
    }
}

BOOST_AUTO_TEST_SUITE_END()
