// Runs ONNX's operator tests (Debian: libonnx-testdata) through the import and prints docs/onnx.md, or why it cannot.
//   onnx_conformance DATA REVIEWED [--list]
// Fails when a result is wrong, when a case of supported operators is refused that is not in the reviewed list, and
// when that list is longer than it may be. With --list every case is printed.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <map>
#include <set>

#include "autodiff/error.h"
#include "nn/onnx/format/half.h"
#include "nn/onnx/model.h"

namespace fs = std::filesystem;
using namespace taut;            // NOLINT(google-build-using-namespace)
using namespace taut::nn::onnx;  // NOLINT(google-build-using-namespace)

namespace {

enum class Outcome { passed, refused, wrong };
struct Result {
  std::string name;
  Outcome outcome = Outcome::passed;
  bool listed = true;  // of importable operators only
  std::string why;
};

// What a file holds that is no tensor of numbers.
class OtherData : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
// The test data hold bfloat16 numbers as if they were whole ones; the model says what they are.
Array array_of(const fs::path& file, ElementType declared) {
  try {
    Array array = parse_array(bytes_of(file), file.string()).second;
    if (declared != ElementType::bf16 || array.type != ElementType::u16) return array;
    Tensor wide = Tensor::uninitialised(array.tensor.shape(), DType::f32);
    for (Index i = 0; i < wide.size(); ++i)
      wide.mutable_data<float>()[static_cast<std::size_t>(i)] =
          float_from_bfloat(static_cast<std::uint16_t>(array.tensor.at(i)));
    return {wide, ElementType::bf16};
  } catch (const Error& error) {
    throw OtherData(error.what());
  }
}

std::vector<fs::path> sorted(const fs::path& folder) {
  std::vector<fs::path> list(fs::directory_iterator(folder), {});
  std::ranges::sort(list);
  return list;
}

std::string difference(const Array& given, const Array& wanted) {
  if (given.tensor.shape() != wanted.tensor.shape())
    return cat("shape ", given.tensor.shape(), " instead of ", wanted.tensor.shape());
  constexpr double relative = 1e-3, absolute = 1e-7;
  for (Index i = 0; i < wanted.tensor.size(); ++i) {
    const double a = given.tensor.at(i), b = wanted.tensor.at(i);
    if (a == b || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= absolute + relative * std::fabs(b)) continue;
    return cat(a, " instead of ", b, " at ", i);
  }
  return "";
}

void run(const fs::path& folder, Result& result) {
  const GraphData graph = read_graph(folder / "model.onnx");
  std::set<std::string> known, of_constants;
  for (const OperatorRow& row : operators()) {
    known.emplace(row.op);
    if (row.remarks == "constants only") of_constants.emplace(row.op);
  }
  const bool constants_only =
      std::ranges::any_of(graph.nodes, [&](const GraphNode& node) { return of_constants.contains(node.op); });
  for (const GraphNode& node : graph.nodes)
    if (!node.domain.empty() || !known.contains(node.op)) {
      result.listed = false;
      result.outcome = Outcome::refused;
      result.why = cat(node.domain, node.domain.empty() ? "" : ".", node.op);
      return;
    }
  for (const fs::path& set : sorted(folder)) {
    if (!fs::is_directory(set)) continue;
    std::map<std::string, Array> inputs;
    std::vector<std::string> varying;
    for (std::size_t k = 0; k < graph.inputs.size(); ++k) {
      const fs::path file = set / cat("input_", k, ".pb");
      if (!fs::exists(file)) continue;
      const std::string& name = graph.inputs[k].name;
      inputs[name] = array_of(file, graph.inputs[k].type);
      // The first varies, what follows are weights.
      if (!constants_only && varying.empty() && is_float(inputs[name].type)) varying.push_back(name);
    }
    const std::map<std::string, Array> outputs = evaluate(graph, inputs, varying, folder.filename().string());
    for (std::size_t k = 0; k < graph.outputs.size(); ++k) {
      const std::string what = difference(outputs.at(graph.outputs[k].name),
                                          array_of(set / cat("output_", k, ".pb"), graph.outputs[k].type));
      if (what.empty()) continue;
      result.outcome = Outcome::wrong;
      result.why = cat("output ", k, ": ", what);
      return;
    }
  }
}

Result outcome_of(const fs::path& folder) {
  Result result;
  result.name = folder.filename().string();
  try {
    run(folder, result);
  } catch (const OtherData& error) {
    result.outcome = Outcome::refused;
    result.listed = false;
    result.why = "inputs or outputs that are no tensors of numbers";
  } catch (const Error& error) {
    result.outcome = Outcome::refused;
    result.why = error.what();
  }
  return result;
}

// "case: reason", one per line.
std::map<std::string, std::string> reviewed(const fs::path& file) {
  std::map<std::string, std::string> list;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) throw FileError(cat(file.string(), ": not 'case: reason': ", line));
    list[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return list;
}

struct Count {
  int passed = 0, unlisted = 0, reviewed = 0, refused = 0, wrong = 0;
  int listed() const { return passed + reviewed + refused + wrong; }
};

void print_document(const std::vector<std::pair<std::string, Count>>& suites,
                    const std::map<std::string, std::string>& exceptions) {
  std::cout << R"(# ONNX

<!-- Printed by tests/onnx/conformance from a run over ONNX's operator tests; a test compares. `make docs` writes it. -->

Models are read with opset 6 to 21; weights are f32 or f64 (f16 and bf16 are widened). Everything that decides is read from
the file and computed once at loading; what is refused is refused then, by node and operator. Numbers that depend on the
input are floating-point; whole numbers and truth values are constants, or shapes.

Decompositions that exporters write are recognised and get the rule of what they are: GELU (by Erf or Tanh), SiLU, Mish,
hard swish; ReLU, leaky ReLU, PReLU and ELU from Where, Max, Min and Relu; layer normalisation; division by max(norm, eps) and
by √(Σx² + eps) or √(mean x² + eps); sign(x)·|x|; sigmoid, softplus, softsign, softmax, log-softmax and logsumexp from Exp and Log; convex steps
x − Aᵀ relu(Ax + b), as Taut writes them. Constants such as 1/√2 may be roundings: bounds then hold for every constant within
a relative 2^-23 of the exact one. What is recognised is proved to be it
([mathematics 16](mathematics/16-decompositions.md#decompositions)): by names, shapes in every run,
attributes, and values in enclosures; an attribute that is not understood, a constant that enlarges what it meets, or one that
is computed where an attribute must be exact, and the nodes are analysed as they are written.

The slope of PRelu is broadcast to its operand. Until opset 6 a slope of C numbers is one per channel, as the operator said
then; since opset 7 it lies along the last axis, except where that has neither C numbers nor one: such a file is no valid
ONNX, and is read in the old way.

## Operators

| operator | becomes | remarks |
|---|---|---|
)";
  for (const OperatorRow& row : operators())
    std::cout << "| " << row.op << " | " << row.becomes << " | " << row.remarks << " |\n";
  std::cout << R"(
## Constants

Numbers stored in a file are exact. What else is exact:

| constant | exact meaning |
|---|---|
| averages (AveragePool with any padding and ceil_mode, GlobalAveragePool, ReduceMean, Mean, variances) | sum / whole number |
| Resize, Upsample: scale | by sizes the quotient of the sizes, by scales the f32 numbers of the file |
| Resize, Upsample: positions and weights | rational, by the formula of the coordinate mode; cubic by the f32 coefficient |
| Resize: size of the result by scales | ⌊size · scale⌋ in exact arithmetic |
| BatchNormalization, LayerNormalization, GroupNormalization, InstanceNormalization, LRN | by their formulae, with the f32 attributes |
| Gemm's alpha and beta, slopes and other attributes | the f32 numbers of the file |
| arithmetic on constants within the file (quantisation, folded scales) | without rounding; it is recorded and enclosed |
| Cast to a narrower type, Floor, Ceil, Round, comparisons of numbers that were computed | decided by the enclosure, or refused |
| whole numbers that leave their type, where machines wrap around, or 2^53 | refused |
| an exponent, or an end of Clip, computed within the file | every number of its enclosure |
| other attributes computed within the file (axes and shapes are whole numbers, and exact) | refused, unless the arithmetic did not round |

## Conformance

The cases of ONNX 1.12 (Debian's libonnx-testdata), the first floating-point input on a tape, the others constants; relative
tolerance 1e-3, absolute 1e-7. *Other operators*: cases with an operator that is not in the table, or with data that are no
tensors of numbers.

| suite | passed | reviewed exceptions | failed | other operators |
|---|---|---|---|---|
)";
  for (const auto& [name, count] : suites)
    std::cout << "| " << name << " | " << count.passed << " | " << count.reviewed << " | "
              << count.refused + count.wrong << " | " << count.unlisted << " |\n";
  std::cout << "\nThe reviewed exceptions, all refused with a message:\n\n| case | why |\n|---|---|\n";
  for (const auto& [name, why] : exceptions) std::cout << "| " << name << " | " << why << " |\n";
}

int check(const fs::path& data, const fs::path& list, bool print_all) {
  const std::map<std::string, std::string> exceptions = reviewed(list);
  std::set<std::string> used;
  std::vector<std::pair<std::string, Count>> suites;
  std::vector<std::string> faults;
  Count all;
  for (const char* suite : {"node", "pytorch-converted", "pytorch-operator", "simple"}) {
    if (!fs::is_directory(data / suite))
      throw FileError(
          cat((data / suite).string(), ": there are no test data; install them (Debian: libonnx-testdata)"));
    Count count;
    for (const fs::path& folder : sorted(data / suite)) {
      const Result result = outcome_of(folder);
      const bool excepted = exceptions.contains(result.name);
      if (excepted) used.insert(result.name);
      if (result.outcome == Outcome::passed)
        ++count.passed;
      else if (result.outcome == Outcome::wrong)
        ++count.wrong;
      else if (!result.listed)
        ++count.unlisted;
      else
        ++(excepted ? count.reviewed : count.refused);
      const bool fault =
          result.outcome == Outcome::wrong || (result.outcome == Outcome::refused && result.listed && !excepted);
      if (fault) faults.push_back(cat(suite, '/', result.name, ": ", result.why));
      if (excepted && (result.outcome != Outcome::refused || !result.listed))
        faults.push_back(cat(suite, '/', result.name, ": is in the reviewed list, but needs no exception"));
      if (print_all)
        std::cerr << suite << '/' << result.name << ' '
                  << (result.outcome == Outcome::passed ? "passed"
                      : fault                           ? "FAILED"
                                                        : "unsupported")
                  << ' ' << result.why << '\n';
    }
    suites.emplace_back(suite, count);
    all.passed += count.passed;
    all.reviewed += count.reviewed;
    all.refused += count.refused;
    all.wrong += count.wrong;
  }
  for (const auto& [name, why] : exceptions)
    if (!used.contains(name)) faults.push_back(cat("the reviewed list names '", name, "', which there is not"));
  if (all.reviewed * 20 > all.listed())
    faults.push_back(cat(all.reviewed, " of ", all.listed(), " cases are exceptions, more than 5 %"));
  for (const auto& [name, count] : suites)
    if (name == "pytorch-operator" && count.passed != 35)
      faults.push_back("pytorch-operator has 35 cases, all of which must pass");
  for (const std::string& fault : faults) std::cerr << fault << '\n';
  if (!faults.empty()) return 1;
  print_document(suites, exceptions);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 3) throw UsageError("usage: onnx_conformance DATA REVIEWED [--list]");
    return check(argv[1], argv[2], argc > 3 && std::string(argv[3]) == "--list");
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
