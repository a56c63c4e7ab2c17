// Boxes in which few machine numbers lie, or none: what proves a lower bound lies in the domain.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/lower.h"
#include "lipschitz/sandwich.h"
#include "lipschitz/search.h"

namespace taut {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

// 1.9 (x − b) above b and 0 below: the constant of a box below b is 0.
Function kink_at(double place) {
  const double b = std::clamp(place, -3.4e38, 3.4e38);
  return [b](const Var& x) { return relu(scale(x - Var(Tensor::full({1, 1}, x.dtype(), b)), 1.9)); };
}

std::vector<LowerBound> all_lower(const Function& f, const Interval& box, DType dtype, bool points) {
  const Tensor sample = Tensor::zeros({1, 1}, dtype);
  std::vector<LowerBound> bounds;
  AscentOptions ascent;
  ascent.evaluations = 256;
  ascent.question.domain = Domain::box_or_reals(box);
  bounds.push_back(ascent_lower_bound(f, sample, ascent).bound);
  AnnealingOptions annealing;
  annealing.steps = 10;
  annealing.question.domain = Domain::box_or_reals(box);
  bounds.push_back(annealing_lower_bound(f, sample, annealing).bound);
  GridOptions grid;
  grid.resolution = 8;
  bounds.push_back(grid_lower_bound(f, Range::box({1, 1}, box), dtype, grid).bound);
  if (points) {
    PairsOptions pairs;
    pairs.question.domain = Domain::box_or_reals(box);
    const Tensor data = Tensor::full({1, 1}, DType::f64, box.lo).to(dtype);
    bounds.push_back(dataset_lower_bound(f, data, pairs).bound);
    bounds.push_back(pairs_lower_bound(f, data, pairs).bound);
  }
  return bounds;
}

BOOST_AUTO_TEST_SUITE(narrow_boxes)

BOOST_AUTO_TEST_CASE(a_box_without_a_number_of_the_type_proves_nothing) {
  for (const Interval box :
       {Interval{1.00000001, 1.00000003}, Interval{-1.00000003, -1.00000001}, Interval{1.0 + 0x1p-30, 1.0 + 0x1p-25},
        Interval{16777216.25, 16777217.75}, Interval{1e-46, 2e-46}, Interval{-2e-46, -1e-46}, Interval{3.5e38, 3.6e38},
        Interval{-3.6e38, -3.5e38}, Interval{0.1, std::nextafter(0.1, 1.0)}, Interval{5e-324, 1e-323}}) {
    BOOST_TEST_CONTEXT("[" << box.lo << ", " << box.hi << "]") {
      const Function f = kink_at(box.hi);
      const Tensor sample = Tensor::zeros({1, 1}, DType::f32);
      AscentOptions ascent;
      ascent.question.domain = Domain::box_or_reals(box);
      BOOST_CHECK_THROW(ascent_lower_bound(f, sample, ascent), UnsupportedError);
      AnnealingOptions annealing;
      annealing.question.domain = Domain::box_or_reals(box);
      BOOST_CHECK_THROW(annealing_lower_bound(f, sample, annealing), UnsupportedError);
      BOOST_CHECK_THROW(grid_lower_bound(f, Range::box({1, 1}, box), DType::f32), UnsupportedError);
      // The nearest number lies outside.
      const Tensor near = Tensor::full({1, 1}, DType::f64, box.lo).to(DType::f32);
      PairsOptions pairs;
      pairs.question.domain = Domain::box_or_reals(box);
      BOOST_CHECK_THROW(dataset_lower_bound(f, near, pairs), Error);
      BOOST_CHECK_THROW(pairs_lower_bound(f, near, pairs), Error);
      // In one call: a row that says why.
      SandwichOptions options;
      options.question.domain = Domain::box_or_reals(box);
      options.methods = {Method::autolip, Method::ascent, Method::grid};
      const Sandwich s = sandwich(kink_at(box.hi), sample, options);
      BOOST_TEST(!s.lower.has_value());
      BOOST_TEST((s.bounds[1].status == Status::unsupported), s.bounds[1].note);
      BOOST_TEST(s.bounds[1].note.find("no f32 number lies within the box") != std::string::npos, s.bounds[1].note);
    }
  }
}

BOOST_AUTO_TEST_CASE(bounds_on_boxes_with_few_numbers_do_not_exceed_the_constant) {
  const double after_one = 1.0 + 0x1p-23;
  for (const Interval box :
       {Interval{1.0, 1.0 + 0x1p-25}, Interval{1.0 - 0x1p-26, 1.0 + 0x1p-26}, Interval{1.0, after_one},
        Interval{0.0, 1e-45}, Interval{-1e-45, 1e-45}, Interval{1e-40, 2e-40}, Interval{3.4e38, 3.5e38}}) {
    BOOST_TEST_CONTEXT("[" << box.lo << ", " << box.hi << "]") {
      const double top =
          static_cast<double>(std::nextafter(static_cast<float>(box.hi), std::numeric_limits<float>::infinity()));
      if (!std::isfinite(top)) continue;
      for (const LowerBound& bound : all_lower(kink_at(top), box, DType::f32, false))
        if (bound.is_certified()) BOOST_TEST(bound.value() <= 1e-12, bound);
      for (const LowerBound& bound : all_lower(kink_at(box.lo - 1.0), box, DType::f32, false))
        BOOST_TEST(bound.value() <= static_cast<double>(1.9F) * (1 + 1e-6), bound);
    }
  }
}

BOOST_AUTO_TEST_CASE(boxes_that_are_none_are_refused) {
  for (const Interval box : {Interval{1.0, -1.0}, Interval{1.0, 1.0}, Interval{-inf, 0.0}, Interval{0.0, inf},
                             Interval{-inf, inf}, Interval{std::nan(""), 1.0}}) {
    const auto refused = [&] {
      AscentOptions options;
      options.question.domain = Domain::box(box);
      ascent_lower_bound(kink_at(0.0), Tensor::zeros({1, 1}, DType::f32), options);
    };
    BOOST_CHECK_THROW(refused(), Error);
  }
}

BOOST_AUTO_TEST_CASE(data_outside_of_a_narrow_box_are_refused) {
  PairsOptions pairs;
  pairs.question.domain = Domain::box(Interval{1.00000001, 1.00000003});
  const Tensor data = Tensor::of({2, 1}, {1.0, 1.0 + 0x1p-23}).to(DType::f32);
  BOOST_CHECK_THROW(pairs_lower_bound(kink_at(1.1), data, pairs), UsageError);
  BOOST_CHECK_THROW(dataset_lower_bound(kink_at(1.1), data, pairs), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut
