// The factor of SeqLip for two layers, against all vertices, a slow plain search, and cases solved by hand.
#include <Eigen/Dense>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/pair/incumbent.h"
#include "lipschitz/pair/large_multiplier.h"
#include "lipschitz/pair_problem.h"
#include "lipschitz/spectral.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;
using Wide = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;

constexpr long double oracle_error = 1e-15L;

Wide wide(const Tensor& t) {
  const bool vector = t.shape().rank() == 1;
  Wide m(t.shape()[0], vector ? 1 : t.shape()[1]);
  for (Index i = 0; i < m.rows(); ++i)
    for (Index j = 0; j < m.cols(); ++j) m(i, j) = t.at(i * m.cols() + j);
  return m;
}

long double norm_at(const PairProblem& problem, const std::vector<bool>& at_hi) {
  Wide right = wide(problem.right);
  for (Index i = 0; i < right.rows(); ++i)
    right.row(i) *= at_hi[static_cast<std::size_t>(i)] ? problem.hi.at(i) : problem.lo.at(i);
  const Wide m = wide(problem.left) * right;
  if (m.cwiseAbs().maxCoeff() == 0) return 0;
  return testing::singular_values_of(std::vector<long double>(m.data(), m.data() + m.size()), m.cols(), m.rows())
      .front();
}

std::vector<bool> vertex_of(Index n, unsigned bits) {
  std::vector<bool> vertex(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) vertex[static_cast<std::size_t>(i)] = (bits >> i & 1U) != 0;
  return vertex;
}

long double by_brute_force(const PairProblem& problem) {
  long double best = 0;
  for (unsigned bits = 0; bits < 1U << problem.neurons(); ++bits)
    best = std::max(best, norm_at(problem, vertex_of(problem.neurons(), bits)));
  return best;
}

// The paper's search, one SVD per flip.
std::vector<bool> plain_greedy(const PairProblem& problem) {
  const Index n = problem.neurons();
  std::vector<bool> vertex(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i)
    vertex[static_cast<std::size_t>(i)] = std::fabs(problem.hi.at(i)) >= std::fabs(problem.lo.at(i));
  long double value = norm_at(problem, vertex);
  for (;;) {
    Index chosen = -1;
    long double best = value * (1 + 1e-12L);
    for (Index i = 0; i < n; ++i) {
      std::vector<bool> flipped = vertex;
      flipped[static_cast<std::size_t>(i)] = !flipped[static_cast<std::size_t>(i)];
      const long double candidate = norm_at(problem, flipped);
      if (candidate > best) best = candidate, chosen = i;
    }
    if (chosen < 0) return vertex;
    vertex[static_cast<std::size_t>(chosen)] = !vertex[static_cast<std::size_t>(chosen)];
    value = best;
  }
}

// Slopes of many kinds, now and then equal ends, zero rows and columns, low rank.
PairProblem random_problem(Random& random, Index n) {
  const Index p = random.integer(1, 2 * n), q = random.integer(1, 2 * n);
  PairProblem problem = PairProblem::uniform(random.normals({p, n}), random.normals({n, q}));
  if (random.integer(0, 4) == 0) problem.left = testing::low_rank(random, p, n, 2);
  if (random.integer(0, 4) == 0) problem.right = testing::low_rank(random, n, q, 1);
  if (random.integer(0, 6) == 0) problem.left = testing::graded(random, p, n, 6);
  const auto lo = problem.lo.mutable_data<double>(), hi = problem.hi.mutable_data<double>();
  const Index kind = random.integer(0, 3);
  for (std::size_t i = 0; i < lo.size(); ++i) {
    if (kind == 1) lo[i] = -0.129, hi[i] = 1.129;
    if (kind == 2) lo[i] = random.uniform(-2.0, 1.0), hi[i] = lo[i] + random.uniform(0.0, 2.0);
    if (kind == 3) lo[i] = -random.uniform(0.0, 2.0), hi[i] = random.integer(0, 2) == 0 ? lo[i] : 0.0;
  }
  if (random.integer(0, 3) == 0) {
    const Index zero = random.integer(0, n - 1);
    for (Index j = 0; j < q; ++j) problem.right.mutable_data<double>()[static_cast<std::size_t>(zero * q + j)] = 0.0;
  }
  return problem;
}

