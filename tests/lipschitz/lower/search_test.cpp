// Searches for lower bounds against constants that are known, against brute force, and against each other.
#include "lipschitz/search.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <numbers>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using boost::test_tools::tolerance;
using testing::Random;

constexpr Norm norms[] = {Norm::l1, Norm::l2, Norm::linf};

// dense and ReLU in turn.
class ReluNet {
 public:
  ReluNet(Random& random, std::vector<Index> sizes, DType dtype = DType::f64) {
    for (std::size_t k = 1; k < sizes.size(); ++k) {
      const double scale = 1.0 / std::sqrt(static_cast<double>(sizes[k - 1]));
      weights_.push_back(testing::scaled(random.normals({sizes[k], sizes[k - 1]}), scale).to(dtype));
      biases_.push_back(testing::scaled(random.normals({1, sizes[k]}), 0.5).reshaped({sizes[k]}).to(dtype));
    }
  }
  Var operator()(const Var& x) const {
    Var y = x;
    for (std::size_t k = 0; k < weights_.size(); ++k) {
      y = dense(y, weights_[k], biases_[k]);
      if (k + 1 < weights_.size()) y = relu(y);
    }
    return y;
  }
  std::size_t layers() const { return weights_.size(); }
  const Tensor& weight(std::size_t k) const { return weights_[k]; }
  const Tensor& bias(std::size_t k) const { return biases_[k]; }

 private:
  std::vector<Tensor> weights_, biases_;
};

double norm_of(const Tensor& matrix, Norm norm) {
  return static_cast<double>(norm == Norm::l2 ? testing::spectral_norm(matrix)
                                              : testing::sum_norm(matrix, norm == Norm::linf));
}

// ---- brute force, independent of the library's derivatives: plain matrices in double

struct Matrix {
  std::size_t rows = 0, columns = 0;
  std::vector<double> entries;
  double at(std::size_t i, std::size_t j) const { return entries[i * columns + j]; }
};

Matrix matrix_of(const Tensor& t) {
  const Tensor wide = t.to(DType::f64);
  return {static_cast<std::size_t>(t.shape()[0]),
          static_cast<std::size_t>(t.shape()[1]),
          {wide.data<double>().begin(), wide.data<double>().end()}};
}

// A half-plane nᵀx + c ≥ 0, or an affine function of x in the plane.
struct Affine2 {
  double a = 0.0, b = 0.0, c = 0.0;
  double operator()(double x, double y) const { return a * x + b * y + c; }
};
using Polygon = std::vector<std::array<double, 2>>;

// The part of a convex polygon where f ≥ 0.
Polygon clipped(const Polygon& polygon, const Affine2& f) {
  Polygon result;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const auto &p = polygon[i], &q = polygon[(i + 1) % polygon.size()];
    const double fp = f(p[0], p[1]), fq = f(q[0], q[1]);
    if (fp >= 0.0) result.push_back(p);
    if ((fp > 0.0 && fq < 0.0) || (fp < 0.0 && fq > 0.0)) {
      const double t = fp / (fp - fq);
      result.push_back({p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])});
    }
  }
  return result;
}

double area(const Polygon& polygon) {
  double twice = 0.0;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const auto &p = polygon[i], &q = polygon[(i + 1) % polygon.size()];
    twice += p[0] * q[1] - p[1] * q[0];
  }
  return 0.5 * std::fabs(twice);
}

// The exact constant of a ReLU net on a square around 0 of the plane: every activation region is a convex polygon, cut
// out neuron by neuron, on which the net is affine.
class Regions {
 public:
  Regions(const ReluNet& net, double half_side, Norm norm) : net_(net), norm_(norm), half_(half_side) {}

  double largest() {
    const Polygon square{{-half_, -half_}, {half_, -half_}, {half_, half_}, {-half_, half_}};
    visit(square, {{1.0, 0.0, 0.0}, {0.0, 1.0, 0.0}}, 0);
    return largest_;
  }

 private:
  void visit(const Polygon& polygon, const std::vector<Affine2>& values, std::size_t layer) {
    const Matrix w = matrix_of(net_.weight(layer));
    std::vector<Affine2> next(w.rows);
    for (std::size_t i = 0; i < w.rows; ++i) {
      next[i].c = net_.bias(layer).at(static_cast<Index>(i));
      for (std::size_t j = 0; j < w.columns; ++j) {
        next[i].a += w.at(i, j) * values[j].a;
        next[i].b += w.at(i, j) * values[j].b;
        next[i].c += w.at(i, j) * values[j].c;
      }
    }
    if (layer + 1 < net_.layers()) return split(polygon, next, 0, layer);
    Tensor jacobian = Tensor::uninitialised({static_cast<Index>(w.rows), 2}, DType::f64);
    const auto to = jacobian.mutable_data<double>();
    for (std::size_t i = 0; i < w.rows; ++i) to[2 * i] = next[i].a, to[2 * i + 1] = next[i].b;
    largest_ = std::max(largest_, norm_of(jacobian, norm_));
  }

  void split(const Polygon& polygon, std::vector<Affine2> values, std::size_t neuron, std::size_t layer) {
    if (polygon.size() < 3 || area(polygon) < 1e-18 * half_ * half_) return;
    if (neuron == values.size()) return visit(polygon, values, layer + 1);
    const Affine2 f = values[neuron];
    split(clipped(polygon, f), values, neuron + 1, layer);
    values[neuron] = {};
    split(clipped(polygon, {-f.a, -f.b, -f.c}), values, neuron + 1, layer);
  }

  const ReluNet& net_;
  Norm norm_;
  double half_, largest_ = 0.0;
};

template <class O>
O in_norm(Norm norm) {
  O options;
  options.question.norm = norm;
  return options;
}

using Search = std::function<LowerResult(const Function&, const Tensor& sample, Norm, std::uint64_t seed)>;

struct Named {
  const char* name;
  Search search;
};

// Every method on one function of points of this shape, over all reals or the cube [−3, 3]ⁿ.
std::vector<Named> searches() {
  return {{"ascent",
           [](const Function& f, const Tensor& sample, Norm norm, std::uint64_t seed) {
             auto options = in_norm<AscentOptions>(norm);
             options.evaluations = 8192;
             options.budget.seed = seed;
             return ascent_lower_bound(f, sample, options);
           }},
          {"annealing",
           [](const Function& f, const Tensor& sample, Norm norm, std::uint64_t seed) {
             auto options = in_norm<AnnealingOptions>(norm);
             options.steps = 100;
             options.budget.seed = seed;
             return annealing_lower_bound(f, sample, options);
           }},
          {"grid",
           [](const Function& f, const Tensor& sample, Norm norm, std::uint64_t) {
             auto options = in_norm<GridOptions>(norm);
             options.resolution = sample.size() > 2 ? 9 : 30;
             return grid_lower_bound(f, Range::box(sample.shape(), {-3.0, 3.0}), sample.dtype(), options);
           }},
          {"dataset",
           [](const Function& f, const Tensor& sample, Norm norm, std::uint64_t seed) {
             Random random(seed + 1);
             return dataset_lower_bound(f, random.normals(sample.shape().with(0, 300), sample.dtype()),
                                        in_norm<LowerOptions>(norm));
           }},
          {"pairs", [](const Function& f, const Tensor& sample, Norm norm, std::uint64_t seed) {
             Random random(seed + 1);
             auto options = in_norm<PairsOptions>(norm);
             options.budget.seed = seed;
             options.near_pairs = 1000;
             return pairs_lower_bound(f, random.normals(sample.shape().with(0, 100), sample.dtype()), options);
           }}};
}

Tensor sample_of(Index features, DType dtype = DType::f64) { return Tensor::zeros({1, features}, dtype); }

}  // namespace

BOOST_AUTO_TEST_SUITE(searches_for_lower_bounds)

BOOST_AUTO_TEST_CASE(linear_functions_have_their_norm_everywhere) {
  Random random(71);
  for (const auto& [m, n] : {std::pair<Index, Index>{3, 2}, {1, 3}, {2, 2}})
    for (const DType dtype : {DType::f64, DType::f32}) {
      const Tensor w = random.normals({m, n}, dtype);
      const auto f = [&](const Var& x) { return dense(x, w, Var()); };
      for (const Norm norm : norms)
        for (const auto& [name, search] : searches()) {
          BOOST_TEST_CONTEXT(name << " in " << norm) {
            const LowerResult lower = search(f, sample_of(n, dtype), norm, 1);
            const double exact = norm_of(w.to(DType::f64), norm);
            BOOST_TEST(lower.bound.is_certified());
            BOOST_TEST(lower.bound.method() == name);
            BOOST_TEST(lower.bound.value() <= exact * (1 + 1e-14));
            // Pairs attain the norm where one of their directions happens to.
            BOOST_TEST(lower.bound.value() >= (std::string(name) == "pairs" ? 0.7 : 1 - 1e-6) * exact);
          }
        }
    }
}

// Constants of one variable: |x| 1, sin 1, softplus 1 in the limit, tanh 1, the paper's example 3 for ω = 2.
BOOST_AUTO_TEST_CASE(constants_of_one_variable_are_approached) {
  const std::pair<Function, double> cases[] = {
      {[](const Var& x) { return abs(x); }, 1.0},
      {[](const Var& x) { return sin(x); }, 1.0},
      {[](const Var& x) { return softplus(x); }, 1.0},
      {[](const Var& x) { return tanh(x * 3.0); }, 3.0},
      {[](const Var& x) { return softplus(x * 0.5) + abs(x * 0.5 - 2.0 * sin(x)); }, 3.0}};
  for (const auto& [f, exact] : cases)
    for (const auto& [name, search] : searches()) {
      BOOST_TEST_CONTEXT(name << " of " << exact) {
        const LowerResult lower = search(f, sample_of(1), Norm::l2, 3);
        BOOST_TEST(lower.bound.is_certified());
        BOOST_TEST(lower.bound.value() <= exact);
        BOOST_TEST(lower.bound.value() >= (std::string(name) == "pairs" ? 0.5 : 0.8) * exact);
        if (std::string(name) == "ascent") BOOST_TEST(lower.bound.value() >= (1 - 1e-3) * exact);
      }
    }
}

BOOST_AUTO_TEST_CASE(ascent_finds_the_regions_of_small_networks) {
  Random random(72);
  for (const std::vector<Index>& sizes : {std::vector<Index>{2, 6, 6, 1}, {2, 5, 5, 5, 5, 1}, {2, 20, 20, 20, 1}})
    for (int k = 0; k < testing::iterations(4); ++k) {
      const ReluNet net(random, sizes);
      const double exact = Regions(net, 1e3, Norm::l2).largest();
      const LowerResult lower = ascent_lower_bound(net, sample_of(2));
      BOOST_TEST(lower.bound.is_certified());
      BOOST_TEST(lower.bound.value() >= 0.98 * exact);
      GridOptions options;
      options.refinements = 4;
      const LowerResult grid = grid_lower_bound(net, Range::box({1, 2}, {-5.0, 5.0}), DType::f64, options);
      BOOST_TEST(grid.bound.value() <= exact * (1 + 1e-9));
      BOOST_TEST(lower.bound.value() >= 0.99 * grid.bound.value());
    }
}

// On a square the constant is the largest over the regions that meet it, and no method may claim more.
BOOST_AUTO_TEST_CASE(nothing_exceeds_the_exact_constant_on_a_box) {
  Random random(73);
  for (int k = 0; k < testing::iterations(6); ++k) {
    const DType dtype = k % 2 == 0 ? DType::f64 : DType::f32;
    const ReluNet net(random, {2, 7, 6, k % 3 == 0 ? 1 : 3}, dtype);
    for (const Norm norm : norms) {
      const double exact = Regions(net, 3.0, norm).largest();
      auto ascent = in_norm<AscentOptions>(norm);
      ascent.question.domain = Domain::box(Interval{-3.0, 3.0});
      ascent.evaluations = 30000;
      auto annealing = in_norm<AnnealingOptions>(norm);
      annealing.question.domain = ascent.question.domain;
      const Tensor sample = sample_of(2, dtype);
      const LowerResult found[] = {
          ascent_lower_bound(net, sample, ascent), annealing_lower_bound(net, sample, annealing),
          grid_lower_bound(net, Range::box({1, 2}, {-3.0, 3.0}), dtype, in_norm<GridOptions>(norm))};
      for (const LowerResult& lower : found) {
        BOOST_TEST(lower.bound.is_certified());
        BOOST_TEST(lower.bound.value() <= exact * (1 + 1e-9));
        BOOST_TEST(lower.bound.value() >= 0.8 * exact);
        for (Index i = 0; i < 2; ++i) BOOST_TEST(std::fabs(lower.point.at(i)) <= 3.0);
      }
      BOOST_TEST(found[0].bound.value() >= 0.98 * exact);
    }
  }
}

// In f32 the ends of a box are rounded inward, and pairs stay inside too.
BOOST_AUTO_TEST_CASE(points_and_partners_stay_in_the_box) {
  const Interval box{0.1, 0.3};
  const auto f = [](const Var& x) { return softmax(square(x)); };
  for (const DType dtype : {DType::f64, DType::f32}) {
    AscentOptions ascent;
    ascent.question.domain = Domain::box_or_reals(box);
    ascent.evaluations = 2000;
    PairsOptions pairs;
    pairs.question.domain = Domain::box_or_reals(box);
    Random random(78);
    Tensor data = Tensor::uninitialised({20, 2}, DType::f64);
    for (double& e : data.mutable_data<double>()) e = random.uniform(0.15, 0.25);
    for (const LowerResult& lower :
         {ascent_lower_bound(f, sample_of(2, dtype), ascent), pairs_lower_bound(f, data.to(dtype), pairs)}) {
      BOOST_TEST(lower.bound.is_certified());
      BOOST_REQUIRE(lower.partner.defined());
      for (Index i = 0; i < 2; ++i)
        for (const Tensor& x : {lower.point, lower.partner}) {
          BOOST_TEST(x.at(i) >= box.lo);
          BOOST_TEST(x.at(i) <= box.hi);
        }
    }
  }
}

// x − relu(x) + relu(−x) is 0, although derivatives picked at 0 make it look like x.
BOOST_AUTO_TEST_CASE(kinks_prove_nothing) {
  const Function zero = [](const Var& x) { return x - relu(x) + relu(neg(x)); };
  for (const auto& [name, search] : searches()) {
    const LowerResult lower = search(zero, sample_of(1), Norm::l2, 5);
    if (lower.bound.is_certified()) BOOST_TEST(lower.bound.value() <= 1e-9);
  }
  AscentOptions options;
  options.starts = Tensor::zeros({1, 1}, DType::f64);
  options.evaluations = 500;
  const LowerResult lower = ascent_lower_bound(zero, sample_of(1), options);
  BOOST_TEST(lower.plain.value() == 1.0);
  if (lower.bound.is_certified()) BOOST_TEST(lower.bound.value() <= 1e-9);
}

// 3z − 4 relu(z) has slopes 3 and −1 around 0, which leave nothing in common: the value is proved beside the kink.
BOOST_AUTO_TEST_CASE(next_to_a_kink_the_value_is_proved) {
  const Tensor w = Tensor::of<double>({1, 2}, {3.0, 4.0});
  const auto f = [&](const Var& x) {
    const Var z = dense(x, w, Var());
    return z * 3.0 - relu(z) * 4.0;
  };
  const LowerResult lower = dataset_lower_bound(f, Tensor::zeros({1, 2}, DType::f64));
  BOOST_TEST(lower.bound.is_certified());
  BOOST_TEST(lower.bound.value() <= 15.0);
  BOOST_TEST(lower.bound.value() == 15.0, tolerance(1e-9));
  BOOST_TEST(3.0 * lower.point.at(0) + 4.0 * lower.point.at(1) < 0.0);
  BOOST_TEST(!lower.partner.defined());
}

BOOST_AUTO_TEST_CASE(starts_are_never_lost) {
  Random random(74);
  const ReluNet net(random, {30, 40, 20, 3});
  const Tensor data = random.normals({50, 30});
  const double dataset = dataset_lower_bound(net, data).bound.value();
  AscentOptions ascent;
  ascent.starts = data;
  ascent.evaluations = 2000;
  AnnealingOptions annealing;
  annealing.starts = data;
  annealing.steps = 20;
  const double ascended = ascent_lower_bound(net, sample_of(30), ascent).bound.value();
  BOOST_TEST(ascended > 1.05 * dataset);
  BOOST_TEST(annealing_lower_bound(net, sample_of(30), annealing).bound.value() >= dataset * (1 - 1e-9));
  BOOST_TEST(ascended <= autolip(net, sample_of(30)).bound.value());
}

