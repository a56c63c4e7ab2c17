// Every reference network through the program, held to the values that others computed.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "tests/cli/program.h"
#include "tests/registrar.h"

namespace taut::test {
namespace {

using Json = nlohmann::ordered_json;

constexpr double tiny = 1e-9;  // of what is compared with a proved bound: the references' own rounding

struct Expected {
  const Json& values;
  bool has(const std::string& key) const { return values.contains(key); }
  bool is(const std::string& key, const char* kind) const { return has(key) && values[key]["kind"] == kind; }
  double number(const std::string& key) const {
    const Json& value = values[key]["value"];
    return value.is_string() ? std::numeric_limits<double>::infinity() : value.get<double>();
  }
  // Of the value itself, which may be published with few digits.
  double slack(const std::string& key) const { return std::max(tiny, values[key]["rel_acc"].get<double>()); }
  double accuracy(const std::string& key) const { return std::max(1e-7, values[key]["rel_acc"].get<double>()); }
};

const Json* row_of(const Json& result, const std::string& method, const std::string& side) {
  for (const Json& row : result["bounds"])
    if (row["method"] == method && row["side"] == side) return &row;
  return nullptr;
}

// Of an upper bound: the reference at least, and no more than its accuracy allows.
void check_value(const Json& result, const std::string& method, const std::string& side, const Expected& expected,
                 const std::string& key, double accuracy) {
  if (!expected.has(key)) return;
  const Json* row = row_of(result, method, side);
  BOOST_TEST_REQUIRE(row != nullptr, method);
  const double truth = expected.number(key);
  if (std::isinf(truth)) {
    BOOST_TEST((*row)["value"].is_null());
    BOOST_TEST((*row)["status"] == "unbounded");
    BOOST_TEST((*row)["note"] != "");
    return;
  }
  BOOST_TEST_REQUIRE((*row)["value"].is_number(), row->dump());
  const double value = (*row)["value"];
  BOOST_TEST_CONTEXT(method << ' ' << key << ' ' << value << " for " << truth) {
    BOOST_TEST((*row)["rigour"] == "certified");
    if (side == "upper") BOOST_TEST(value >= truth * (1.0 - expected.slack(key)));
    if (side == "lower") BOOST_TEST(value <= truth * (1.0 + expected.slack(key)));
    if (!expected.is(key, "upper")) BOOST_TEST(std::fabs(value - truth) <= accuracy * truth);
    if (expected.is(key, "upper")) BOOST_TEST(value <= truth * (1.0 + accuracy));
  }
}

// Whatever is proved agrees with what is known of the constant; `of` is "lip_l2_" or "lip_l2_box_".
void check_sandwich(const Json& result, const Expected& expected, const std::string& of) {
  for (const Json& row : result["bounds"]) {
    if (!row["value"].is_number() || row["rigour"] == "estimate") continue;
    const double value = row["value"];
    BOOST_TEST_CONTEXT(row.dump()) {
      for (const char* known : {"exact", "lower"})
        if (row["side"] == "upper" && expected.has(of + known))
          BOOST_TEST(value >= expected.number(of + known) * (1.0 - expected.slack(of + known)));
      for (const char* known : {"exact", "upper"})
        if (row["side"] == "lower" && expected.has(of + known))
          BOOST_TEST(value <= expected.number(of + known) * (1.0 + expected.slack(of + known)));
    }
  }
}

bool two_numbers_at_most(const Json& result) {
  double numbers = 0.0;
  for (const Json& input : result["model"]["inputs"]) {
    double size = 1.0;
    for (const Json& dim : input["shape"]) size *= dim.get<double>();
    numbers += size;
  }
  return numbers <= 2.0;
}

// Which of the references have another kink than exact_constant() goes through.
bool piecewise_linear(const std::string& name) {
  return name.starts_with("mlp_") || name == "act_leaky_2_7_7_2" || name == "residual_mlp" ||
         name == "dag_two_branches" || name == "num_rank1" || name.starts_with("lipsdp_random");
}

void check_norm(const std::string& name, const Expected& expected, const std::string& norm) {
  const std::string file = model_file(name), lip = "lip_" + norm + "_";
  const bool l2 = norm == "l2";
  std::string methods = l2 ? "frobenius,autolip" : "autolip";
  if (l2 && expected.has("seqlip_exact")) methods += ",seqlip,seqlip-exact,seqlip-greedy";
  const Json products = taut_json({"bound", file, "--norm", norm, "--methods", methods});
  if (expected.is("autolip_" + norm, "exact"))
    check_value(products, "autolip", "upper", expected, "autolip_" + norm, expected.accuracy("autolip_" + norm));
  check_sandwich(products, expected, lip);
  if (l2) {
    if (expected.has("autolip_fro"))
      check_value(products, "frobenius", "upper", expected, "autolip_fro", expected.accuracy("autolip_fro"));
    if (expected.has("seqlip_exact")) {
      check_value(products, "seqlip-exact", "upper", expected, "seqlip_exact", 1e-6);
      const double greedy = (*row_of(products, "seqlip-greedy", "estimate"))["value"];
      BOOST_TEST(greedy <= expected.number("seqlip_exact") * (1.0 + tiny));
      BOOST_TEST((*row_of(products, "seqlip", "upper"))["value"].get<double>() >=
                 expected.number("seqlip_exact") * (1.0 - tiny));
    }
  }
  check_sandwich(taut_json({"bound", file, "--norm", norm, "--methods", "autolip,ascent", "--time-limit", "0.5"}),
                 expected, lip);
  if (!two_numbers_at_most(products) || !piecewise_linear(name)) return;
  const Json exact = taut_json({"bound", file, "--norm", norm, "--methods", "exact"});
  check_value(exact, "exact", "upper", expected, lip + "exact", 1e-6);
  check_value(exact, "exact", "lower", expected, lip + "exact", 1e-6);
  if (expected.has("n_pieces")) {
    const std::string note = (*row_of(exact, "exact", "upper"))["note"];
    BOOST_TEST(note.starts_with(std::to_string(static_cast<int>(expected.number("n_pieces"))) + " regions"), note);
  }
}

void check_box(const std::string& name, const Expected& expected, const std::string& norm) {
  const std::string key = "lip_" + norm + "_box_exact";
  if (!expected.has(key)) return;
  const Json& box = expected.values[key]["box"];
  const std::string text = box[0].dump() + ":" + box[1].dump();
  const Json result = taut_json(
      {"bound", model_file(name), "--norm", norm, "--box", text, "--methods", "autolip,ascent", "--time-limit", "0.5"});
  BOOST_TEST(result["domain"]["box"][0].get<double>() == box[0].get<double>());
  check_sandwich(result, expected, "lip_" + norm + "_box_");
  if (!two_numbers_at_most(result) || !piecewise_linear(name)) return;
  const Json exact = taut_json({"bound", model_file(name), "--norm", norm, "--box", text, "--methods", "exact"});
  check_value(exact, "exact", "upper", expected, key, 1e-6);
  check_value(exact, "exact", "lower", expected, key, 1e-6);
}

void check_layers(const std::string& name, const Expected& expected, const std::string& norm) {
  const Json result = taut_json({"layers", model_file(name), "--norm", norm, "--spectrum"});
  const Json& layers = result["layers"];
  const std::string key = "layer_norms_" + norm;
  // AveragePool has no row.
  if (expected.has(key) && !layers.empty()) {
    const auto norms = expected.values[key]["value"].get<std::vector<double>>();
    BOOST_TEST_REQUIRE(layers.size() == norms.size());
    for (std::size_t i = 0; i < norms.size(); ++i)
      BOOST_TEST_CONTEXT(layers[i].dump(0).substr(0, 400) << " for " << norms[i]) {
        BOOST_TEST(layers[i]["norm_lower"].get<double>() <= norms[i] * (1.0 + tiny));
        BOOST_TEST(layers[i]["norm_upper"].get<double>() >= norms[i] * (1.0 - tiny));
        BOOST_TEST(layers[i]["norm_upper"].get<double>() <= norms[i] * (1.0 + 1e-6));
        BOOST_TEST(layers[i]["rigour"] == "certified");
      }
  }
  if (norm != "l2" || !expected.has("singular_values")) return;
  const auto values = expected.values["singular_values"]["value"].get<std::vector<double>>();
  // Values are those of the whole function, which folds into one map.
  const auto found = result["folded"][0]["singular_values"].get<std::vector<double>>();
  BOOST_TEST_REQUIRE(found.size() == values.size());
  for (std::size_t i = 0; i < values.size(); ++i) BOOST_TEST(std::fabs(found[i] - values[i]) <= 1e-10 * values[0]);
}

void check_frobenius_norms(const std::string& name, const Expected& expected) {
  if (!expected.has("layer_norms_fro")) return;
  const auto norms = expected.values["layer_norms_fro"]["value"].get<std::vector<double>>();
  const Json layers = taut_json({"layers", model_file(name)})["layers"];
  BOOST_TEST_REQUIRE(layers.size() == norms.size());
  for (std::size_t i = 0; i < norms.size(); ++i) {
    BOOST_TEST(layers[i]["frobenius"].get<double>() >= norms[i] * (1.0 - tiny));
    BOOST_TEST(layers[i]["frobenius"].get<double>() <= norms[i] * (1.0 + tiny));
  }
}

void check(const std::string& name, const Json& values) {
  const Expected expected{values};
  for (const char* norm : {"l2", "l1", "linf"}) {
    BOOST_TEST_CONTEXT(norm) {
      check_norm(name, expected, norm);
      check_box(name, expected, norm);
      check_layers(name, expected, norm);
    }
  }
  check_frobenius_norms(name, expected);
}

// A case per network, so that ctest runs them side by side.
void register_networks() {
  auto* all = BOOST_TEST_SUITE("reference");
  const Json networks = expected_values();
  for (const auto& [name, values] : networks.items()) {
    auto* suite = BOOST_TEST_SUITE(name);
    suite->add(boost::unit_test::make_test_case([name = name, values = values] { check(name, values); }, "values",
                                                __FILE__, __LINE__));
    all->add(suite);
  }
  boost::unit_test::framework::master_test_suite().add(all);
}

const Registrar registrar(&register_networks);

}  // namespace
}  // namespace taut::test
