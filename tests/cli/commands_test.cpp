// What the program takes, refuses and prints.
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "cli/options.h"
#include "tests/cli/models.h"
#include "tests/cli/program.h"

using namespace taut;
using namespace taut::test;
using Json = nlohmann::ordered_json;

namespace {

// A step between two looks at the clock takes several times as long under sanitizers.
#ifdef __SANITIZE_ADDRESS__
constexpr double slowness = 6.0;
#else
constexpr double slowness = 1.0;
#endif

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  return text.substr(text.rfind('\n', end) + 1, end - text.rfind('\n', end));
}

std::string without_times(std::string text) {
  for (std::size_t at = text.find("\"seconds\": "); at != std::string::npos; at = text.find("\"seconds\": ", at + 1))
    text.erase(at, text.find('\n', at) - at);
  return text;
}

std::string in_roff(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '-' ? "\\-" : std::string(1, c);
  return result;
}

const std::string& plane() {
  static const std::string file = model_file("mlp_2_6_6_1");
  return file;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(versions_name_every_library) {
  const Outcome outcome = test::taut({"--version"});
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(outcome.out.starts_with("taut 0."));
  for (const char* library : {"OpenBLAS 0.", "FFTW 3.", "ONNX schema 1.", "protobuf "})
    BOOST_TEST(holds(outcome.out, library), library);
}

// One table of options, and everything that is made of it names all of them.
BOOST_AUTO_TEST_CASE(every_option_is_documented) {
  BOOST_TEST(holds(test::taut({"--help"}).out, "Exit status"));
  const std::string man = test::taut({"man"}).out, bash = test::taut({"completion", "bash"}).out,
                    zsh = test::taut({"completion", "zsh"}).out, document = contents(TAUT_SOURCE_DIR "/docs/cli.md");
  for (const cli::CommandRow& command : cli::commands()) {
    const std::string help = test::taut({std::string(command.name), "--help"}).out;
    BOOST_TEST(holds(help, std::string(command.summary)));
    for (const std::string& text : {man, bash, zsh}) BOOST_TEST(holds(text, std::string(command.name)));
    for (const cli::OptionRow& option : cli::options()) {
      if (!cli::belongs(option, command.command)) continue;
      const std::string name(option.name);
      BOOST_TEST(holds(help, name), command.name << ' ' << name);
      BOOST_TEST(holds(man, in_roff(name)), name);
      for (const std::string& text : {bash, zsh, document}) BOOST_TEST((holds(text, name) || name == "--help"), name);
    }
  }
  for (const MethodRow& row : methods())
    for (const std::string& text : {bash, zsh, document, test::taut({"bound", "--help"}).out})
      BOOST_TEST(holds(text, std::string(row.name)));
  for (const char* file : {"/taut.1", "/taut.bash", "/_taut"})
    BOOST_TEST(contents(std::string(TAUT_WRITTEN) + file) != "");
}

BOOST_AUTO_TEST_CASE(wrong_usage_is_2) {
  const std::vector<std::vector<std::string>> wrong{{},
                                                    {"frobnicate"},
                                                    {"bound"},
                                                    {"layers"},
                                                    {"bound", plane(), "another"},
                                                    {"bound", plane(), "--norm", "l3"},
                                                    {"bound", plane(), "--norm"},
                                                    {"bound", plane(), "--frob"},
                                                    {"bound", plane(), "--spectrum"},
                                                    {"layers", plane(), "--methods", "all"},
                                                    {"bound", plane(), "--methods", "lipsdp"},
                                                    {"bound", plane(), "--methods", "autolip,"},
                                                    {"bound", plane(), "--methods", "grid"},
                                                    {"bound", plane(), "--methods", "dataset"},
                                                    {"bound", plane(), "--methods", "seqlip", "--norm", "linf"},
                                                    {"bound", plane(), "--box", "1:-1"},
                                                    {"bound", plane(), "--box", "0:0"},
                                                    {"bound", plane(), "--box", "0:inf"},
                                                    {"bound", plane(), "--box", "nan:1"},
                                                    {"bound", plane(), "--box", "0"},
                                                    {"bound", plane(), "--time-limit", "0"},
                                                    {"bound", plane(), "--time-limit", "soon"},
                                                    {"bound", plane(), "--threads", "0"},
                                                    {"bound", plane(), "--threads", "1.5"},
                                                    {"bound", plane(), "--seed", "-1"},
                                                    {"bound", plane(), "--input-shape", "1xx2"},
                                                    {"bound", plane(), "--input-shape", "1x-2"},
                                                    {"bound", plane(), "--input", "nosuch"},
                                                    {"bound", plane(), "--output", "nosuch"},
                                                    {"completion", "fish"}};
  for (const auto& arguments : wrong) check_refused(arguments, 2, {});
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_1) {
  const ModelFolder folder;
  for (const char* command : {"bound", "layers"}) {
    check_refused({command, folder.path("missing.onnx")}, 1, {"missing.onnx"});
    check_refused({command, folder.path("")}, 1, {});
    check_refused({command, folder.write_bytes("empty.onnx", "")}, 1, {"empty.onnx"});
    check_refused({command, folder.write_bytes("noise.onnx", npy_points(7, 3))}, 1, {"noise.onnx"});
    const std::string whole = contents(plane());
    check_refused({command, folder.write_bytes("cut.onnx", whole.substr(0, whole.size() / 2))}, 1, {"cut.onnx"});
    nn::onnx::GraphData graph = small_network();
    graph.nodes[0].op = "Frobnicate";
    check_refused({command, folder.write("unknown.onnx", graph)}, 1, {"unknown.onnx", "layer", "Frobnicate"});
    graph = small_network();
    graph.initialisers[0].second.tensor = Tensor::of(Shape{3, 2}, {3.0, 0.0, std::nan(""), 4.0, 0.0, 0.0});
    check_refused({command, folder.write("nan.onnx", graph)}, 1, {"nan.onnx", "w"});
  }
  const std::string points = folder.write_bytes("points.npy", npy_points(4, 5));
  check_refused({"bound", plane(), "--data", points}, 1, {"points.npy", "2 numbers"});
  check_refused({"bound", plane(), "--data", folder.path("missing.npy")}, 1, {"missing.npy"});
  check_refused({"bound", plane(), "--report", folder.path("no/such/folder.html")}, 1, {"folder.html"});
}

BOOST_AUTO_TEST_CASE(json_is_the_contract) {
  const Json result = taut_json({"bound", plane(), "--box", "-1:1"});
  using Keys = std::vector<std::string>;
  const auto check_keys = [](const Json& object, const Keys& expected) {
    BOOST_TEST(keys(object) == expected, boost::test_tools::per_element());
  };
  check_keys(result, {"taut", "model", "norm", "domain", "bounds", "best", "layers", "folded"});
  check_keys(result["model"], {"path", "sha256", "inputs", "outputs", "parameters", "notes"});
  check_keys(result["model"]["inputs"][0], {"name", "shape"});
  check_keys(result["best"], {"upper", "upper_rigour", "lower", "lower_rigour"});
  BOOST_TEST(result["model"]["path"] == plane());
  BOOST_TEST(result["model"]["sha256"] == "8810facfe671f33d95d6aaf552a332470af49eeeb6e112e10c3f819742cf2217");
  BOOST_TEST(result["model"]["parameters"] == 67);
  BOOST_TEST(result["norm"] == "l2");
  BOOST_TEST(result["domain"]["box"] == Json({-1.0, 1.0}));
  Keys methods;
  for (const Json& row : result["bounds"]) {
    check_keys(row, {"method", "side", "value", "status", "rigour", "failure_probability", "seconds", "note"});
    methods.push_back(row["method"]);
  }
  BOOST_TEST(methods == (Keys{"frobenius", "autolip", "seqlip", "multiplier", "ascent", "exact", "exact"}),
             boost::test_tools::per_element());
  for (const char* list : {"layers", "folded"})
    for (const Json& row : result[list])
      check_keys(
          row, {"name", "op", "shape_in", "shape_out", "norm_lower", "norm_upper", "rigour", "structure", "frobenius"});
  const Json layers = taut_json({"layers", plane(), "--spectrum"});
  check_keys(layers, {"taut", "model", "norm", "domain", "bounds", "best", "layers", "folded"});
  BOOST_TEST(layers["layers"][0]["singular_values"].size() == 2u);
  BOOST_TEST(layers["domain"].is_null());
}

BOOST_AUTO_TEST_CASE(estimates_are_called_so) {
  const Json result = taut_json({"bound", plane(), "--methods", "seqlip-greedy"});
  BOOST_TEST(result["bounds"][0]["side"] == "estimate");
  BOOST_TEST(result["bounds"][0]["rigour"] == "estimate");
  BOOST_TEST(result["best"]["upper"].is_null());
  BOOST_TEST(result["best"]["upper_rigour"].is_null());
}

BOOST_AUTO_TEST_CASE(infinite_constants_are_an_answer) {
  const Json result = taut_json({"bound", model_file("mul_bilinear"), "--methods", "autolip"});
  BOOST_TEST(result["bounds"][0]["value"].is_null());
  BOOST_TEST(result["bounds"][0]["status"] == "unbounded");
  BOOST_TEST(holds(result["bounds"][0]["note"], "Mul"));
  BOOST_TEST(result["best"]["upper"].is_null());
  const Outcome text = test::taut({"bound", model_file("mul_bilinear"), "--methods", "autolip"});
  BOOST_TEST(text.status == 0);
  BOOST_TEST(holds(text.out, "unbounded"));
}

BOOST_AUTO_TEST_CASE(the_table_ends_in_the_sandwich) {
  const Outcome outcome = test::taut({"bound", plane()});
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(outcome.error == "");
  for (const char* part : {"method", "side", "value", "rigour", "time", "note", "largest layer: /0/Gemm", "81 regions"})
    BOOST_TEST(holds(outcome.out, part), part);
  // Rounded outward.
  BOOST_TEST(last_line(outcome.out).starts_with("1.00521 <= L <= 1.00522, "));
  BOOST_TEST(holds(test::taut({"layers", plane()}).out, "after folding"));
}

BOOST_AUTO_TEST_CASE(methods_are_chosen) {
  const auto names = [](const std::vector<std::string>& arguments) {
    std::string all;
    const Json result = taut_json(arguments);
    for (const Json& row : result["bounds"]) all += row["method"].get<std::string>() + " ";
    return all;
  };
  const ModelFolder folder;
  const std::string points = folder.write_bytes("points.npy", npy_points(20, 2));
  BOOST_TEST(names({"bound", plane(), "--norm", "linf"}) == "autolip steps ascent exact exact ");
  BOOST_TEST(names({"bound", plane(), "--norm=l1", "--methods", "ascent,autolip"}) == "ascent autolip steps ");
  BOOST_TEST(names({"bound", plane(), "--data", points, "--methods", "dataset,pairs"}) == "dataset pairs ");
  BOOST_TEST(names({"bound", plane(), "--data", points, "--box=-1:1", "--methods", "all"}) ==
             "frobenius autolip seqlip seqlip-exact seqlip-greedy eclipse-fast multiplier ascent annealing grid "
             "dataset pairs exact exact ");
  BOOST_TEST(
      names({"bound", plane(), "--methods", "all"}) ==
      "frobenius autolip seqlip seqlip-exact seqlip-greedy eclipse-fast multiplier ascent annealing exact exact ");
}

BOOST_AUTO_TEST_CASE(data_are_points) {
  const ModelFolder folder;
  const std::string model = folder.write("small.onnx", small_network());
  const std::string npy = folder.write_bytes("points.npy", npy_points(50, 3));
  std::string idx("\0\0\x08\x02\0\0\0\x04\0\0\0\x03", 12);
  for (int i = 0; i < 12; ++i) idx += static_cast<char>(20 * i);
  for (const std::string& file : {npy, folder.write_bytes("points-idx2-ubyte", idx)}) {
    const Json result = taut_json({"bound", model, "--data", file, "--methods", "dataset,pairs"});
    for (const Json& row : result["bounds"]) {
      BOOST_TEST(row["value"].get<double>() > 1.0);
      BOOST_TEST(row["value"].get<double>() <= 4.0);
    }
  }
}

BOOST_AUTO_TEST_CASE(notes_of_the_import_are_passed_on) {
  const ModelFolder folder;
  const std::string batch = folder.write("batch.onnx", small_network("layer", 8)),
                    two = folder.write("two.onnx", two_inputs());
  const Json of_batch = taut_json({"bound", batch, "--methods", "autolip"});
  BOOST_TEST(of_batch["model"]["inputs"][0]["shape"] == Json({1, 3}));
  BOOST_TEST(of_batch["model"]["notes"].size() == 1u);
  BOOST_TEST(std::fabs(of_batch["best"]["upper"].get<double>() - 4.0) < 1e-9);
  BOOST_TEST(holds(test::taut({"bound", batch}).out, "note: "));
  // ‖x + 2 y‖ ≤ √5 ‖(x, y)‖
  const Json joint = taut_json({"bound", two, "--methods", "autolip"});
  BOOST_TEST(std::fabs(joint["best"]["upper"].get<double>() - std::sqrt(5.0)) < 1e-9);
  BOOST_TEST(joint["model"]["inputs"].size() == 2u);
  const Json one = taut_json({"bound", two, "--methods", "autolip", "--input", "b"});
  BOOST_TEST(std::fabs(one["best"]["upper"].get<double>() - 2.0) < 1e-9);
  BOOST_TEST(one["model"]["notes"].size() == 1u);
  BOOST_TEST(holds(test::taut({"layers", two, "--input", "b"}).out, "note: "));
}

BOOST_AUTO_TEST_CASE(names_may_hold_anything) {
  const ModelFolder folder;
  const std::string name = "a\"b\\\n<script>&'\xff";
  const std::string model = folder.write("names.onnx", small_network(name));
  const Json result = taut_json({"layers", model});
  BOOST_TEST(holds(result["layers"][0]["name"], "a\"b\\"));
}

BOOST_AUTO_TEST_CASE(a_seed_fixes_the_result) {
  const std::vector<std::string> arguments{"bound", model_file("mlp_3_10_1"), "--methods", "ascent,annealing",
                                           "--json"};
  const auto with_seed = [&](const char* seed) {
    auto all = arguments;
    all.insert(all.end(), {"--seed", seed});
    return without_times(test::taut(all).out);
  };
  BOOST_TEST(with_seed("1") == with_seed("1"));
  BOOST_TEST(with_seed("1") != with_seed("2"));
}

BOOST_AUTO_TEST_CASE(time_limits_are_kept) {
  const Outcome outcome = test::taut({"bound", model_file("cnn_28_a"), "--time-limit", "1", "--json"});
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(outcome.processor_seconds < 3.0 * slowness);
  const Json result = Json::parse(outcome.out);
  BOOST_TEST(result["best"]["upper"].is_number());
  BOOST_TEST(result["best"]["lower"].is_number());
}

// Also by methods whose single steps are long.
BOOST_AUTO_TEST_CASE(no_method_overstays) {
  for (const char* method : {"seqlip", "seqlip-exact", "seqlip-greedy", "ascent", "annealing"}) {
    const Outcome outcome = test::taut({"bound", model_file("cnn_28_a"), "--methods", method, "--time-limit", "0.5"});
    BOOST_TEST(outcome.status == 0);
    BOOST_TEST(outcome.processor_seconds < 2.5 * slowness, method << " took " << outcome.processor_seconds);
  }
}

BOOST_AUTO_TEST_CASE(interrupts_print_what_is_proved) {
  const std::vector<std::string> arguments{"bound", model_file("cnn_28_a"), "--methods", "autolip,annealing,seqlip"};
  for (const int signal : {SIGINT, SIGTERM}) {
    const Outcome outcome = test::taut(arguments, Kick{signal, 0.7, std::nullopt});
    BOOST_TEST(outcome.status == 128 + signal);
    BOOST_TEST(outcome.error == "");
    BOOST_TEST(holds(outcome.out, "cut"));
    BOOST_TEST(holds(last_line(outcome.out), " <= L <= "));
  }
}

BOOST_AUTO_TEST_CASE(a_second_interrupt_ends_at_once) {
  const std::vector<std::string> arguments{"bound", model_file("cnn_28_a"), "--methods", "seqlip,seqlip-exact"};
  const Outcome outcome = test::taut(arguments, Kick{SIGINT, 0.3, 0.01});
  // The first one alone may have ended it within the hundredth of a second.
  BOOST_TEST((outcome.status == 130 || outcome.status == 0));
  BOOST_TEST(outcome.processor_seconds < 2.0 * slowness);
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_an_error) {
  const ModelFolder folder;
  BOOST_TEST(test::taut({"bound", plane(), "--report", "/dev/full"}).status == 1);
}

BOOST_AUTO_TEST_SUITE_END()
