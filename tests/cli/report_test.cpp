// The page of --report.
#include <boost/test/unit_test.hpp>
#include <cctype>

#include "tests/cli/models.h"
#include "tests/cli/program.h"

using namespace taut;
using namespace taut::test;

namespace {

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// What is wrong with it as XML: tags that do not match, attributes without quotes, stray < or &. "" where nothing is.
std::string fault(const std::string& page) {
  std::vector<std::string> open;
  for (std::size_t at = page.find("<html"); at < page.size(); ++at) {
    if (page[at] == '&' && page.find(';', at) > at + 8) return "a stray & at " + page.substr(at, 40);
    if (page[at] != '<') continue;
    const std::size_t end = page.find('>', at);
    if (end == std::string::npos) return "an open tag: " + page.substr(at, 40);
    const std::string tag = page.substr(at + 1, end - at - 1);
    if (tag.find('<') != std::string::npos) return "a stray <: " + tag;
    std::string name;
    for (const char c : tag.substr(tag[0] == '/' ? 1 : 0)) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) break;
      name += c;
    }
    if (name.empty()) return "no name: " + tag;
    if (tag[0] == '/') {
      if (open.empty() || open.back() != name) return "closes " + name + " in " + (open.empty() ? "" : open.back());
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    at = end;
  }
  return open.empty() ? "" : "not closed: " + open.back();
}

std::string report_of(const std::string& model, std::vector<std::string> more = {}) {
  const ModelFolder folder;
  std::vector<std::string> arguments{"bound", model, "--report", folder.path("page.html")};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome outcome = test::taut(arguments);
  BOOST_TEST(outcome.status == 0, outcome.error);
  return contents(folder.path("page.html"));
}

void check_page(const std::string& page) {
  BOOST_TEST(fault(page) == "");
  BOOST_TEST(page.starts_with("<!DOCTYPE html>"));
  for (const char* foreign : {"http:", "https:", "<script", "@import", "url("})
    BOOST_TEST(!holds(page, foreign), foreign);
  for (const char* part : {"<svg", "viewport", "prefers-color-scheme", "@media print", "SHA-256", "seed", "OpenBLAS"})
    BOOST_TEST(holds(page, part), part);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reports)

BOOST_AUTO_TEST_CASE(a_report_holds_everything) {
  const std::string page = report_of(model_file("mlp_2_6_6_1"), {"--seed", "17"});
  check_page(page);
  for (const char* part : {"1.00521 &lt;= L &lt;= 1.00522", "autolip: L ≤ 3.11482, certified", "/0/Gemm ◀ largest",
                           "<details>", "singular values", "<dd>17</dd>", "81 regions"})
    BOOST_TEST(holds(page, part), part);
}

BOOST_AUTO_TEST_CASE(reports_of_all_kinds_of_models) {
  for (const char* name :
       {"mul_bilinear", "conv_bn", "act_tanh_4_10_8_2", "maxpool_3x3_s2", "num_chain_1e-30_1e30", "residual_mlp"})
    BOOST_TEST_CONTEXT(name) check_page(report_of(model_file(name), {"--time-limit", "1"}));
  check_page(report_of(model_file("mlp_2_6_6_1"), {"--methods", "all", "--box=-1:1"}));
}

BOOST_AUTO_TEST_CASE(names_are_escaped) {
  const ModelFolder folder;
  const std::string page = report_of(folder.write("<b>&.onnx", small_network("<script>alert('x')</script>&\xff\x01")),
                                     {"--time-limit", "1"});
  check_page(page);
  BOOST_TEST(holds(page, "&lt;script&gt;"));
  BOOST_TEST(!holds(page, "\xff"));
}

BOOST_AUTO_TEST_SUITE_END()