// Regions that draws do not meet, of area 1.6e-4 seven units away from 0 and the like: next to every region there are
// others, and ascent goes from one to the next.
BOOST_AUTO_TEST_CASE(ascent_crosses_kinks_into_tiny_regions) {
  for (const std::uint64_t seed : {1006U, 1035U}) {
    Random random(seed);
    const ReluNet net(random, {2, 5, 5, 5, 5, 1});
    BOOST_TEST(ascent_lower_bound(net, sample_of(2)).bound.value() >= 0.98 * Regions(net, 1e3, Norm::l2).largest());
  }
}

// Second derivatives lead to the top of a smooth function that draws do not meet: Σ sin(x_i) / √n has ‖D‖ = 1 only
// where every cos is ±1.
BOOST_AUTO_TEST_CASE(smooth_functions_are_climbed) {
  const Index n = 200;
  const auto f = [&](const Var& x) { return sum(sin(x), {1}, true) * (1.0 / std::sqrt(static_cast<double>(n))); };
  AscentOptions options;
  options.evaluations = 6000;
  const LowerResult lower = ascent_lower_bound(f, sample_of(n), options);
  BOOST_TEST(lower.bound.is_certified());
  BOOST_TEST(lower.bound.value() <= 1.0);
  BOOST_TEST(lower.bound.value() >= 0.9999);
}

// From where every cos is about 0 it takes many steps to get up.
BOOST_AUTO_TEST_CASE(annealing_walks_away_from_its_starts) {
  const Index n = 20;
  const auto f = [&](const Var& x) { return sum(sin(x), {1}, true) * (1.0 / std::sqrt(static_cast<double>(n))); };
  AnnealingOptions options;
  options.starts = testing::scaled(Random(79).normals({8, n}), 0.01);
  for (double& e : options.starts.mutable_data<double>()) e += 0.5 * std::numbers::pi;
  options.chains = 8;
  options.step = 0.05;
  options.shrink = 0.998;
  options.temperature = 0.001;
  BOOST_TEST(dataset_lower_bound(f, options.starts).bound.value() <= 0.02);
  BOOST_TEST(annealing_lower_bound(f, sample_of(n), options).bound.value() >= 0.5);
}

BOOST_AUTO_TEST_CASE(grids_cover_the_box_and_refine) {
  // A slope of 5 within the first cell of an axis only, or the last.
  for (const double side : {1.0, -1.0}) {
    const auto edge = [&](const Var& x) { return relu(slice(x * side, 1, 1, 2) - 2.85) * 5.0; };
    GridOptions options;
    options.resolution = 30;
    BOOST_TEST(grid_lower_bound(edge, Range::box({1, 2}, {-3.0, 3.0}), DType::f64, options).bound.value() == 5.0,
               tolerance(1e-9));
  }
  // A ridge of width 1/100 of slope 200.
  const auto ridge = [](const Var& x) { return tanh((sum(x, {1}, true) - 0.437) * 100.0); };
  GridOptions options;
  options.resolution = 8;
  const LowerResult lower = grid_lower_bound(ridge, Range::box({1, 3}, {0.0, 1.0}), DType::f64, options);
  BOOST_TEST(lower.bound.value() >= 0.99 * 100.0 * std::sqrt(3.0));
  BOOST_TEST(lower.bound.value() <= 100.0 * std::sqrt(3.0));
  // Sides without length stay as they are.
  Range box = Range::box({1, 5}, {0.25, 0.25});
  box.lo.mutable_data<double>()[3] = -2.0;
  const Tensor point = grid_lower_bound(ridge, box).point;
  for (const Index i : {0, 1, 2, 4}) BOOST_TEST(point.at(i) == 0.25);
}

