// The exact constant against values that others computed, against brute force, and on degenerate arrangements.
#include "lipschitz/exact.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "autodiff/tape.h"
#include "lipschitz/autolip.h"
#include "tests/lipschitz/reference/reference.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;
using testing::ReferenceNetwork;
using testing::ReferenceValue;

constexpr std::pair<Norm, const char*> norms[] = {{Norm::l1, "l1"}, {Norm::l2, "l2"}, {Norm::linf, "linf"}};

ExactOptions in_norm(Norm norm, std::optional<Interval> box = std::nullopt) {
  ExactOptions options;
  options.question.norm = norm;
  options.question.domain = Domain::box_or_reals(box);
  return options;
}

void check_value(const ExactResult& result, const ReferenceValue& expected) {
  const double slack = 1.0 + 2.0 * expected.relative_accuracy;
  BOOST_TEST((result.status == Status::finite));
  BOOST_TEST(result.note == "");
  BOOST_TEST(result.lower.is_certified());
  BOOST_TEST(result.upper.is_certified());
  BOOST_TEST(result.lower.value() <= expected.number() * slack);
  BOOST_TEST(result.upper.value() * slack >= expected.number());
  BOOST_TEST(result.upper.value() <= result.lower.value() * (1.0 + 1e-13));
}

enum class Kind { relu, leaky, abs, clip };
Var activation(Kind kind, const Var& x) {
  switch (kind) {
    case Kind::relu:
      return relu(x);
    case Kind::leaky:
      return leaky_relu(x, -0.25);
    case Kind::abs:
      return abs(x);
    case Kind::clip:
      return clip(x, -0.5, 1.25);
  }
  throw UsageError("no such kind");
}
struct Kinks {
  std::vector<double> breaks, slopes;
};
Kinks kinks(Kind kind) {
  if (kind == Kind::clip) return {{-0.5, 1.25}, {0.0, 1.0, 0.0}};
  return {{0.0}, {kind == Kind::relu ? 0.0 : kind == Kind::abs ? -1.0 : -0.25, 1.0}};
}

struct Net {
  Kind kind;
  std::vector<Tensor> weights, biases;
  Net(Random& random, Kind k, std::vector<Index> sizes, DType dtype = DType::f64) : kind(k) {
    for (std::size_t i = 1; i < sizes.size(); ++i) {
      weights.push_back(random.normals({sizes[i], sizes[i - 1]}, dtype));
      biases.push_back(random.normals({sizes[i]}, dtype));
    }
  }
  Tensor sample() const { return Tensor::zeros({1, weights[0].shape()[1]}, weights[0].dtype()); }
  Var operator()(const Var& x) const {
    Var h = dense(x, weights[0], biases[0]);
    for (std::size_t k = 1; k < weights.size(); ++k) h = dense(activation(kind, h), weights[k], biases[k]);
    return h;
  }
};

// All pieces of a network of one number, in long double: interval by interval, layer by layer.
struct Line {
  long double slope, offset;
};
struct Piece {
  long double from, to;
  std::vector<Line> values;
};
std::vector<Piece> through(const std::vector<Piece>& pieces, const Tensor& weight, const Tensor& bias) {
  std::vector<Piece> result = pieces;
  for (Piece& piece : result) {
    std::vector<Line> out;
    for (Index i = 0; i < weight.shape()[0]; ++i) {
      Line line{0.0L, bias.at(i)};
      for (Index j = 0; j < weight.shape()[1]; ++j) {
        line.slope += weight.at(i * weight.shape()[1] + j) * piece.values[static_cast<std::size_t>(j)].slope;
        line.offset += weight.at(i * weight.shape()[1] + j) * piece.values[static_cast<std::size_t>(j)].offset;
      }
      out.push_back(line);
    }
    piece.values = out;
  }
  return result;
}
std::vector<Piece> bent(const std::vector<Piece>& pieces, const Kinks& f) {
  std::vector<Piece> result;
  for (const Piece& piece : pieces) {
    std::set<long double> cuts;
    for (const Line& line : piece.values)
      for (const double b : f.breaks) {
        const long double x = (b - line.offset) / line.slope;
        if (x > piece.from && x < piece.to) cuts.insert(x);
      }
    cuts.insert(piece.to);
    long double from = piece.from;
    for (const long double to : cuts) {
      const long double middle = std::isinf(from) ? (std::isinf(to) ? 0 : to - 1)
                                 : std::isinf(to) ? from + 1
                                                  : (from + to) / 2;
      Piece part{from, to, piece.values};
      for (Line& line : part.values) {
        const long double at = line.slope * middle + line.offset;
        std::size_t p = 0;
        while (p < f.breaks.size() && at > f.breaks[p]) ++p;
        const long double b = f.breaks[p > 0 ? p - 1 : 0];
        const double image = b < f.breaks[0] || f.breaks.size() == 1 ? 0.0 : static_cast<double>(b);  // clip(b) = b
        const long double value = f.breaks.size() == 1 ? 0.0L : static_cast<long double>(image);
        line.offset = f.slopes[p] * (line.offset - b) + value;
        line.slope *= f.slopes[p];
      }
      result.push_back(part);
      from = to;
    }
  }
  return result;
}
std::vector<Piece> pieces_of(const Net& net) {
  const long double inf = std::numeric_limits<long double>::infinity();
  std::vector<Piece> pieces = through({{-inf, inf, {{1.0L, 0.0L}}}}, net.weights[0], net.biases[0]);
  for (std::size_t k = 1; k < net.weights.size(); ++k)
    pieces = through(bent(pieces, kinks(net.kind)), net.weights[k], net.biases[k]);
  return pieces;
}
double norm_of(const std::vector<Line>& values, Norm norm) {
  long double sum = 0.0L, squares = 0.0L, largest = 0.0L;
  for (const Line& line : values) {
    sum += std::fabs(line.slope);
    squares += line.slope * line.slope;
    largest = std::max(largest, std::fabs(line.slope));
  }
  return static_cast<double>(norm == Norm::l1 ? sum : norm == Norm::l2 ? std::sqrt(squares) : largest);
}

double norm_of(const Tensor& matrix, Norm norm) {
  return static_cast<double>(norm == Norm::l2 ? testing::spectral_norm(matrix)
                                              : testing::sum_norm(matrix, norm == Norm::linf));
}

// The signs of everything that bends, at a point.
std::vector<int> pattern(const Net& net, const Tensor& x) {
  std::vector<int> signs;
  Var h = dense(Var(x), net.weights[0], net.biases[0]);
  for (std::size_t k = 1; k < net.weights.size(); ++k) {
    for (Index i = 0; i < h.value().size(); ++i)
      for (const double b : kinks(net.kind).breaks) signs.push_back(h.value().at(i) > b ? 1 : 0);
    h = dense(activation(net.kind, h), net.weights[k], net.biases[k]);
  }
  return signs;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exact_constants)

BOOST_AUTO_TEST_CASE(reference_values) {
  int compared = 0;
  for (const std::string& name : testing::reference_networks()) {
    const ReferenceNetwork network = testing::reference_network(name);
    if (network.inputs > 2) continue;
    for (const auto& [norm, suffix] : norms)
      for (const char* const domain : {"_exact", "_box_exact"}) {
        const std::string key = std::string("lip_") + suffix + domain;
        if (!network.has(key)) continue;
        const ReferenceValue& expected = network.value(key);
        const ExactResult result = exact_constant(network, network.sample(), in_norm(norm, expected.box));
        BOOST_TEST_CONTEXT(name << ", " << key) {
          check_value(result, expected);
          if (!expected.box && network.has("n_pieces"))
            BOOST_TEST(static_cast<double>(result.regions) == network.value("n_pieces").number());
        }
        ++compared;
      }
  }
  BOOST_TEST(compared >= 30);
}

BOOST_AUTO_TEST_CASE(pieces_of_one_number_are_all_found) {
  Random random(701);
  for (int k = 0; k < testing::iterations(60); ++k) {
    const Kind kind = static_cast<Kind>(k % 4);
    std::vector<Index> sizes{1, random.integer(1, 6), random.integer(1, 3)};
    if (k % 3 != 0) sizes.insert(sizes.begin() + 2, random.integer(1, 6));
    const Net net(random, kind, sizes, k % 2 == 0 ? DType::f64 : DType::f32);
    const std::vector<Piece> pieces = pieces_of(net);
    for (const auto& [norm, suffix] : norms) {
      double expected = 0.0;
      for (const Piece& piece : pieces) expected = std::max(expected, norm_of(piece.values, norm));
      const ExactResult result = exact_constant(net, net.sample(), in_norm(norm));
      BOOST_TEST_CONTEXT("network " << k << ", " << suffix) {
        BOOST_TEST(result.note == "");
        BOOST_TEST(result.lower.value() <= expected * (1.0 + 1e-15));
        BOOST_TEST(result.upper.value() >= expected * (1.0 - 1e-15));
        BOOST_TEST(result.upper.value() <= result.lower.value() * (1.0 + 1e-13));
        BOOST_TEST(result.regions == static_cast<Index>(pieces.size()));
      }
    }
  }
}

// Whatever is sampled is found: no Jacobian exceeds the constant, no pattern is missing.
BOOST_AUTO_TEST_CASE(samples_of_the_plane_never_exceed_it) {
  Random random(702);
  for (int k = 0; k < testing::iterations(16); ++k) {
    const Net net(random, static_cast<Kind>(k % 4), {2, 5, random.integer(2, 5), random.integer(1, 3)},
                  k % 3 == 0 ? DType::f32 : DType::f64);
    const std::optional<Interval> box = k % 2 == 0 ? std::optional<Interval>() : Interval{-0.5, 2.0};
    for (const auto& [norm, suffix] : norms) {
      const ExactResult result = exact_constant(net, net.sample(), in_norm(norm, box));
      std::set<std::vector<int>> seen;
      BOOST_TEST_CONTEXT("network " << k << ", " << suffix) {
        for (int n = 0; n < 300; ++n) {
          const double size = box ? 1.0 : std::exp(random.uniform(-2.0, 5.0));
          Tensor x = Tensor::uninitialised({1, 2}, DType::f64);
          for (double& v : x.mutable_data<double>())
            v = box ? random.uniform(box->lo, box->hi) : size * random.normal();
          x = x.to(net.weights[0].dtype());
          seen.insert(pattern(net, x));
          const double rounding = net.weights[0].dtype() == DType::f32 ? 1e-4 : 1e-11;
          BOOST_TEST(norm_of(jacobian(net, x).to(DType::f64), norm) <= result.upper.value() * (1.0 + rounding));
        }
        BOOST_TEST(static_cast<Index>(seen.size()) <= result.regions);
        BOOST_TEST(result.upper.value() <= result.lower.value() * (1.0 + 1e-13));
        // The point is where the largest Jacobian is, and where the box is.
        const Tensor point = result.point.to(net.weights[0].dtype());
        BOOST_TEST(norm_of(jacobian(net, point).to(DType::f64), norm) == result.lower.value(),
                   boost::test_tools::tolerance(1e-4));
        if (box)
          for (Index i = 0; i < 2; ++i) BOOST_TEST(box->contains(result.point.at(i)));
      }
    }
  }
}

// Lines in general position cut the plane into 1 + n + n (n − 1) / 2 regions.
BOOST_AUTO_TEST_CASE(generic_lines_are_counted) {
  Random random(703);
  for (int k = 0; k < testing::iterations(10); ++k) {
    const Index n = random.integer(1, 25);
    const Net net(random, Kind::relu, {2, n, 2}, DType::f64);
    BOOST_TEST(exact_constant(net, net.sample()).regions == 1 + n + n * (n - 1) / 2);
  }
}

BOOST_AUTO_TEST_CASE(deep_networks_of_twenty_neurons_agree_to_rounding) {
  Random random(704);
  for (const std::size_t layers : {std::size_t{4}, std::size_t{10}}) {
    std::vector<Index> sizes(layers + 1, 20);
    sizes.front() = 2;
    sizes.back() = 1;
    Net net(random, Kind::relu, sizes, DType::f32);
    for (Tensor& w : net.weights)
      for (float& x : w.mutable_data<float>())
        x *= static_cast<float>(std::sqrt(2.0 / static_cast<double>(w.shape()[1])));
    const ExactResult result = exact_constant(net, net.sample());
    BOOST_TEST(result.regions > 500);
    BOOST_TEST((result.status == Status::finite));
    BOOST_TEST(result.upper.value() <= result.lower.value() * (1.0 + 1e-13));
    BOOST_TEST(result.upper.value() < autolip(net, net.sample()).bound.value());
  }
}

BOOST_AUTO_TEST_CASE(stopped_early_it_bounds_the_rest) {
  Random random(705);
  const Net net(random, Kind::leaky, {2, 10, 10, 10, 2});
  const ExactResult whole = exact_constant(net, net.sample());
  const double product = autolip(net, net.sample()).bound.value();
  double before = infinity;
  for (const Index regions : {Index{1}, whole.regions / 4, whole.regions / 2}) {
    ExactOptions options;
    options.max_regions = regions;
    const ExactResult part = exact_constant(net, net.sample(), options);
    BOOST_TEST((part.status == Status::cut));
    BOOST_TEST(part.note != "");
    BOOST_TEST(part.upper.is_certified());
    BOOST_TEST(part.upper.value() >= whole.lower.value());
    BOOST_TEST(part.upper.value() <= product);
    BOOST_TEST(part.upper.value() <= before);
    BOOST_TEST(part.lower.value() <= whole.upper.value());
    before = part.upper.value();
  }
  ExactOptions late;
  late.budget.deadline = Budget::Clock::now();
  const ExactResult nothing = exact_constant(net, net.sample(), late);
  BOOST_TEST((nothing.status == Status::cut));
  BOOST_TEST(nothing.regions == 0);
  BOOST_TEST(nothing.lower.value() == 0.0);
  BOOST_TEST(nothing.upper.value() >= whole.lower.value());
  std::stop_source source;
  ExactOptions stopping;
  stopping.budget.stop = source.get_token();
  double fraction = 0.0;
  stopping.budget.progress = [&](const Progress& p) {
    BOOST_TEST(p.fraction >= fraction);
    BOOST_TEST(p.fraction <= 1.0 + 1e-9);
    fraction = p.fraction;
    if (fraction > 0.3) source.request_stop();
  };
  const ExactResult stopped = exact_constant(net, net.sample(), stopping);
  BOOST_TEST((stopped.status == Status::cut));
  BOOST_TEST(stopped.lower.value() > 0.0);
  BOOST_TEST(stopped.upper.value() >= whole.lower.value());
}

BOOST_AUTO_TEST_CASE(what_it_cannot_do_is_refused_by_name) {
  const Tensor two = Tensor::zeros({1, 2}, DType::f64);
  const auto names = [](const char* what) {
    return [what](const Error& e) { return std::string(e.what()).find(what) != std::string::npos; };
  };
  BOOST_CHECK_EXCEPTION(exact_constant([](const Var& x) { return relu(x); }, Tensor::zeros({1, 3}, DType::f64)),
                        UnsupportedError, names("got 3"));
  BOOST_CHECK_EXCEPTION(exact_constant([](const Var& x) { return relu(tanh(x)); }, two), UnsupportedError,
                        names("(tanh, "));
  BOOST_CHECK_EXCEPTION(exact_constant([](const Var& x) { return max(relu(x), {1}); }, two), UnsupportedError,
                        names("(max, "));
  BOOST_CHECK_EXCEPTION(exact_constant([](const Var& x) { return x * relu(x); }, two), UnsupportedError,
                        names("(mul, "));
  BOOST_CHECK_EXCEPTION(exact_constant([](const Var& x) { return x * x; }, two), UnsupportedError, names("(square, "));
  BOOST_CHECK_THROW(exact_constant([](const Var& x) { return relu(x); }, Tensor::zeros({2, 1}, DType::f64)),
                    UsageError);
  BOOST_CHECK_THROW(exact_constant(Var(two)), UsageError);
  BOOST_CHECK_THROW(exact_constant(
                        [](const Var& x) {
                          return x * Var(Tensor::of<double>({2}, {1.0, infinity}));
                        },
                        two),
                    NumericError);
  BOOST_CHECK_THROW(exact_constant([](const Var& x) { return relu(x); }, two, in_norm(Norm::l2, Interval{1.0, 0.0})),
                    DomainError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
