#include "examples/support/table.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "examples/support/figure.h"
#include "tests/examples/support.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;
using examples::cell;
using examples::Json;
using examples::Table;

namespace {

Json bound(const char* side, const char* rigour, const Json& value, const char* status = "finite") {
  return {{"method", "m"}, {"side", side}, {"value", value}, {"rigour", rigour}, {"status", status}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tables)

BOOST_AUTO_TEST_CASE(text_is_aligned) {
  const Table table{{"layers", "L", "π"}, {{"4", "10.5", "π²"}, {"10 long", "-", ""}}};
  BOOST_TEST(table.text() ==
             "layers      L   π\n"
             "4        10.5  π²\n"
             "10 long     -\n");
}

BOOST_AUTO_TEST_CASE(markdown_escapes_bars) {
  const Table table{{"a", "b"}, {{"|x|", "1"}}};
  BOOST_TEST(table.markdown() == "| a | b |\n|---|--:|\n| \\|x\\| | 1 |\n");
  TAUT_CHECK_THROWS(UsageError, (Table{{"a", "b"}, {{"1"}}}.markdown()), "2 cells, got 1");
  TAUT_CHECK_THROWS(UsageError, (Table{{"a"}, {{"1", "2"}}}.text()), "1 cells, got 2");
}

// What is proved is rounded to the safe side, what is not is marked.
BOOST_AUTO_TEST_CASE(cells_say_what_they_are) {
  const auto written = [](const Json& json, int digits = 5) { return cell(&json, digits); };
  BOOST_TEST(written(bound("upper", "certified", 33.04001)) == "33.041");
  BOOST_TEST(written(bound("lower", "certified", 33.04999)) == "33.049");
  BOOST_TEST(written(bound("upper", "estimate", 33.04001)) == "~33.04");
  BOOST_TEST(written(bound("upper", "probabilistic", 33.04001)) == "p 33.041");
  BOOST_TEST(written(bound("upper", "certified", 2.0)) == "2");
  BOOST_TEST(written(bound("upper", "certified", 2.0, "cut")) == "2 (cut)");
  BOOST_TEST(written(bound("upper", "certified", nullptr, "unbounded")) == "unbounded");
  BOOST_TEST(written(bound("upper", "certified", nullptr)) == "-");
  BOOST_TEST(cell(nullptr) == "-");
  BOOST_TEST(examples::number(std::nullopt) == "-");
  BOOST_TEST(examples::number(0.123456, 3) == "0.123");
}

BOOST_AUTO_TEST_CASE(bounds_are_found_by_method_and_side) {
  Json row{{"name", "net"}};
  BOOST_TEST(examples::bound_of(row, "m") == nullptr);
  row["bounds"] = {bound("upper", "certified", 2.0), bound("lower", "certified", 1.0)};
  BOOST_TEST(*examples::value_of(examples::bound_of(row, "m")) == 2.0);
  BOOST_TEST(*examples::value_of(examples::bound_of(row, "m", "lower")) == 1.0);
  BOOST_TEST(examples::bound_of(row, "other") == nullptr);
  BOOST_TEST(!examples::value_of(nullptr));
}

BOOST_AUTO_TEST_CASE(order_is_checked) {
  const auto row = [](double frobenius, double autolip, double seqlip, double lower) {
    Json json{{"name", "net"}};
    const auto put = [&](const char* method, const char* side, double value) {
      json["bounds"].push_back(bound(side, "certified", value));
      json["bounds"].back()["method"] = method;
    };
    put("frobenius", "upper", frobenius);
    put("autolip", "upper", autolip);
    put("seqlip", "upper", seqlip);
    put("ascent", "lower", lower);
    return json;
  };
  const auto note = [&](const Json& json) { return examples::order_note({row(8, 4, 2, 1), json}); };
  BOOST_TEST(note(row(8, 4, 2, 2)).find("In every row") == 0U);
  BOOST_TEST(note(row(3, 4, 2, 1)) == "OUT OF ORDER in net: frobenius is below autolip.");
  BOOST_TEST(note(row(8, 4, 5, 1)) == "OUT OF ORDER in net: autolip is below seqlip.");
  BOOST_TEST(note(row(8, 4, 2, 3)) == "OUT OF ORDER in net: seqlip is below ascent.");
  Json estimate = row(8, 4, 2, 3);
  estimate["bounds"][3]["rigour"] = "estimate";  // a wrong estimate breaks no proof
  BOOST_TEST(note(estimate).find("In every row") == 0U);
  BOOST_TEST(examples::order_note({Json{{"name", "without"}}}).find("In every row") == 0U);
}

BOOST_AUTO_TEST_CASE(csv_quotes_what_needs_it) {
  BOOST_TEST(examples::csv_line({"a", "b,c", "say \"x\"", "1\n2", ""}) == "a,\"b,c\",\"say \"\"x\"\"\",\"1\n2\",\n");
  Json row{{"name", "net, 4"}, {"bounds", {bound("upper", "certified", 0.1), bound("lower", "estimate", nullptr)}}};
  row["bounds"][0]["seconds"] = 0.5;
  BOOST_TEST(examples::bounds_csv({row, Json{{"name", "without"}}}) ==
             "name,method,side,value,rigour,status,seconds,note\n"
             "\"net, 4\",m,upper,0.1,certified,finite,0.5,\n"
             "\"net, 4\",m,lower,,estimate,finite,,\n");
}

BOOST_AUTO_TEST_CASE(figures_come_from_gnuplot_or_are_said_to_be_missing) {
  const Scratch folder;
  const auto odd = folder / "it's here";
  std::filesystem::create_directory(odd);
  examples::Figure figure;
  figure.commands = examples::data_block("points", {{1.0, 2.0}, {}, {2.5, 3.0}}) + "plot $points\n";
  BOOST_TEST(figure.commands == "$points << EOD\n1 2\n\n2.5 3\nEOD\nplot $points\n");
  const std::string failure = examples::draw(odd, "figure", figure);
  BOOST_TEST(content_of(odd / "figure.gp").find("2.5 3") != std::string::npos);
  if (examples::gnuplot_is_there()) {
    BOOST_TEST(failure == "");
    BOOST_TEST(content_of(odd / "figure.svg").find("<svg") != std::string::npos);
    BOOST_TEST(content_of(odd / "figure.png").substr(1, 3) == "PNG");
    figure.commands = "no such command\n";
    BOOST_TEST(examples::draw(odd, "wrong", figure).find("ended with status") != std::string::npos);
  } else {
    BOOST_TEST(failure.find("gnuplot is missing") != std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()