PairResult exact(const PairProblem& problem, PairSearch search) {
  PairExactOptions options;
  options.search = search;
  return pair_exact(problem, options);
}

void check_encloses(const PairResult& result, long double truth, const PairProblem& problem, double width) {
  BOOST_TEST(result.lower.is_certified());
  BOOST_TEST(result.upper.is_certified());
  BOOST_TEST(static_cast<long double>(result.lower.value()) <= truth * (1 + oracle_error));
  BOOST_TEST(static_cast<long double>(result.upper.value()) >= truth * (1 - oracle_error));
  BOOST_TEST(static_cast<long double>(result.lower.value()) <= norm_at(problem, result.at_hi) * (1 + oracle_error));
  if (truth > 1e-8L) BOOST_TEST(result.overshoot() <= width);
}

PairProblem six_against_one() {  // y = 10 relu(x) − 6 relu(x − 1), the second spread over six neurons
  return PairProblem::uniform(Tensor::of<double>({1, 7}, {10, -1, -1, -1, -1, -1, -1}),
                              Tensor::full({7, 1}, DType::f64, 1.0));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pair)

BOOST_AUTO_TEST_CASE(both_searches_agree_with_all_vertices) {
  Random random(201);
  for (int k = 0; k < testing::iterations(120); ++k) {
    const Index n = random.integer(1, k % 10 == 0 ? 9 : 6);
    const PairProblem problem = random_problem(random, n);
    const long double truth = by_brute_force(problem);
    for (const PairSearch search : {PairSearch::enumeration, PairSearch::branch_and_bound, PairSearch::automatic}) {
      const PairResult result = exact(problem, search);
      check_encloses(result, truth, problem, 1e-9);
      BOOST_TEST((result.status == Status::finite));
      if (truth > 1e-8L)
        BOOST_TEST(static_cast<double>(norm_at(problem, result.at_hi) / truth) == 1.0,
                   boost::test_tools::tolerance(1e-9));
    }
    const PairResult multiplier = pair_multiplier(problem);
    check_encloses(multiplier, truth, problem, infinity);
    const PairResult greedy = pair_greedy(problem);
    BOOST_TEST(static_cast<long double>(greedy.lower.value()) <= truth * (1 + oracle_error));
    BOOST_TEST(greedy.upper.is_estimate());
  }
}

// What is not searched keeps the best multiplier's bound, or what the caller knows.
BOOST_AUTO_TEST_CASE(searches_end_after_so_many_nodes) {
  Random random(206);
  int limited = 0;
  for (int k = 0; k < testing::iterations(40); ++k) {
    const PairProblem problem = random_problem(random, random.integer(4, 8));
    const long double truth = by_brute_force(problem);
    const double multiplier = pair_multiplier(problem).upper.value();
    double before = infinity;
    for (const double nodes : {0.0, 1.0, 2.0, 4.0, 16.0, 1e9}) {
      PairExactOptions options;
      options.search = PairSearch::branch_and_bound;
      options.most_nodes = nodes;
      const PairResult result = pair_exact(problem, options);
      check_encloses(result, truth, problem, infinity);
      BOOST_TEST((result.status == Status::finite));
      BOOST_TEST(static_cast<double>(result.nodes) <= std::max(nodes, 1.0) + 1.0);
      BOOST_TEST(result.upper.value() <= before * (1.0 + 1e-9));
      BOOST_TEST(result.upper.value() <= multiplier * (1.0 + 1e-5));
      BOOST_TEST(result.limited == (result.note.find("the most that were allowed") != std::string::npos));
      if (!result.limited && truth > 1e-8L) BOOST_TEST(result.overshoot() <= 1e-9);
      before = result.upper.value();
      limited += result.limited;
    }
  }
  BOOST_TEST(limited > 0);
}

