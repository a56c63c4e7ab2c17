// LSTM, GRU and RNN of ONNX against loops over plain numbers.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "autodiff/error.h"
#include "tests/onnx/import/compared.h"

namespace taut::test {
namespace {

constexpr int steps = 4, batch = 2, inputs = 3, size = 2;

struct Cell {
  const char* op;
  int gates;
  std::string direction = "forward";
  bool bias = true, initial = false, batch_first = false, linear_before_reset = false, coupled = false,
       peepholes = false;
  double clip = 0.0;
  std::vector<std::string> activations = {};
  int directions() const { return direction == "bidirectional" ? 2 : 1; }
};

Numbers random_numbers(std::mt19937_64& random, int count) {
  Numbers list(static_cast<std::size_t>(count));
  for (double& x : list) x = static_cast<double>(random() % 2001) / 1000.0 - 1.0;
  return list;
}
double at(const Numbers& list, int i) { return list.at(static_cast<std::size_t>(i)); }
double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

struct Weights {
  Numbers w, r, b, hidden, cell, peepholes;
};

// One direction of one sample: outputs by time, (size) each.
class Reference {
 public:
  Reference(const Cell& cell, const Weights& weights, int direction, int sample)
      : cell_(cell), weights_(weights), d_(direction), h_(size, 0.0), c_(size, 0.0) {
    if (!cell.initial) return;
    for (int i = 0; i < size; ++i) {
      const int place =
          cell.batch_first ? (sample * cell.directions() + d_) * size + i : (d_ * batch + sample) * size + i;
      h_[static_cast<std::size_t>(i)] = at(weights.hidden, place);
      if (!weights.cell.empty()) c_[static_cast<std::size_t>(i)] = at(weights.cell, place);
    }
  }
  const Numbers& hidden() const { return h_; }
  const Numbers& state() const { return c_; }

  void advance(const Numbers& x) {
    const std::string op = cell_.op;
    Numbers next = h_, cells = c_;
    for (int i = 0; i < size; ++i) {
      const auto k = static_cast<std::size_t>(i);
      if (op == "RNN") next[k] = f(0, clipped(input(0, i, x) + recurrent(0, i, h_)));
      if (op == "LSTM") advance_lstm(i, x, next, cells);
      if (op == "GRU") next[k] = gru(i, x);
    }
    h_ = next;
    c_ = cells;
  }

 private:
  double f(int which, double x) const {
    const std::string op = cell_.op;
    const std::vector<std::string> normal = op == "RNN"    ? std::vector<std::string>{"Tanh"}
                                            : op == "LSTM" ? std::vector<std::string>{"Sigmoid", "Tanh", "Tanh"}
                                                           : std::vector<std::string>{"Sigmoid", "Tanh"};
    const auto& names = cell_.activations.empty() ? normal : cell_.activations;
    const std::string& name = names[static_cast<std::size_t>(which)];
    return name == "Sigmoid"    ? logistic(x)
           : name == "Relu"     ? std::max(0.0, x)
           : name == "Softsign" ? x / (1 + std::fabs(x))
                                : std::tanh(x);
  }
  double clipped(double x) const { return cell_.clip > 0.0 ? std::clamp(x, -cell_.clip, cell_.clip) : x; }
  double input(int gate, int i, const Numbers& x) const {
    double sum = cell_.bias ? at(weights_.b, (d_ * 2 * cell_.gates + gate) * size + i) : 0.0;
    for (int j = 0; j < inputs; ++j)
      sum += at(weights_.w, ((d_ * cell_.gates + gate) * size + i) * inputs + j) * at(x, j);
    return sum;
  }
  double recurrent_bias(int gate, int i) const {
    return cell_.bias ? at(weights_.b, (d_ * 2 * cell_.gates + cell_.gates + gate) * size + i) : 0.0;
  }
  double recurrent(int gate, int i, const Numbers& h) const {
    double sum = recurrent_bias(gate, i);
    for (int j = 0; j < size; ++j) sum += at(weights_.r, ((d_ * cell_.gates + gate) * size + i) * size + j) * at(h, j);
    return sum;
  }
  double peephole(int which, int i, double c) const {
    return cell_.peepholes ? at(weights_.peepholes, (d_ * 3 + which) * size + i) * c : 0.0;
  }
  void advance_lstm(int i, const Numbers& x, Numbers& next, Numbers& cells) const {
    const double c = at(c_, i);
    const auto gate = [&](int k) { return input(k, i, x) + recurrent(k, i, h_); };
    const double in = f(0, clipped(gate(0) + peephole(0, i, c)));
    const double forget = cell_.coupled ? 1.0 - in : f(0, clipped(gate(2) + peephole(2, i, c)));
    const double news = forget * c + in * f(1, clipped(gate(3)));
    cells[static_cast<std::size_t>(i)] = news;
    next[static_cast<std::size_t>(i)] = f(0, clipped(gate(1) + peephole(1, i, news))) * f(2, news);
  }
  double gru(int i, const Numbers& x) const {
    const auto gate = [&](int k, int row) { return f(0, clipped(input(k, row, x) + recurrent(k, row, h_))); };
    double candidate = input(2, i, x);
    if (cell_.linear_before_reset) {
      candidate += gate(1, i) * recurrent(2, i, h_);
    } else {
      Numbers reset = h_;
      for (int j = 0; j < size; ++j) reset[static_cast<std::size_t>(j)] *= gate(1, j);
      candidate += recurrent(2, i, reset);
    }
    const double z = gate(0, i);
    return (1.0 - z) * f(1, clipped(candidate)) + z * at(h_, i);
  }

  const Cell& cell_;
  const Weights& weights_;
  int d_;
  Numbers h_, c_;
};

Weights draw(const Cell& c, std::mt19937_64& random) {
  const int d = c.directions();
  Weights w{random_numbers(random, d * c.gates * size * inputs),
            random_numbers(random, d * c.gates * size * size),
            {},
            {},
            {},
            {}};
  if (c.bias) w.b = random_numbers(random, d * 2 * c.gates * size);
  if (c.initial) w.hidden = random_numbers(random, d * batch * size);
  if (c.initial && std::string(c.op) == "LSTM") w.cell = random_numbers(random, d * batch * size);
  if (c.peepholes) w.peepholes = random_numbers(random, d * 3 * size);
  return w;
}

onnx::GraphData graph_of(const Cell& c, const Weights& w) {
  const Index d = c.directions(), g = c.gates;
  Constants constants{{"W", floats({d, g * size, inputs}, w.w)}, {"R", floats({d, g * size, size}, w.r)}};
  std::vector<std::string> names{"x", "W", "R", c.bias ? "B" : "", ""};
  if (c.bias) constants.emplace_back("B", floats({d, 2 * g * size}, w.b));
  const Shape state = c.batch_first ? Shape{batch, d, size} : Shape{d, batch, size};
  names.emplace_back(c.initial ? "h" : "");
  if (c.initial) constants.emplace_back("h", floats(state, w.hidden));
  if (std::string(c.op) == "LSTM") {
    names.emplace_back(c.initial ? "c" : "");
    if (c.initial) constants.emplace_back("c", floats(state, w.cell));
    names.emplace_back(c.peepholes ? "P" : "");
    if (c.peepholes) constants.emplace_back("P", floats({d, 3 * size}, w.peepholes));
  }
  onnx::GraphNode cell = node(c.op, names, "y", {{"hidden_size", std::int64_t{size}}, {"direction", c.direction}});
  if (c.batch_first) cell.attributes["layout"] = std::int64_t{1};
  if (c.linear_before_reset) cell.attributes["linear_before_reset"] = std::int64_t{1};
  if (c.coupled) cell.attributes["input_forget"] = std::int64_t{1};
  if (c.clip > 0.0) cell.attributes["clip"] = static_cast<float>(c.clip);
  if (!c.activations.empty()) {
    std::vector<std::string> all = c.activations;
    if (d == 2) all.insert(all.end(), c.activations.begin(), c.activations.end());
    cell.attributes["activations"] = all;
  }
  return graph(c.batch_first ? Shape{batch, steps, inputs} : Shape{steps, batch, inputs}, {cell}, constants, 14);
}

void check(const Cell& c, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const Weights w = draw(c, random);
  const onnx::Model model = whole(graph_of(c, w));
  const Tensor x =
      Tensor::from<double>(model.sample().shape(), random_numbers(random, static_cast<int>(model.sample().size())));
  const Tensor y = model(Var(x)).value();
  const int d = c.directions();
  BOOST_TEST_REQUIRE(y.size() == steps * d * batch * size);
  for (int sample = 0; sample < batch; ++sample)
    for (int k = 0; k < d; ++k) {
      Reference reference(c, w, k, sample);
      const bool backwards = c.direction == "reverse" || k == 1;
      for (int i = 0; i < steps; ++i) {
        const int t = backwards ? steps - 1 - i : i;
        Numbers now;
        for (int j = 0; j < inputs; ++j)
          now.push_back(x.at(c.batch_first ? (sample * steps + t) * inputs + j : (t * batch + sample) * inputs + j));
        reference.advance(now);
        for (int j = 0; j < size; ++j) {
          const int place =
              c.batch_first ? ((sample * steps + t) * d + k) * size + j : ((t * d + k) * batch + sample) * size + j;
          BOOST_TEST(std::fabs(y.at(place) - at(reference.hidden(), j)) < 1e-12,
                     c.op << ' ' << c.direction << " at " << t);
        }
      }
    }
}

std::vector<Cell> cells() {
  std::vector<Cell> all;
  for (const auto& [op, gates] : {std::pair("RNN", 1), std::pair("LSTM", 4), std::pair("GRU", 3)})
    for (const char* direction : {"forward", "reverse", "bidirectional"}) {
      all.push_back({op, gates, direction});
      all.push_back({op, gates, direction, false});
      all.push_back({op, gates, direction, true, true, true});
    }
  all.push_back({.op = "GRU", .gates = 3, .linear_before_reset = true});
  all.push_back({.op = "GRU", .gates = 3, .bias = false, .linear_before_reset = true});
  all.push_back({.op = "GRU", .gates = 3, .direction = "bidirectional", .initial = true, .linear_before_reset = true});
  all.push_back({.op = "GRU", .gates = 3, .clip = 0.5, .activations = {"Sigmoid", "Softsign"}});
  all.push_back({.op = "LSTM", .gates = 4, .peepholes = true});
  all.push_back({.op = "LSTM", .gates = 4, .initial = true, .coupled = true, .peepholes = true});
  all.push_back({.op = "LSTM", .gates = 4, .direction = "bidirectional", .clip = 0.75});
  all.push_back({.op = "LSTM", .gates = 4, .activations = {"Sigmoid", "Relu", "Tanh"}});
  all.push_back({.op = "RNN", .gates = 1, .direction = "reverse", .activations = {"Relu"}});
  return all;
}

BOOST_AUTO_TEST_SUITE(recurrent_operators)

BOOST_AUTO_TEST_CASE(cells_compute_what_onnx_says) {
  std::uint64_t seed = 1;
  for (const Cell& cell : cells()) check(cell, seed++);
}

// Y_h of LSTM is the last hidden state, Y_c the last state of the cell.
BOOST_AUTO_TEST_CASE(last_states_are_outputs) {
  const Cell cell{.op = "LSTM", .gates = 4, .initial = true};
  std::mt19937_64 random(3);
  const Weights w = draw(cell, random);
  for (const bool of_cell : {false, true}) {
    onnx::GraphData data = graph_of(cell, w);
    data.nodes[0].outputs = {"all", of_cell ? "h1" : "y", of_cell ? "y" : "c1"};
    const onnx::Model model = whole(data);
    const Tensor x =
        Tensor::from<double>(model.sample().shape(), random_numbers(random, static_cast<int>(model.sample().size())));
    const Tensor y = model(Var(x)).value();
    for (int sample = 0; sample < batch; ++sample) {
      Reference reference(cell, w, 0, sample);
      for (int t = 0; t < steps; ++t) {
        Numbers now;
        for (int j = 0; j < inputs; ++j) now.push_back(x.at((t * batch + sample) * inputs + j));
        reference.advance(now);
      }
      for (int j = 0; j < size; ++j)
        BOOST_TEST(std::fabs(y.at(sample * size + j) - at(of_cell ? reference.state() : reference.hidden(), j)) <
                   1e-12);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_supported_is_refused) {
  const Cell cell{.op = "RNN", .gates = 1};
  std::mt19937_64 random(4);
  onnx::GraphData data = graph_of(cell, draw(cell, random));
  data.nodes[0].inputs[4] = "lengths";
  data.initialisers.emplace_back("lengths", wholes({4, 3}));
  BOOST_CHECK_THROW(onnx::Model::of(data), UnsupportedError);
  onnx::GraphData other = graph_of(cell, draw(cell, random));
  other.nodes[0].attributes["activations"] = std::vector<std::string>{"Mystery"};
  BOOST_CHECK_THROW(onnx::Model::of(other), UnsupportedError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut::test