BOOST_AUTO_TEST_CASE(pairs_are_those_of_brute_force) {
  Random random(80);
  for (const DType dtype : {DType::f64, DType::f32})
    for (const Norm norm : norms) {
      const ReluNet net(random, {5, 8, 3}, dtype);
      const Tensor data = random.normals({40, 5}, dtype);
      const Tensor x = data.to(DType::f64), y = net(Var(data)).value().to(DType::f64);
      double best = 0.0;
      Index first = -1, second = -1;
      const auto distance = [&](const Tensor& t, Index i, Index j) {
        const Index n = t.shape()[1];
        double total = 0.0;
        for (Index k = 0; k < n; ++k) {
          const double d = std::fabs(t.at(i * n + k) - t.at(j * n + k));
          total = norm == Norm::l1 ? total + d : norm == Norm::l2 ? total + d * d : std::max(total, d);
        }
        return norm == Norm::l2 ? std::sqrt(total) : total;
      };
      for (Index i = 0; i < 40; ++i)
        for (Index j = i + 1; j < 40; ++j)
          if (const double q = distance(y, i, j) / distance(x, i, j); q > best) best = q, first = i, second = j;
      auto options = in_norm<PairsOptions>(norm);
      options.near_pairs = 0;
      const LowerResult lower = pairs_lower_bound(net, data, options);
      BOOST_TEST(lower.bound.is_certified());
      BOOST_TEST(lower.bound.value() == best, tolerance(1e-5));
      BOOST_TEST(lower.index == first);
      BOOST_TEST(lower.partner_index == second);
      for (Index k = 0; k < 5; ++k) BOOST_TEST(lower.partner.at(k) == data.at(second * 5 + k));
    }
  // Of one point only near pairs are left. Two that are equal are no pair.
  const auto twice = [](const Var& x) { return x * 2.0; };
  const LowerResult near = pairs_lower_bound(twice, Tensor::full({2, 1}, DType::f64, 1.0));
  BOOST_TEST(near.bound.value() == 2.0, tolerance(1e-9));
  BOOST_TEST(near.partner_index == -1);
}

BOOST_AUTO_TEST_CASE(a_seed_fixes_the_result) {
  Random random(75);
  const ReluNet net(random, {2, 9, 9, 2});
  for (const auto& [name, search] : searches()) {
    const LowerResult a = search(net, sample_of(2), Norm::l2, 9), b = search(net, sample_of(2), Norm::l2, 9);
    BOOST_TEST(a.bound.value() == b.bound.value());
    BOOST_TEST(a.plain.value() == b.plain.value());
    for (Index i = 0; i < 2; ++i) BOOST_TEST(a.point.at(i) == b.point.at(i));
  }
}

BOOST_AUTO_TEST_CASE(deadlines_and_stops_keep_the_best_so_far) {
  Random random(76);
  const ReluNet net(random, {2, 9, 9, 2});
  for (const bool stopped : {false, true}) {
    const auto cut = [&](auto options) {
      if (stopped)
        options.budget.stop = testing::stopped();
      else
        options.budget.deadline = Budget::Clock::now();
      return options;
    };
    const Tensor data = random.normals({4000, 2});
    const LowerResult found[] = {ascent_lower_bound(net, sample_of(2), cut(AscentOptions())),
                                 annealing_lower_bound(net, sample_of(2), cut(AnnealingOptions())),
                                 grid_lower_bound(net, Range::box({1, 2}, {-1.0, 1.0}), DType::f64, cut(GridOptions())),
                                 pairs_lower_bound(net, data, cut(PairsOptions())),
                                 dataset_lower_bound(net, data, cut(LowerOptions()))};
    for (const LowerResult& lower : found) BOOST_TEST((lower.status == Status::cut));
    for (const std::size_t k : {0U, 1U, 2U, 4U}) {
      BOOST_TEST(found[k].plain.value() > 0.0);
      BOOST_TEST(found[k].bound.is_certified());
    }
  }
}

// A stopped search records f a few times only, however many points it was given.
BOOST_AUTO_TEST_CASE(a_stop_ends_evaluation) {
  int recorded = 0;
  const auto f = [&](const Var& x) {
    ++recorded;
    return relu(x);
  };
  AscentOptions options;
  options.budget.stop = testing::stopped();
  options.batch = 10;
  options.starts = Random(83).normals({5000, 2});
  const LowerResult lower = ascent_lower_bound(f, sample_of(2), options);
  BOOST_TEST((lower.status == Status::cut));
  BOOST_TEST(lower.bound.value() > 0.0);
  BOOST_TEST(recorded < 20);
}

