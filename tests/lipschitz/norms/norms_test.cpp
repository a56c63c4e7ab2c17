// Operator norms against long double oracles: certified values enclose, and not loosely.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/convolution/symbols.h"
#include "lipschitz/spectral.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::graded;
using testing::hilbert;
using testing::low_rank;
using testing::Random;
using testing::rotation;
using testing::scaled;

// Of the oracle: 2^-64 times a few dozen.
constexpr long double oracle_error = 4e-18L;

void check_encloses(const Enclosure& bounds, long double exact, double slack, const std::string& what) {
  BOOST_TEST_CONTEXT(what << ": " << bounds.lower << " and " << bounds.upper << ", exactly " << exact) {
    BOOST_TEST(bounds.upper.is_certified());
    BOOST_TEST(bounds.lower.is_certified());
    BOOST_TEST(static_cast<long double>(bounds.upper.value()) >= exact * (1 - oracle_error));
    BOOST_TEST(static_cast<long double>(bounds.lower.value()) <= exact * (1 + oracle_error));
    BOOST_TEST(static_cast<long double>(bounds.upper.value()) <= exact * (1 + slack) + 5e-324L);
    BOOST_TEST(static_cast<long double>(bounds.lower.value()) >= exact * (1 - slack) - 5e-324L);
  }
}

void check_matrix(const Tensor& a, const std::string& what) {
  // n u times the ratio of trace to largest eigenvalue is below 1e-11 for n = 60; bounds of sums err by one ulp a term.
  check_encloses(dense_norm(a, Norm::l2), testing::spectral_norm(a), 1e-10, what + ", l2");
  check_encloses(dense_norm(a, Norm::l1), testing::sum_norm(a, false), 1e-13, what + ", l1");
  check_encloses(dense_norm(a, Norm::linf), testing::sum_norm(a, true), 1e-13, what + ", linf");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(norms)

BOOST_AUTO_TEST_CASE(dense_random_matrices_are_enclosed) {
  Random random(11);
  for (int k = 0; k < testing::iterations(120); ++k) {
    const Index m = random.integer(1, 24), n = random.integer(1, 24);
    check_matrix(random.normals({m, n}, random.coin() ? DType::f32 : DType::f64), cat("random ", m, " x ", n));
  }
}

BOOST_AUTO_TEST_CASE(small_matrices_are_enclosed_to_the_last_digit) {
  Random random(17);
  for (int k = 0; k < testing::iterations(1000); ++k)
    check_matrix(random.normals({random.integer(1, 3), random.integer(1, 3)}), "small");
}

BOOST_AUTO_TEST_CASE(dense_adversarial_matrices_are_enclosed) {
  Random random(12);
  for (int k = 0; k < testing::iterations(12); ++k) {
    const Index m = random.integer(2, 30), n = random.integer(2, 30);
    check_matrix(low_rank(random, m, n, 1), "rank one");
    check_matrix(low_rank(random, m, n, std::min(m, n) / 2 + 1), "rank deficient");
    check_matrix(graded(random, m, n, random.uniform(1.0, 300.0)), "graded");
    check_matrix(rotation(random, m), "clustered");
    check_matrix(scaled(random.normals({m, n}), 1e-300), "tiny");
    check_matrix(scaled(random.normals({m, n}), 1e300), "huge");
    check_matrix(hilbert(n), "hilbert");
  }
  check_matrix(Tensor::of<double>({2, 2}, {3e-320, 1e-322, -2e-321, 4e-320}), "subnormal");
  check_matrix(Tensor::of<double>({2, 2}, {1e300, 1e-20, 1e-320, 1e280}), "from end to end");
}

BOOST_AUTO_TEST_CASE(dense_larger_matrices_are_tight) {
  Random random(13);
  for (const auto& [m, n] : {std::pair<Index, Index>{60, 60}, {200, 40}, {40, 200}}) {
    const Tensor a = random.normals({m, n});
    check_encloses(dense_norm(a, Norm::l2), testing::spectral_norm(a), 1e-10, cat(m, " x ", n));
  }
}

BOOST_AUTO_TEST_CASE(exact_cases_are_exact) {
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
    const Enclosure zero = dense_norm(Tensor::zeros({3, 5}, DType::f64), norm);
    BOOST_TEST(zero.upper.value() == 0.0);
    BOOST_TEST(zero.upper.is_certified());
    BOOST_TEST(dense_norm(Tensor::zeros({0, 5}, DType::f64), norm).upper.value() == 0.0);
    const Enclosure number = dense_norm(Tensor::of<double>({1, 1}, {-0.7}), norm);
    BOOST_TEST(number.upper.value() == 0.7);
    BOOST_TEST(number.lower.value() == 0.7);
    const LinearMap scale = scale_map({2, 3}, -0.3);
    BOOST_TEST(operator_norm(scale, norm).upper.value() == 0.3);
  }
  BOOST_TEST(dense_norm(Tensor::of<double>({1, 2}, {3.0, -4.0}), Norm::l2).upper.value() == 5.0);
  BOOST_TEST(dense_norm(Tensor::of<double>({2, 2}, {1.0, -2.0, 3.0, 4.0}), Norm::l1).upper.value() == 6.0);
  BOOST_TEST(dense_norm(Tensor::of<double>({2, 2}, {1.0, -2.0, 3.0, 4.0}), Norm::linf).upper.value() == 7.0);
}