// Twice the identity on twenty neurons, repeated: every vertex ties with others, and rounding hides which parts stay
// below. That the product of the norms is attained ends the search at once.
BOOST_AUTO_TEST_CASE(what_is_known_need_not_be_searched) {
  const Index n = 20;
  Tensor left = Tensor::zeros({n / 2, n}, DType::f64), right = Tensor::zeros({n, n / 2}, DType::f64);
  for (Index i = 0; i < n; ++i) {
    left.mutable_data<double>()[static_cast<std::size_t>(i / 2 * n + i)] = 1.0;
    right.mutable_data<double>()[static_cast<std::size_t>(i * (n / 2) + i / 2)] = 1.0;
  }
  const PairProblem problem = PairProblem::uniform(left, right);
  PairExactOptions options;
  options.tolerance = 1e-11;
  options.known = Magnitude(2.0);
  const PairResult result = pair_exact(problem, options);
  BOOST_TEST(result.upper.value() == 2.0, boost::test_tools::tolerance(1e-11));
  BOOST_TEST(result.lower.value() == 2.0, boost::test_tools::tolerance(1e-11));
  BOOST_TEST(result.nodes <= 3);
  options.known = Magnitude(1.5);  // a lie: never below what a vertex attains
  BOOST_TEST(pair_exact(problem, options).upper.value() >= pair_exact(problem, options).lower.value());
}

BOOST_AUTO_TEST_CASE(bounds_are_ordered) {
  Random random(202);
  for (int k = 0; k < testing::iterations(2000); ++k) {
    const PairProblem problem = random_problem(random, random.integer(1, 9));
    const PairResult best = pair_exact(problem), above = pair_multiplier(problem), greedy = pair_greedy(problem);
    const double slopes = std::max(std::fabs(*std::ranges::max_element(problem.hi.data<double>())),
                                   std::fabs(*std::ranges::min_element(problem.lo.data<double>())));
    const double product =
        slopes * dense_norm(problem.left, Norm::l2).upper.value() * dense_norm(problem.right, Norm::l2).upper.value();
    BOOST_TEST(greedy.lower.value() <= best.upper.value());
    BOOST_TEST(best.lower.value() <= best.upper.value());
    BOOST_TEST(above.lower.value() <= best.upper.value());
    BOOST_TEST(best.lower.value() <= above.upper.value());
    BOOST_TEST(above.upper.value() <= product * (1.0 + 1e-15));
  }
}

BOOST_AUTO_TEST_CASE(wider_pairs_by_both_searches) {
  Random random(203);
  for (int k = 0; k < testing::iterations(12); ++k) {
    const Index n = random.integer(11, 14);
    PairProblem problem = random_problem(random, n);
    if (k % 3 == 0) problem = PairProblem::uniform(random.normals({n, n}), random.normals({n, n}), -0.25, 1.0);
    const PairResult one = exact(problem, PairSearch::enumeration),
                     other = exact(problem, PairSearch::branch_and_bound);
    BOOST_TEST(one.lower.value() <= other.upper.value());
    BOOST_TEST(other.lower.value() <= one.upper.value());
    BOOST_TEST(one.overshoot() <= 1e-9);
    BOOST_TEST(other.overshoot() <= 1e-9);
    BOOST_TEST(one.vertices > 0);
  }
}

BOOST_AUTO_TEST_CASE(multipliers_come_close) {
  Random random(204);
  std::vector<double> ratios;
  for (int k = 0; k < testing::iterations(25); ++k) {
    const Index n = random.integer(4, 16);
    const PairProblem problem = PairProblem::uniform(random.normals({n, n}), random.normals({n, n}));
    ratios.push_back(pair_multiplier(problem).upper.value() / pair_exact(problem).lower.value());
  }
  std::ranges::sort(ratios);
  BOOST_TEST(ratios[ratios.size() / 2] <= 1.05);
  BOOST_TEST(ratios.back() <= 1.5);
}

BOOST_AUTO_TEST_CASE(the_method_for_large_pairs_agrees_with_that_for_small_ones) {
  Random random(205);
  for (int k = 0; k < testing::iterations(6); ++k) {
    const Index n = random.integer(5, 30), p = random.integer(2, 20), q = random.integer(2, 20);
    const PairProblem problem = PairProblem::uniform(random.normals({p, n}), random.normals({n, q}), -0.1, 1.0);
    const detail::ScaledPair scaled(problem);
    const detail::LargeBound large = detail::large_multiplier(scaled, {});
    const double upper = scaled.unscaled(std::sqrt(large.squared)).round(Side::upper);
    const double small = pair_multiplier(problem).upper.value();
    BOOST_TEST(upper >= pair_exact(problem).lower.value());
    BOOST_TEST(upper >= small * (1.0 - 1e-6));  // which is the optimum
    BOOST_TEST(upper <= small * 1.01);
  }
}