BOOST_AUTO_TEST_CASE(progress_ends_at_one) {
  Random random(77);
  const ReluNet net(random, {2, 4, 1});
  double last = 0.0;
  const auto watch = [&](auto options) {
    options.budget.progress = [&](const Progress& p) {
      BOOST_TEST(p.fraction >= last);
      last = p.fraction;
    };
    last = 0.0;
    return options;
  };
  AscentOptions ascent;
  ascent.evaluations = 2000;
  ascent_lower_bound(net, sample_of(2), watch(ascent));
  BOOST_TEST(last == 1.0);
  annealing_lower_bound(net, sample_of(2), watch(AnnealingOptions()));
  BOOST_TEST(last == 1.0);
  grid_lower_bound(net, Range::box({1, 2}, {-1.0, 1.0}), DType::f64, watch(GridOptions()));
  BOOST_TEST(last == 1.0);
  pairs_lower_bound(net, random.normals({9, 2}), watch(PairsOptions()));
  BOOST_TEST(last == 1.0);
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused) {
  const auto f = [](const Var& x) { return relu(x); };
  const Tensor sample = sample_of(4);
  BOOST_CHECK_THROW(ascent_lower_bound(f, Tensor::zeros({2, 4}, DType::f64)), UsageError);
  BOOST_CHECK_THROW(ascent_lower_bound(f, Tensor::zeros({4}, DType::f64)), UsageError);
  BOOST_CHECK_THROW(ascent_lower_bound(f, Tensor::full({1, 4}, DType::f64, infinity)), NumericError);
  AscentOptions ascent;
  ascent.starts = Tensor::zeros({3, 5}, DType::f64);
  BOOST_CHECK_THROW(ascent_lower_bound(f, sample, ascent), ShapeError);
  ascent.starts = Tensor::zeros({3, 4}, DType::f32);
  BOOST_CHECK_THROW(ascent_lower_bound(f, sample, ascent), ShapeError);
  ascent.starts = Tensor::full({3, 4}, DType::f64, 2.0);
  ascent.question.domain = Domain::box(Interval{-1.0, 1.0});
  BOOST_CHECK_THROW(ascent_lower_bound(f, sample, ascent), UsageError);
  ascent.starts = {};
  BOOST_CHECK_THROW(Domain::box(Interval{1.0, -1.0}), DomainError);
  for (const Interval& box : {Interval{1.0, 1.0}, Interval{0.0, infinity}}) {
    ascent.question.domain = Domain::box_or_reals(box);
    BOOST_CHECK_THROW(ascent_lower_bound(f, sample, ascent), UsageError);
    LowerOptions options;
    options.question.domain = Domain::box_or_reals(box);
    BOOST_CHECK_THROW(dataset_lower_bound(f, sample, options), UsageError);
  }
  AnnealingOptions annealing;
  annealing.shrink = 1.5;
  BOOST_CHECK_THROW(annealing_lower_bound(f, sample, annealing), UsageError);
  BOOST_CHECK_THROW(grid_lower_bound(f, Range::box({1, 4}, {-1.0, 1.0})), UsageError);
  BOOST_CHECK_THROW(grid_lower_bound(f, Range::box({1, 2}, {1.0, 1.0})), UsageError);
  BOOST_CHECK_THROW(grid_lower_bound(f, Range::box({1, 2}, {0.0, infinity})), UsageError);
  BOOST_CHECK_THROW(pairs_lower_bound(f, Tensor::zeros({0, 3}, DType::f64)), UsageError);
  const auto mixing = [](const Var& x) { return x - mean(x, {0}, true); };
  BOOST_CHECK_THROW(ascent_lower_bound(mixing, sample), UnsupportedError);
  const auto turned = [](const Var& x) { return transpose(x); };
  BOOST_CHECK_THROW(dataset_lower_bound(turned, Tensor::zeros({4, 4}, DType::f64)), UnsupportedError);
  const Tensor broken = Tensor::full({2, 4}, DType::f64, std::nan(""));
  BOOST_CHECK_THROW(ascent_lower_bound([&](const Var& x) { return dense(x, broken, Var()); }, sample), NumericError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