BOOST_AUTO_TEST_CASE(a_deadline_in_the_past_gives_a_true_bound_marked_as_cut) {
  Random random(14);
  const Tensor a = random.normals({30, 30});
  Budget options;
  options.deadline = Budget::Clock::now();
  const Enclosure bounds = dense_norm(a, Norm::l2, options);
  BOOST_TEST(bounds.cut);
  BOOST_TEST(static_cast<long double>(bounds.upper.value()) >= testing::spectral_norm(a));
  BOOST_TEST(static_cast<long double>(bounds.lower.value()) <= testing::spectral_norm(a));
  std::stop_source stop;
  stop.request_stop();
  Budget stopped;
  stopped.stop = stop.get_token();
  BOOST_TEST(dense_norm(a, Norm::l2, stopped).cut);
}

BOOST_AUTO_TEST_CASE(weights_that_are_not_finite_are_refused_with_their_place) {
  const Tensor a = Tensor::of<double>({1, 3}, {1.0, std::nan(""), 2.0});
  BOOST_CHECK_EXCEPTION(dense_norm(a, Norm::l2), NumericError,
                        [](const Error& e) { return std::string(e.what()).find("entry 1") != std::string::npos; });
  const LinearMap diagonal({2}, {2}, structure::Diagonal{Tensor::of<double>({2}, {1.0, infinity}), 1});
  BOOST_CHECK_THROW(operator_norm(diagonal, Norm::l1), NumericError);
  BOOST_CHECK_THROW(frobenius_norm(diagonal), NumericError);
}

// Every structure against its own matrix.
BOOST_AUTO_TEST_CASE(structures_are_enclosed) {
  Random random(15);
  const auto indices = [&](Index count, Index below) {
    auto list = std::make_shared<std::vector<Index>>();
    for (Index i = 0; i < count; ++i) list->push_back(random.integer(-1, below - 1));
    return std::shared_ptr<const std::vector<Index>>(list);
  };
  for (int k = 0; k < testing::iterations(25); ++k) {
    const LinearMap along({2, 3, 2}, {2, 4, 2}, structure::DenseAlong{random.normals({4, 3}), 2, 2});
    const LinearMap dense = dense_map(random.normals({6, 12}), {2, 3, 2}, {6});
    const LinearMap select({2, 4, 2}, {6}, structure::Selection{indices(6, 16)});
    const LinearMap gather({6}, {4}, structure::Gathering{indices(6, 4)});
    const LinearMap diagonal({2, 4, 2}, {2, 4, 2}, structure::Diagonal{random.normals({4}), 2});
    const LinearMap chain = compose(gather, compose(select, compose(diagonal, along)));
    const LinearMap total = add(dense, compose(select, along));
    const LinearMap row({18}, {6}, structure::BlockRow{{dense, LinearMap({6}, {6}, structure::Scale{-2.5})}});
    const LinearMap column({2, 3, 2}, {22}, structure::BlockColumn{{dense, along}});
    for (const LinearMap& map : {along, dense, select, gather, diagonal, chain, total, row, column}) {
      const Tensor matrix = to_dense(map);
      check_encloses(operator_norm(map, Norm::l2), testing::spectral_norm(matrix), 1e-9, "l2");
      check_encloses(operator_norm(map, Norm::l1), testing::sum_norm(matrix, false), 1e-9, "l1");
      check_encloses(operator_norm(map, Norm::linf), testing::sum_norm(matrix, true), 1e-9, "linf");
      long double squares = 0.0L;
      for (const double x : matrix.data<double>()) squares += static_cast<long double>(x) * x;
      BOOST_TEST(static_cast<long double>(frobenius_norm(map).value()) >= std::sqrt(squares) * (1 - oracle_error));
      BOOST_TEST(static_cast<long double>(frobenius_norm(map).value()) <= std::sqrt(squares) * (1 + 1e-9L));
    }
  }
}

BOOST_AUTO_TEST_CASE(sums_of_identities_are_exact) {
  const LinearMap twice = add(identity_map({40}), identity_map({40}));
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) BOOST_TEST(operator_norm(twice, norm).upper.value() == 2.0);
}

BOOST_AUTO_TEST_CASE(opaque_maps_give_estimates) {
  Random random(16);
  const LinearMap dense = dense_map(random.normals({5, 7}), {7}, {5});
  const LinearMap opaque({7}, {5},
                         structure::Opaque{[=](const Tensor& x) { return dense.apply(x); },
                                           [=](const Tensor& y) { return dense.apply_transpose(y); }});
  const Enclosure bounds = operator_norm(opaque, Norm::l2);
  BOOST_TEST(bounds.upper.is_estimate());
  BOOST_TEST(bounds.lower.is_estimate());
  BOOST_TEST(bounds.upper.value() == operator_norm(dense, Norm::l2).upper.value(), boost::test_tools::tolerance(1e-9));
}