// All slopes decided: what is proved is a norm. Thresholds within ulps of the truth are factorised now and then, and
// only the error terms keep what they prove true.
BOOST_AUTO_TEST_CASE(proofs_hold_at_the_edge) {
  Random random(215);
  int below = 0;
  for (int k = 0; k < testing::iterations(30) || (below == 0 && k < 300); ++k) {
    const Index n = random.integer(1, 12);
    const PairProblem problem = random_problem(random, n);
    const detail::ScaledPair scaled(problem);
    if (scaled.n == 0) continue;
    const long double unit = scaled.unscaled(1.0).round(Side::upper);  // a power of two
    detail::Relaxation relaxation(scaled);
    detail::Relaxation::Node node = relaxation.root();
    std::vector<bool> own(static_cast<std::size_t>(scaled.n));
    for (std::size_t i = 0; i < own.size(); ++i) {
      own[i] = random.coin();
      node.decided[i] = own[i] ? 1 : -1;
    }
    const long double norm = norm_at(problem, scaled.full_vertex(own)) / unit, exact = norm * norm;
    if (norm < 0.05L * scaled.mass()) continue;  // where the oracle itself would round too much
    for (int ulps = -60; ulps <= 60; ++ulps) {
      const double rho = static_cast<double>(exact) * (1.0 + ulps * 0x1p-52);
      const double proved = relaxation.prove(node, rho);
      if (!std::isfinite(proved)) continue;
      below += static_cast<long double>(rho) < exact;
      BOOST_TEST(static_cast<long double>(proved) >= exact * (1 - 3e-17L));
    }
    BOOST_TEST(!std::isfinite(relaxation.prove(node, static_cast<double>(exact) * (1.0 - 1e-7))));
    BOOST_TEST(relaxation.prove(node, static_cast<double>(exact) * (1.0 + 1e-8)) <=
               static_cast<double>(exact) * (1.0 + 1e-7));
  }
  BOOST_TEST(below > 0);
}

BOOST_AUTO_TEST_CASE(a_part_of_the_cube_is_bounded_by_its_vertices) {
  Random random(216);
  for (int k = 0; k < testing::iterations(40); ++k) {
    const Index n = random.integer(2, 6);
    const PairProblem problem = random_problem(random, n);
    const detail::ScaledPair scaled(problem);
    if (scaled.n == 0) continue;
    detail::Relaxation relaxation(scaled);
    detail::Relaxation::Node node = relaxation.root();
    for (std::int8_t& decided : node.decided)
      if (decided == 0) decided = static_cast<std::int8_t>(random.integer(-1, 1));
    long double truth = 0;
    for (unsigned bits = 0; bits < 1U << scaled.n; ++bits) {
      const std::vector<bool> own = vertex_of(scaled.n, bits);
      bool inside = true;
      for (std::size_t i = 0; i < own.size(); ++i)
        inside = inside && (node.decided[i] == 0 || own[i] == (node.decided[i] > 0));
      if (inside) truth = std::max(truth, norm_at(problem, scaled.full_vertex(own)));
    }
    relaxation.optimise(node, 0.0, 1e-4, {});
    const double bound = scaled.unscaled(std::sqrt(node.proved)).round(Side::upper);
    BOOST_TEST(static_cast<long double>(bound) >= truth * (1 - oracle_error));
    // For so few neurons the relaxation is rarely far off; a part that is not the one asked for would be.
    if (truth > 0.05L * pair_exact(problem).lower.value()) BOOST_TEST(static_cast<double>(bound / truth) <= 1.6);
  }
}

