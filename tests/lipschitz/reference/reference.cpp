#include "tests/lipschitz/reference/reference.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "autodiff/error.h"
#include "autodiff/ops.h"

namespace taut::testing {
namespace {

std::filesystem::path folder() { return std::filesystem::path(TAUT_SOURCE_DIR) / "tests/data/reference"; }

double number(const std::string& text) {
  char* end = nullptr;
  const double x = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') throw FileError(cat("[reference] a number is needed, got '", text, "'"));
  return x;
}

double read_number(std::istream& in) {
  std::string text;
  in >> text;
  return number(text);
}

Tensor read_tensor(std::istream& in, const Shape& shape, DType dtype) {
  Tensor t = Tensor::uninitialised(shape, DType::f64);
  for (double& x : t.mutable_data<double>()) x = read_number(in);
  return t.to(dtype);
}

ReferenceNetwork::Layer read_layer(std::istream& in, const std::string& op, DType dtype) {
  ReferenceNetwork::Layer layer{op, {0}, {}, {}, 0.0};
  in >> layer.operands[0];
  if (op == "dense") {
    Index rows = 0, columns = 0;
    std::string bias;
    in >> rows >> columns >> bias;
    layer.weight = read_tensor(in, {rows, columns}, dtype);
    if (bias == "bias") layer.bias = read_tensor(in, {rows}, dtype);
  } else if (op == "leaky_relu" || op == "elu") {
    layer.parameter = read_number(in);
  } else if (op == "add") {
    in >> layer.operands.emplace_back();
  } else if (op != "relu" && op != "tanh") {
    throw FileError(cat("[reference] unknown operation '", op, "'"));
  }
  return layer;
}

ReferenceValue read_value(std::istream& line) {
  ReferenceValue value;
  std::string word;
  line >> value.kind;
  value.relative_accuracy = read_number(line);
  line >> word;
  if (word == "box") {
    const double lo = read_number(line), hi = read_number(line);
    value.box = Interval{lo, hi};
    line >> word;
  }
  if (word != "=") throw FileError(cat("[reference] '=' is needed before numbers, got '", word, "'"));
  while (line >> word) value.numbers.push_back(number(word));
  return value;
}

}  // namespace

Var ReferenceNetwork::operator()(const Var& x) const {
  std::vector<Var> nodes{x};
  for (const Layer& layer : layers) {
    const Var& a = nodes.at(layer.operands[0]);
    if (layer.op == "dense")
      nodes.push_back(dense(a, layer.weight, layer.bias.defined() ? Var(layer.bias) : Var()));
    else if (layer.op == "relu")
      nodes.push_back(relu(a));
    else if (layer.op == "tanh")
      nodes.push_back(tanh(a));
    else if (layer.op == "leaky_relu")
      nodes.push_back(leaky_relu(a, layer.parameter));
    else if (layer.op == "elu")
      nodes.push_back(elu(a, layer.parameter));
    else
      nodes.push_back(a + nodes.at(layer.operands.at(1)));
  }
  return nodes.back();
}

Tensor ReferenceNetwork::sample() const { return Tensor::zeros({1, inputs}, dtype); }

const ReferenceValue& ReferenceNetwork::value(const std::string& key) const { return values.at(key); }

std::vector<std::string> reference_networks() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder()))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

ReferenceNetwork reference_network(const std::string& name) {
  const std::filesystem::path path = folder() / (name + ".txt");
  std::ifstream in(path);
  if (!in) throw FileError(cat("[reference] cannot read ", path.string()));
  ReferenceNetwork network;
  network.name = name;
  std::string word, rest;
  while (in >> word) {
    if (word[0] == '#') {
      std::getline(in, rest);
    } else if (word == "input") {
      in >> network.inputs >> word;
      network.dtype = word == "f32" ? DType::f32 : DType::f64;
    } else if (word == "value") {
      std::string key;
      in >> key;
      std::getline(in, rest);
      std::istringstream line(rest);
      network.values.emplace(key, read_value(line));
    } else {
      network.layers.push_back(read_layer(in, word, network.dtype));
    }
  }
  return network;
}

}  // namespace taut::testing