// What the caller vouches for is what is certified: columns off by up to 1e-3 ‖A‖ widen the bounds by √n as much.
BOOST_AUTO_TEST_CASE(opaque_maps_are_certified_within_a_stated_error) {
  Random random(18);
  for (int k = 0; k < testing::iterations(20); ++k) {
    const Index m = random.integer(1, 12), n = random.integer(1, 12);
    const Tensor a = random.normals({m, n});
    const long double exact = testing::spectral_norm(a);
    const double error = 1e-3;
    const Tensor off = random.normals({m});
    long double size = 0.0L;
    for (const double e : off.data<double>()) size += static_cast<long double>(e) * e;
    const double step = 0.999 * error * static_cast<double>(exact / std::sqrt(size));
    const LinearMap dense = dense_map(a, {n}, {m});
    const auto apply = [=](const Tensor& x) {  // the same error in every column
      Tensor y = dense.apply(x);
      for (Index i = 0; i < m; ++i) y.mutable_data<double>()[static_cast<std::size_t>(i)] += step * off.at(i);
      return y;
    };
    const auto apply_transpose = [=](const Tensor& y) { return dense.apply_transpose(y); };
    const LinearMap rough({n}, {m}, structure::Opaque{apply, apply_transpose});
    NormOptions vouched;
    vouched.opaque_error = error;
    const Enclosure bounds = operator_norm(rough, Norm::l2, vouched);
    BOOST_TEST_CONTEXT(m << " x " << n << ": " << bounds << ", exactly " << exact) {
      BOOST_TEST(bounds.upper.is_certified());
      BOOST_TEST(bounds.lower.is_certified());
      BOOST_TEST(static_cast<long double>(bounds.upper.value()) >= exact);
      BOOST_TEST(static_cast<long double>(bounds.lower.value()) <= exact);
      BOOST_TEST(bounds.overshoot() <= 2.5e-3 * std::sqrt(12.0));
    }
    BOOST_TEST(operator_norm(rough, Norm::l1, vouched).upper.is_estimate());
  }
  NormOptions defined;
  defined.opaque_error = 0.0;
  const Tensor a = random.normals({4, 3});
  const LinearMap dense = dense_map(a, {3}, {4});
  const LinearMap columns({3}, {4},
                          structure::Opaque{[=](const Tensor& x) { return dense.apply(x); },
                                            [=](const Tensor& y) { return dense.apply_transpose(y); }});
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
    BOOST_TEST(operator_norm(columns, norm, defined).upper.is_certified());
    BOOST_TEST(operator_norm(columns, norm, defined).upper.value() == operator_norm(dense, norm).upper.value());
  }
  defined.opaque_error = -1.0;
  BOOST_CHECK_THROW(operator_norm(columns, Norm::l2, defined), UsageError);
}

// Large matrices start from Lanczos' value instead of all eigenvalues. It may be wrong; the proof then is not.
BOOST_AUTO_TEST_CASE(large_matrices_are_proved_whatever_the_start) {
  constexpr Index n = 640;
  // I + 8 v vᵀ with a unit vector v: of norm 9.
  const auto with_direction = [](const std::vector<double>& v) {
    double squares = 0;
    for (const double e : v) squares += e * e;
    Tensor a = Tensor::zeros({n, n}, DType::f64);
    const auto entries = a.mutable_data<double>();
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j)
        entries[static_cast<std::size_t>(i * n + j)] =
            (i == j) + 8 * v[static_cast<std::size_t>(i)] * v[static_cast<std::size_t>(j)] / squares;
    return a;
  };
  Random random(91);
  std::vector<double> any(n), hidden(n, 0.0);
  for (double& e : any) e = random.normal();
  const auto usual = dense_norm(with_direction(any), Norm::l2);
  BOOST_TEST(usual.upper.value() >= 9.0 * (1 - 1e-13));
  BOOST_TEST(usual.lower.value() <= 9.0 * (1 + 1e-13));
  BOOST_TEST(usual.upper.value() / usual.lower.value() - 1 <= 1e-8);
  // Orthogonal to the start, 1 + sin(i²)/2: Lanczos sees the eigenvalue 1 alone, but for rounding.
  hidden[3] = 1.0 + 0.5 * std::sin(25.0);
  hidden[5] = -(1.0 + 0.5 * std::sin(9.0));
  const auto unseen = dense_norm(with_direction(hidden), Norm::l2);
  BOOST_TEST(unseen.upper.is_certified());
  BOOST_TEST(unseen.upper.value() >= 9.0 * (1 - 1e-13));
  BOOST_TEST(unseen.lower.value() <= 9.0 * (1 + 1e-13));
  // Nothing but the identity: the Krylov space ends at once.
  Tensor identity = Tensor::zeros({n, n}, DType::f64);
  for (Index i = 0; i < n; ++i) identity.mutable_data<double>()[static_cast<std::size_t>(i * (n + 1))] = 1.0;
  const auto one = dense_norm(identity, Norm::l2);
  BOOST_TEST(one.upper.value() >= 1.0);
  BOOST_TEST(one.upper.value() <= 1.0 + 1e-8);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