BOOST_AUTO_TEST_CASE(proofs_of_large_pairs_fail_below_the_value_of_their_multipliers) {
  Random random(217);
  for (int k = 0; k < testing::iterations(5); ++k) {
    const Index n = random.integer(4, 20), p = random.integer(2, 15), q = random.integer(2, 15);
    const detail::ScaledPair scaled(PairProblem::uniform(random.normals({p, n}), random.normals({n, q}), -0.2, 1.0));
    const detail::LargeBound large = detail::large_multiplier(scaled, {});
    BOOST_TEST(detail::prove_large(scaled, large.log_multipliers, large.rho * (1.0 + 1e-6)) >= large.rho);
    BOOST_TEST(detail::prove_large(scaled, large.log_multipliers, large.rho * (1.0 + 1e-6)) <=
               large.rho * (1.0 + 2e-6));
    BOOST_TEST(!std::isfinite(detail::prove_large(scaled, large.log_multipliers, large.rho * (1.0 - 1e-6))));
  }
}

// From the first vertex on, without a good one to start from, and with vertices that differ by little.
BOOST_AUTO_TEST_CASE(enumeration_misses_nothing) {
  Random random(218);
  for (int k = 0; k < testing::iterations(30); ++k) {
    const Index n = random.integer(2, 8);
    PairProblem problem = random_problem(random, n);
    for (Index j = 0; j < problem.right.shape()[1]; ++j)  // neurons of little weight
      for (Index i = 0; i < n; i += 2)
        problem.right.mutable_data<double>()[static_cast<std::size_t>(i * problem.right.shape()[1] + j)] *= 1e-6;
    const detail::ScaledPair scaled(problem);
    if (scaled.n == 0) continue;
    detail::Relaxation relaxation(scaled);
    detail::Incumbent incumbent(scaled, relaxation, 1e-9);
    PairResult counts;
    double open = infinity;
    BOOST_TEST(detail::enumerate(relaxation, scaled, incumbent, {}, counts, open));
    const long double truth = by_brute_force(problem);
    const double lower = scaled.unscaled(incumbent.lower()).round(Side::lower);
    const double upper = scaled.unscaled(std::sqrt(incumbent.settled)).round(Side::upper);
    BOOST_TEST(static_cast<long double>(upper) >= truth * (1 - oracle_error));
    BOOST_TEST(static_cast<long double>(lower) >= truth * (1 - 1.1e-9L));
  }
}

BOOST_AUTO_TEST_CASE(attained_values_do_not_depend_on_the_length_of_the_direction) {
  Random random(219);
  const PairProblem problem = PairProblem::uniform(random.normals({4, 6}), random.normals({6, 3}), -0.5, 1.0);
  const detail::ScaledPair scaled(problem);
  const std::vector<bool> vertex = vertex_of(6, 37);
  const std::vector<double> sigma = scaled.slopes(vertex);
  std::vector<double> x;
  scaled.improve_direction(sigma, x, 50);
  for (const double length : {1e-3, 0.7, 5.0}) {
    std::vector<double> y = x;
    for (double& e : y) e *= length;
    const long double value = scaled.unscaled(scaled.attained(sigma, y)).round(Side::lower);
    BOOST_TEST(value <= norm_at(problem, vertex) * (1 + oracle_error));
    BOOST_TEST(value >= norm_at(problem, vertex) * (1 - 1e-12L));
  }
}

