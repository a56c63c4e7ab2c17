// Models of others on which norms were too small, too large or too late.
#include <boost/test/unit_test.hpp>
#include <chrono>

#include "tests/cli/program.h"

namespace taut::test {
namespace {

using Json = nlohmann::ordered_json;

std::string case_file(const std::string& name) { return TAUT_SOURCE_DIR "/tests/data/cases/" + name + ".onnx"; }

double largest(const Json& rows, const std::string& key) {
  double most = 0.0;
  for (const Json& row : rows) most = std::max(most, row[key].get<double>());
  return most;
}

double best_upper(const std::string& name, const std::string& methods) {
  const Json result = taut_json({"bound", case_file(name), "--methods", methods});
  BOOST_TEST(result["best"]["upper_rigour"] == "certified");
  return result["best"]["upper"].get<double>();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(loose_cases)

// Two constants that cancel up to rounding: the norm of what is left is that of the rounding.
BOOST_AUTO_TEST_CASE(frobenius_counts_what_cancels) {
  const Json layers = taut_json({"layers", case_file("frobenius_affine")});
  for (const Json& row : layers["folded"])
    BOOST_TEST(row["frobenius"].get<double>() >= row["norm_lower"].get<double>());
  BOOST_TEST(largest(layers["folded"], "frobenius") >= 4.88e-10 * 0.99);
}

BOOST_AUTO_TEST_CASE(a_shift_that_cancels_does_not_inflate_the_scale) {
  const Json layers = taut_json({"layers", case_file("loose_bn_bias_cancels")});
  BOOST_TEST(largest(layers["layers"], "norm_upper") <= 0.7072);
  BOOST_TEST(best_upper("loose_bn_bias_cancels", "autolip,seqlip") <= 0.7072);
  BOOST_TEST(best_upper("loose_bn_bias_cancels", "autolip,seqlip") >= 0.7071);
}

BOOST_AUTO_TEST_CASE(taps_beyond_the_image_do_not_count) {
  const Json layers = taut_json({"layers", case_file("loose_conv_one_row")});
  BOOST_TEST(largest(layers["layers"], "norm_upper") <= 13.91);
  BOOST_TEST(largest(layers["layers"], "norm_upper") >= 13.89);
}

BOOST_AUTO_TEST_CASE(seqlip_of_few_neurons_takes_no_minutes) {
  const auto start = std::chrono::steady_clock::now();
  const double autolip = best_upper("slow_seqlip_100699", "autolip"),
               seqlip = best_upper("slow_seqlip_100699", "seqlip");
  BOOST_TEST(seqlip <= autolip * (1.0 + 1e-12));
  BOOST_TEST(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 20.0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
