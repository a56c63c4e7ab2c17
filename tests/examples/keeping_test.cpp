// What the programs of the paper keep on disk: rows, sessions, trained weights.
#include <boost/test/unit_test.hpp>

#include "examples/paper/parts/checkpoint.h"
#include "examples/paper/parts/networks.h"
#include "examples/paper/parts/session.h"
#include "examples/paper/parts/training.h"
#include "nn/module.h"
#include "tests/examples/support.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;
using examples::Json;
using examples::RowStore;

namespace {

const Json configuration{{"program", "p"}, {"seed", 1}};

examples::SessionOptions in(const Scratch& folder, bool resume) {
  examples::SessionOptions options;
  options.out = folder.path().string();
  options.resume = resume;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rows)

BOOST_AUTO_TEST_CASE(what_is_added_is_found_again) {
  const Scratch folder;
  const auto file = folder / "rows.jsonl";
  {
    RowStore store(file, configuration, false);
    BOOST_TEST(store.find("a") == nullptr);
    store.add("a", {{"value", 0.1}});
    store.add("b", {{"value", nullptr}});
  }
  const RowStore again(file, configuration, true);
  BOOST_TEST(again.size() == 2U);
  BOOST_REQUIRE(again.find("a") != nullptr);
  BOOST_TEST((*again.find("a"))["value"].get<double>() == 0.1);
  BOOST_TEST((*again.find("b"))["value"].is_null());
  BOOST_TEST(RowStore(file, configuration, false).size() == 0U);  // begun anew
  BOOST_TEST(RowStore(file, configuration, true).size() == 0U);
}

BOOST_AUTO_TEST_CASE(an_unfinished_line_is_dropped) {
  const Scratch folder;
  const auto file = folder / "rows.jsonl";
  RowStore(file, configuration, false).add("a", 1);
  write(file, content_of(file) + R"({"key":"b","row")");
  {
    RowStore store(file, configuration, true);
    BOOST_TEST(store.size() == 1U);
    store.add("c", 3);
  }
  const RowStore again(file, configuration, true);
  BOOST_TEST(again.size() == 2U);
  BOOST_TEST(again.find("b") == nullptr);
  BOOST_REQUIRE(again.find("c") != nullptr);
  write(file, R"({"program":"p")");  // not even the configuration was written
  BOOST_TEST(RowStore(file, configuration, true).size() == 0U);
  BOOST_TEST(content_of(file) == configuration.dump() + "\n");
}

BOOST_AUTO_TEST_CASE(other_rows_are_not_mixed_in) {
  const Scratch folder;
  const auto file = folder / "rows.jsonl";
  RowStore(file, configuration, false).add("a", 1);
  TAUT_CHECK_THROWS(FileError, RowStore(file, Json({{"program", "p"}, {"seed", 2}}), true), "\"seed\":1", "\"seed\":2",
                    "--resume");
  write(file, configuration.dump() + "\n{\"key\":\"a\",\"row\":1}\nnonsense\n");
  TAUT_CHECK_THROWS(FileError, RowStore(file, configuration, true), "line 3");
  write(file, configuration.dump() + "\n{\"key\":\"a\"}\n");
  TAUT_CHECK_THROWS(FileError, RowStore(file, configuration, true), "line 2");
  TAUT_CHECK_THROWS(FileError, RowStore(folder / "missing" / "rows.jsonl", configuration, false), "cannot be written");
}

BOOST_AUTO_TEST_CASE(a_session_computes_a_row_once) {
  const Scratch folder;
  int computed = 0;
  const auto compute = [&] { return Json{{"value", ++computed}}; };
  {
    examples::Session session("p", in(folder, false));
    BOOST_TEST(session.row("a", compute)["value"].get<int>() == 1);
    BOOST_TEST(session.row("a", compute)["value"].get<int>() == 1);
    BOOST_CHECK_THROW(session.row("b", []() -> Json { throw NumericError("no"); }), NumericError);
  }
  examples::Session resumed("p", in(folder, true));
  BOOST_TEST(resumed.row("a", compute)["value"].get<int>() == 1);
  BOOST_TEST(resumed.row("b", compute)["value"].get<int>() == 2);
  BOOST_TEST(resumed.seconds() >= 0.0);
  examples::Session anew("p", in(folder, false));
  BOOST_TEST(anew.row("a", compute)["value"].get<int>() == 3);
  auto quick = in(folder, true);
  quick.common.quick = true;
  TAUT_CHECK_THROWS(FileError, examples::Session("p", quick), "\"quick\":false", "\"quick\":true");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(checkpoints)

BOOST_AUTO_TEST_CASE(weights_return_bit_by_bit) {
  const Scratch folder;
  nn::Random random(1), other_random(2);
  nn::Sequential net = examples::synthetic_mlp(4, random), other = examples::synthetic_mlp(4, other_random);
  const auto file = folder / "net.weights";
  BOOST_TEST(!examples::load_checkpoint(file, other, "recipe"));  // not there
  examples::save_checkpoint(file, net, "recipe", 1.25);
  BOOST_TEST(!std::filesystem::exists(folder / "net.weights.part"));
  const Tensor before = nn::parameters(other)[0]->value;
  BOOST_TEST(!examples::load_checkpoint(file, other, "another recipe"));
  BOOST_TEST(same_bits(nn::parameters(other)[0]->value, before));
  const auto seconds = examples::load_checkpoint(file, other, "recipe");
  BOOST_REQUIRE(seconds.has_value());
  BOOST_TEST(*seconds == 1.25);
  const auto a = nn::parameters(net), b = nn::parameters(other);
  BOOST_REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) BOOST_TEST(same_bits(a[i]->value, b[i]->value));
}

BOOST_AUTO_TEST_CASE(damage_and_strangers_are_refused) {
  const Scratch folder;
  nn::Random random(1);
  nn::Sequential net = examples::synthetic_mlp(4, random), deeper = examples::synthetic_mlp(5, random);
  const auto file = folder / "net.weights";
  examples::save_checkpoint(file, net, "r", 0.0);
  const Tensor before = nn::parameters(deeper)[0]->value;
  TAUT_CHECK_THROWS(FileError, examples::load_checkpoint(file, deeper, "r"), "another number of parameters");
  BOOST_TEST(same_bits(nn::parameters(deeper)[0]->value, before));
  const std::string whole = content_of(file);
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{5}, std::size_t{30}, whole.size() / 2, whole.size() - 1}) {
    write(file, whole.substr(0, length));
    TAUT_CHECK_THROWS(FileError, examples::load_checkpoint(file, net, "r"), "is damaged");
  }
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 1);
  write(file, flipped);
  TAUT_CHECK_THROWS(FileError, examples::load_checkpoint(file, net, "r"), "is damaged");
}

BOOST_AUTO_TEST_CASE(a_network_is_trained_once) {
  const Scratch folder;
  int trained = 0;
  const auto get = [&](bool resume, const std::string& recipe) {
    examples::Session session("p", in(folder, resume));
    return examples::trained_network(
        session, "net", recipe,
        [] {
          nn::Random random(1);
          return examples::synthetic_mlp(3, random);
        },
        [&](nn::Sequential& net) {
          ++trained;
          nn::parameters(net)[0]->value = Tensor::full(Shape{20, 2}, DType::f32, trained);
        });
  };
  const auto weight = [](examples::Trained t) { return nn::parameters(t.net)[0]->value.at(0); };
  BOOST_TEST(weight(get(false, "r")) == 1.0);
  BOOST_TEST(weight(get(true, "r")) == 1.0);
  BOOST_TEST(trained == 1);
  BOOST_TEST(weight(get(true, "other")) == 2.0);
  BOOST_TEST(weight(get(false, "other")) == 3.0);
}

BOOST_AUTO_TEST_SUITE_END()