BOOST_AUTO_TEST_CASE(greedy_is_the_plain_search) {
  Random random(206);
  for (int k = 0; k < testing::iterations(40); ++k) {
    const Index n = random.integer(1, 9);
    const PairProblem problem =
        PairProblem::uniform(random.normals({random.integer(1, 9), n}), random.normals({n, random.integer(1, 9)}),
                             random.coin() ? 0.0 : -random.uniform(0.0, 1.5), 1.0);
    const std::vector<bool> expected = plain_greedy(problem);
    const PairResult found = pair_greedy(problem);
    BOOST_TEST(found.at_hi == expected, boost::test_tools::per_element());
    BOOST_TEST(found.lower.value() == static_cast<double>(norm_at(problem, expected)),
               boost::test_tools::tolerance(1e-10));
  }
  // Beyond 32 neurons, candidates are ranked.
  for (int k = 0; k < testing::iterations(3); ++k) {
    const PairProblem problem = PairProblem::uniform(random.normals({6, 40}), random.normals({40, 5}));
    BOOST_TEST(pair_greedy(problem).at_hi == plain_greedy(problem), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(greedy_stops_where_no_flip_helps) {
  Random random(207);
  for (const Index n : {60, 300}) {
    const PairProblem problem = PairProblem::uniform(random.normals({12, n}), random.normals({n, 10}));
    const PairResult found = pair_greedy(problem);
    const double value = pair_value(problem, found.at_hi).upper.value();
    for (Index i = 0; i < n; ++i) {
      std::vector<bool> flipped = found.at_hi;
      flipped[static_cast<std::size_t>(i)] = !flipped[static_cast<std::size_t>(i)];
      BOOST_TEST(pair_value(problem, flipped).lower.value() <= value * (1.0 + (n > 256 ? 1e-3 : 1e-10)));
    }
    BOOST_TEST(found.flips > 0);
  }
}

BOOST_AUTO_TEST_CASE(the_trap_of_greedy_search) {
  const PairProblem trap = six_against_one();
  BOOST_TEST(pair_exact(trap).lower.value() == 10.0);  // one row, one column: in closed form, and exactly
  BOOST_TEST(pair_exact(trap).upper.value() == 10.0, boost::test_tools::tolerance(1e-15));
  // From 10 − 6 = 4 the flip that raises the norm most drops the 10: |−6|, and no single flip leads out of there.
  const PairResult greedy = pair_greedy(trap);
  BOOST_TEST(greedy.lower.value() == 6.0, boost::test_tools::tolerance(1e-12));
  BOOST_TEST((greedy.at_hi == plain_greedy(trap)));
  for (const double lo : {-1.0, 0.0, 0.25}) {  // Σ of positive and of negative terms, by hand
    PairProblem problem = trap;
    problem.lo = Tensor::full({7}, DType::f64, lo);
    const double most = 10.0 - 6.0 * lo, least = 10.0 * lo - 6.0;
    const PairResult result = pair_exact(problem);
    BOOST_TEST(result.lower.value() == std::max(most, -least));
    BOOST_TEST(pair_multiplier(problem).upper.value() >= std::max(most, -least));
  }
}

BOOST_AUTO_TEST_CASE(scale_does_not_matter) {
  Random random(208);
  for (const double left : {1e-150, 1.0, 1e150})
    for (const double right : {1e-150, 1e150}) {
      const PairProblem plain = PairProblem::uniform(random.normals({4, 7}), random.normals({7, 5}), -0.5, 1.0);
      PairProblem moved = plain;
      moved.left = testing::scaled(plain.left, left), moved.right = testing::scaled(plain.right, right);
      for (const PairSearch search : {PairSearch::enumeration, PairSearch::branch_and_bound}) {
        const PairResult a = exact(plain, search), b = exact(moved, search);
        BOOST_TEST(b.overshoot() <= 1e-9);
        const double expected = std::log10(a.lower.value()) + std::log10(left) + std::log10(right);
        BOOST_TEST(b.lower.magnitude().log10() == expected, boost::test_tools::tolerance(1e-10));
        BOOST_TEST((b.at_hi == a.at_hi));
      }
      BOOST_TEST(!(pair_multiplier(moved).upper.magnitude() < exact(moved, PairSearch::automatic).lower.magnitude()));
      BOOST_TEST(!(pair_exact(moved).upper.magnitude() < pair_greedy(moved).lower.magnitude()));
    }
  // Within a problem: neurons of very different size, in both matrices.
  PairProblem mixed = PairProblem::uniform(random.normals({3, 6}), random.normals({6, 3}));
  for (Index i = 0; i < 6; ++i) {
    const int shift = static_cast<int>(100 * i);
    for (Index j = 0; j < 3; ++j) {
      double& a = mixed.left.mutable_data<double>()[static_cast<std::size_t>(j * 6 + i)];
      double& b = mixed.right.mutable_data<double>()[static_cast<std::size_t>(i * 3 + j)];
      a = std::ldexp(a, shift), b = std::ldexp(b, -shift);
    }
  }
  check_encloses(pair_exact(mixed), by_brute_force(mixed), mixed, 1e-9);
  check_encloses(exact(mixed, PairSearch::branch_and_bound), by_brute_force(mixed), mixed, 1e-9);
}

BOOST_AUTO_TEST_CASE(what_does_not_contribute) {
  Random random(209);
  const PairProblem zero = PairProblem::uniform(Tensor::zeros({3, 4}, DType::f64), random.normals({4, 2}));
  for (const PairResult& result : {pair_exact(zero), pair_multiplier(zero)}) {
    BOOST_TEST(result.lower.value() == 0.0);
    BOOST_TEST(result.upper.value() == 0.0);
    BOOST_TEST(result.overshoot() == 0.0);
  }
  BOOST_TEST(pair_greedy(zero).lower.value() == 0.0);
  // No freedom: the norm of a product.
  const PairProblem fixed = PairProblem::uniform(random.normals({3, 12}), random.normals({12, 5}), 0.75, 0.75);
  check_encloses(pair_exact(fixed), norm_at(fixed, vertex_of(12, 0)), fixed, 1e-9);
  check_encloses(pair_multiplier(fixed), norm_at(fixed, vertex_of(12, 0)), fixed, 1e-9);
  const PairProblem single = PairProblem::uniform(random.normals({4, 1}), random.normals({1, 6}), -2.0, 1.0);
  check_encloses(pair_exact(single), by_brute_force(single), single, 1e-9);
  // Everything cancels but for rounding.
  PairProblem nothing = PairProblem::uniform(Tensor::of<double>({1, 2}, {1.0, 1.0}),
                                             Tensor::of<double>({2, 2}, {0.1, 0.3, -0.1, -0.3}), 1.0, 1.0);
  BOOST_TEST(pair_exact(nothing).lower.value() == 0.0);
  BOOST_TEST(pair_exact(nothing).upper.value() <= 1e-6);
}

BOOST_AUTO_TEST_CASE(f32_problems_are_those_of_their_numbers) {
  Random random(210);
  PairProblem narrow = PairProblem::uniform(random.normals({3, 5}, DType::f32), random.normals({5, 4}, DType::f32));
  PairProblem widened = PairProblem::uniform(narrow.left.to(DType::f64), narrow.right.to(DType::f64));
  BOOST_TEST(pair_exact(narrow).lower.value() == pair_exact(widened).lower.value());
  narrow.hi = Tensor::full({5}, DType::f32, 0.1);
  BOOST_TEST(pair_value(narrow, vertex_of(5, 31)).lower.value() <=
             static_cast<double>(norm_at(narrow, vertex_of(5, 31))));
}

BOOST_AUTO_TEST_CASE(cut_searches_stay_true) {
  Random random(211);
  const PairProblem problem = PairProblem::uniform(random.normals({30, 60}), random.normals({60, 30}));
  const PairResult best = pair_multiplier(problem);
  PairExactOptions options;
  std::stop_source source;
  source.request_stop();
  options.budget.stop = source.get_token();
  for (const PairSearch search : {PairSearch::branch_and_bound, PairSearch::automatic}) {
    options.search = search;
    const PairResult cut = pair_exact(problem, options);
    BOOST_TEST((cut.status == Status::cut));
    BOOST_TEST(cut.lower.value() <= best.upper.value());
    BOOST_TEST(cut.upper.value() >= best.lower.value());
    BOOST_TEST(cut.upper.is_certified());
    BOOST_TEST(std::isfinite(cut.upper.value()));
  }
  PairMultiplierOptions stopped;
  stopped.budget.stop = source.get_token();
  BOOST_TEST(pair_multiplier(problem, stopped).upper.value() >= best.lower.value());
  PairGreedyOptions no_flips;
  no_flips.budget.stop = source.get_token();
  const PairResult greedy = pair_greedy(problem, no_flips);
  BOOST_TEST((greedy.status == Status::cut));
  BOOST_TEST(greedy.lower.value() <= best.upper.value());
  // Stopped in the middle, when the first node has been examined.
  PairExactOptions later;
  std::stop_source from_inside;
  later.budget.stop = from_inside.get_token();
  later.search = PairSearch::branch_and_bound;
  later.budget.progress = [&](const Progress&) { from_inside.request_stop(); };
  const PairResult middle = pair_exact(problem, later);
  BOOST_TEST(middle.upper.value() >= best.lower.value());
  BOOST_TEST(middle.upper.value() <= best.upper.value() * 1.05);
  BOOST_TEST((middle.status == Status::cut));
  BOOST_TEST(middle.overshoot() > 1e-6);  // what is open counts
}

BOOST_AUTO_TEST_CASE(seeds_fix_results) {
  Random random(212);
  const PairProblem problem = PairProblem::uniform(random.normals({10, 18}), random.normals({18, 10}));
  PairGreedyOptions options;
  options.restarts = 3, options.pairs = true, options.budget.seed = 5;
  const PairResult one = pair_greedy(problem, options), two = pair_greedy(problem, options);
  BOOST_TEST(one.lower.value() == two.lower.value());
  BOOST_TEST((one.at_hi == two.at_hi));
  BOOST_TEST(one.lower.value() >= pair_greedy(problem).lower.value() * (1.0 - 1e-12));
  BOOST_TEST(pair_exact(problem).nodes == pair_exact(problem).nodes);
}

BOOST_AUTO_TEST_CASE(leading_vectors_bound_the_factor) {
  Random random(214);
  for (int k = 0; k < testing::iterations(60); ++k) {
    const PairProblem problem = random_problem(random, random.integer(2, 7));
    const double bound = pair_leading(problem).value();
    BOOST_TEST(bound >= static_cast<double>(by_brute_force(problem)) * (1.0 - 1e-9));
    BOOST_TEST(pair_leading(problem).is_estimate());
  }
  // Both matrices of rank one: exact.
  for (int k = 0; k < testing::iterations(10); ++k) {
    PairProblem problem = random_problem(random, 6);
    problem.left = testing::low_rank(random, 4, 6, 1), problem.right = testing::low_rank(random, 6, 5, 1);
    BOOST_TEST(pair_leading(problem).value() == static_cast<double>(by_brute_force(problem)),
               boost::test_tools::tolerance(1e-7));
  }
  LeadingVectors leading{random.normals({3}), random.normals({3}), 0.5, 1.5};
  const Tensor lo = Tensor::zeros({3}, DType::f64), hi = Tensor::full({3}, DType::f64, 1.0);
  BOOST_CHECK_THROW(pair_leading_bound(leading, lo, hi), DomainError);
  leading.right_ratio = 0.5;
  BOOST_CHECK_THROW(pair_leading_bound(leading, lo, Tensor::zeros({2}, DType::f64)), ShapeError);
}

BOOST_AUTO_TEST_CASE(errors_say_what_is_wrong) {
  Random random(213);
  const Tensor a = random.normals({3, 4}), b = random.normals({4, 2});
  BOOST_CHECK_THROW(pair_exact(PairProblem::uniform(a, random.normals({3, 2}))), ShapeError);
  BOOST_CHECK_THROW(pair_exact(PairProblem::uniform(a, random.normals({4}))), ShapeError);
  BOOST_CHECK_THROW(pair_exact(PairProblem::uniform(a, b, 1.0, 0.0)), DomainError);
  BOOST_CHECK_THROW(pair_exact(PairProblem::uniform(a, b, 0.0, infinity)), NumericError);
  BOOST_CHECK_THROW(pair_multiplier(PairProblem::uniform(a, testing::scaled(b, std::nan("")))), NumericError);
  BOOST_CHECK_THROW(pair_exact(PairProblem{}), UsageError);
  PairProblem short_slopes = PairProblem::uniform(a, b);
  short_slopes.lo = Tensor::zeros({3}, DType::f64);
  BOOST_CHECK_THROW(pair_greedy(short_slopes), ShapeError);
  BOOST_CHECK_THROW(
      exact(PairProblem::uniform(random.normals({2, 41}), random.normals({41, 2})), PairSearch::enumeration),
      UsageError);
  PairGreedyOptions options;
  options.candidates = 0;
  BOOST_CHECK_THROW(pair_greedy(PairProblem::uniform(a, b), options), UsageError);
  BOOST_CHECK_THROW(pair_value(PairProblem::uniform(a, b), {true}), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
