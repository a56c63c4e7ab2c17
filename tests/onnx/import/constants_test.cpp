// Constants of files that are no machine numbers: enclosed, or refused where they become attributes.
#include <boost/multiprecision/cpp_int.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "autodiff/error.h"
#include "lipschitz/affine_layers.h"
#include "lipschitz/autolip.h"
#include "lipschitz/search.h"
#include "tests/onnx/import/graphs.h"

namespace taut::test {
namespace {

using Rational = boost::multiprecision::cpp_rational;
using Matrix = std::vector<std::vector<Rational>>;

onnx::Array floats32(const Shape& shape, const std::vector<double>& values) {
  return {Tensor::from<double>(shape, values).to(DType::f32), onnx::ElementType::f32};
}

// ---- Resize, by the definition of ONNX in rational numbers

struct Resizing {
  std::string mode, coordinates;
  Index from, to;
  double scale = 0.0;  // 0: by sizes
  bool exclude_outside = false;
};

Rational floor_of(const Rational& x) {
  using boost::multiprecision::cpp_int;
  const cpp_int p = numerator(x), q = denominator(x);
  cpp_int whole = p / q;
  if (whole * q > p) --whole;
  return whole;
}

Rational place(const Resizing& r, Index i) {
  const Rational scale = r.scale == 0.0 ? Rational(r.to, r.from) : Rational(r.scale), half(1, 2), at(i);
  if (r.coordinates == "half_pixel") return (at + half) / scale - half;
  if (r.coordinates == "pytorch_half_pixel") return r.to > 1 ? Rational((at + half) / scale - half) : Rational(0);
  if (r.coordinates == "half_pixel_symmetric") {
    const Rational adjustment = r.to / (scale * r.from), centre(r.from, 2);
    return centre * (1 - adjustment) + (at + half) / scale - half;
  }
  if (r.coordinates == "align_corners") {
    if (r.to == 1) return 0;
    const Rational length = r.scale == 0.0 ? Rational(r.to) : Rational(scale * r.from);
    return at * (r.from - 1) / (length - 1);
  }
  return at / scale;  // asymmetric
}

Matrix weights(const Resizing& r) {
  Matrix rows(static_cast<std::size_t>(r.to), std::vector<Rational>(static_cast<std::size_t>(r.from), 0));
  for (Index i = 0; i < r.to; ++i) {
    const Rational at = place(r, i), below = floor_of(at), part = at - below, a = Rational(-3, 4);
    const auto first = static_cast<Index>(below);
    std::vector<Rational> w{0, 1 - part, part, 0};
    if (r.mode == "cubic") {
      const auto near = [&](const Rational& t) { return Rational(((a + 2) * t - (a + 3)) * t * t + 1); };
      const auto far = [&](const Rational& t) { return Rational(((a * t - 5 * a) * t + 8 * a) * t - 4 * a); };
      w = {far(1 + part), near(part), near(1 - part), far(2 - part)};
    }
    Rational total = 0;
    const auto inside = [&](Index k) { return std::min(std::max<Index>(first - 1 + k, 0), r.from - 1); };
    const auto counts = [&](Index k) { return !r.exclude_outside || inside(k) == first - 1 + k; };
    for (Index k = 0; k < 4; ++k)
      if (counts(k)) total += w[static_cast<std::size_t>(k)];
    for (Index k = 0; k < 4; ++k)
      if (counts(k))
        rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(inside(k))] +=
            w[static_cast<std::size_t>(k)] / (r.exclude_outside ? total : Rational(1));
  }
  return rows;
}

Rational largest_sum(const Matrix& rows, bool of_columns) {
  Rational largest = 0;
  const std::size_t m = rows.size(), n = rows.front().size();
  for (std::size_t i = 0; i < (of_columns ? n : m); ++i) {
    Rational sum = 0;
    for (std::size_t j = 0; j < (of_columns ? m : n); ++j) sum += abs(of_columns ? rows[j][i] : rows[i][j]);
    largest = std::max(largest, sum);
  }
  return largest;
}

onnx::Model resize_model(const Resizing& r) {
  Constants constants;
  std::vector<std::string> inputs{"x", "", ""};
  if (r.scale == 0.0) {
    constants.emplace_back("sizes", wholes({1, 1, static_cast<double>(r.to)}));
    inputs.emplace_back("sizes");
  } else {
    constants.emplace_back("scales", floats32({3}, {1, 1, r.scale}));
    inputs.back() = "scales";
  }
  return onnx::Model::of(graph({1, 1, r.from},
                               {node("Resize", inputs, "y",
                                     {{"mode", r.mode},
                                      {"coordinate_transformation_mode", r.coordinates},
                                      {"exclude_outside", std::int64_t{r.exclude_outside ? 1 : 0}}})},
                               constants, 13, onnx::ElementType::f32),
                         {}, "resize.onnx");
}

void check_encloses(const Enclosure& bounds, const Rational& truth) {
  BOOST_TEST(bounds.upper.is_certified());
  BOOST_TEST((Rational(bounds.upper.value()) >= truth), bounds);
  BOOST_TEST((Rational(bounds.lower.value()) <= truth), bounds);
  BOOST_TEST((Rational(bounds.upper.value()) <= truth * (1 + Rational(1e-11))), bounds);
  BOOST_TEST((Rational(bounds.lower.value()) >= truth * (1 - Rational(1e-11))), bounds);
}

AutoLipReport bound_of(const onnx::Model& model, std::optional<Interval> box = {}, Norm norm = Norm::l2) {
  AutoLipOptions options;
  options.question.domain = Domain::box_or_reals(box);
  options.question.norm = norm;
  return autolip(model.function(), model.sample(), options);
}

// x (1, 1) of f32 through nodes, with constants of f32.
onnx::Model single_model(std::vector<onnx::GraphNode> nodes, Constants constants) {
  return onnx::Model::of(graph({1, 1}, std::move(nodes), std::move(constants), 13, onnx::ElementType::f32), {},
                         "net.onnx");
}

void check_refused(std::vector<onnx::GraphNode> nodes, Constants constants, const char* why) {
  try {
    single_model(std::move(nodes), std::move(constants));
    BOOST_ERROR("nothing was refused");
  } catch (const Error& error) {
    BOOST_TEST(std::string(error.what()).find(why) != std::string::npos, error.what());
  }
}

// 10 and 3 as stored, and what the file computes of them.
const Constants ten_and_three{{"ten", single(10.0)}, {"three", single(3.0)}};
const onnx::GraphNode third = node("Div", {"ten", "three"}, "p");  // 10/3

BOOST_AUTO_TEST_SUITE(onnx_constants)

BOOST_AUTO_TEST_CASE(resize_has_the_weights_of_its_definition) {
  for (const std::string mode : {"linear", "cubic"})
    for (const std::string coordinates :
         {"half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners", "asymmetric"})
      for (const Resizing& sizes : std::vector<Resizing>{{"", "", 4, 7},
                                                         {"", "", 7, 4},
                                                         {"", "", 3, 10},
                                                         {"", "", 9, 5},
                                                         {"", "", 5, 1},
                                                         {"", "", 1, 4},
                                                         {"", "", 4, 7, 1.75},
                                                         {"", "", 5, 8, static_cast<double>(1.7F)},
                                                         {"", "", 7, 4, static_cast<double>(0.6F)},
                                                         {"", "", 10, 32, static_cast<double>(3.3F)}})
        for (const bool exclude : {false, true}) {
          if (exclude && mode != "cubic") continue;
          const Resizing r{mode, coordinates, sizes.from, sizes.to, sizes.scale, exclude};
          BOOST_TEST_CONTEXT(mode << ", " << coordinates << ", " << r.from << " to " << r.to << ", scale " << r.scale
                                  << ", exclude " << exclude) {
            const onnx::Model model = resize_model(r);
            Tape tape;
            const auto part = affine_part(model.function()(tape.input(model.sample())));
            BOOST_TEST_REQUIRE(part.has_value());
            const Matrix exact = weights(r);
            check_encloses(operator_norm(*part, Norm::l1), largest_sum(exact, true));
            check_encloses(operator_norm(*part, Norm::linf), largest_sum(exact, false));
          }
        }
}

BOOST_AUTO_TEST_CASE(scales_that_were_computed_are_enclosed_or_refused) {
  // 7 / 4 is a number, 7 / 3 is none, and with 10 / 3 it is not decided how many pixels 3 become.
  const auto model = [](Index from, double p, double q) {
    return onnx::Model::of(
        graph({1, 1, from},
              {node("Div", {"p", "q"}, "s"), node("Concat", {"one", "one", "s"}, "scales", {{"axis", std::int64_t{0}}}),
               node("Resize", {"x", "", "scales"}, "y", {{"mode", std::string("linear")}})},
              {{"p", floats32({1}, {p})}, {"q", floats32({1}, {q})}, {"one", floats32({1}, {1})}}, 13,
              onnx::ElementType::f32),
        {}, "net.onnx");
  };
  const auto check = [&](Index from, Index to, double p, double q) {
    Tape tape;
    const onnx::Model m = model(from, p, q);
    const auto part = affine_part(m.function()(tape.input(m.sample())));
    BOOST_TEST_REQUIRE(part.has_value());
    // By a scale p/q, which is not to/from.
    Rational largest = 0;
    for (Index j = 0; j < from; ++j) {
      Rational sum = 0;
      for (Index i = 0; i < to; ++i) {
        const Rational at = Rational(2 * i + 1, 2) * Rational(q) / Rational(p) - Rational(1, 2);
        const Rational below = floor_of(at), part_of = at - below;
        const auto inside = [&](const Rational& k) {
          return std::min(std::max<Index>(static_cast<Index>(k), 0), from - 1);
        };
        if (inside(below) == j) sum += 1 - part_of;
        if (inside(below + 1) == j) sum += part_of;
      }
      largest = std::max(largest, sum);
    }
    check_encloses(operator_norm(*part, Norm::l1), largest);
  };
  check(4, 7, 7, 4);
  check(4, 13, 10, 3);
  BOOST_CHECK_THROW(model(3, 10, 3), UnsupportedError);
}

BOOST_AUTO_TEST_CASE(exponents_that_were_computed_are_enclosed) {
  const auto model = single_model({third, node("Pow", {"x", "p"}, "y")}, ten_and_three);
  const AutoLipReport report = bound_of(model, Interval{1.0, 2.0});
  const double truth = 10.0 / 3.0 * std::pow(2.0, 7.0 / 3.0);
  BOOST_TEST(report.bound.is_certified());
  BOOST_TEST(report.bound.value() >= truth * (1 - 1e-15));
  BOOST_TEST(report.bound.value() <= truth * (1 + 1e-12));
  AscentOptions ascent;
  ascent.evaluations = 200;
  ascent.question.domain = Domain::box(Interval{1.0, 2.0});
  const LowerResult found = ascent_lower_bound(model.function(), model.sample(), ascent);
  BOOST_TEST(found.bound.is_certified());
  BOOST_TEST(found.bound.value() <= truth * (1 + 1e-15));
  BOOST_TEST(found.bound.value() >= truth * (1 - 1e-4));
}

BOOST_AUTO_TEST_CASE(what_is_computed_without_rounding_is_exact) {
  const auto model = single_model({node("Add", {"one", "two"}, "p"), node("Pow", {"x", "p"}, "y")},
                                  {{"one", single(1.0)}, {"two", single(2.0)}});
  const AutoLipReport report = bound_of(model, Interval{-1.0, 2.0});  // x³, of negative numbers too
  BOOST_TEST(report.bound.value() >= 12.0);
  BOOST_TEST(report.bound.value() <= 12.0 * (1 + 1e-12));
}

BOOST_AUTO_TEST_CASE(ends_of_clip_that_were_computed_take_part_as_operands) {
  // 3 · clip(x, 0, 10/3) on a box that ends between 10/3 and its rounding upwards: not linear there.
  const double rounded = static_cast<double>(static_cast<float>(10.0 / 3.0));
  const auto model = single_model({third, node("Clip", {"x", "zero", "p"}, "c"), node("Mul", {"c", "three"}, "y")},
                                  {{"ten", single(10.0)}, {"three", single(3.0)}, {"zero", single(0.0)}});
  const auto three = [](const AutoLipReport& report) {
    return report.bound.is_certified() && std::fabs(report.bound.value() - 3.0) <= 1e-12;
  };
  BOOST_TEST(three(bound_of(model)));
  const Interval beyond{10.0 / 3.0 + 1e-9, 10.0 / 3.0 + 1.0}, below{0.5, 10.0 / 3.0 - 1e-9};
  BOOST_TEST(bound_of(model, beyond).bound.value() == 0.0);
  BOOST_TEST(three(bound_of(model, below)));
  BOOST_TEST(rounded != 10.0 / 3.0);
}

BOOST_AUTO_TEST_CASE(numbers_that_decide_something_are_decided_or_refused) {
  // floor(10/3 · 3): the product of an enclosure of 10/3 with 3 holds 10.
  check_refused({third, node("Mul", {"p", "three"}, "q"), node("Floor", {"q"}, "f"), node("Mul", {"x", "f"}, "y")},
                ten_and_three, "computed within the file");
  // floor(10/3) is decided.
  const auto decided = single_model({third, node("Floor", {"p"}, "f"), node("Mul", {"x", "f"}, "y")}, ten_and_three);
  BOOST_TEST(bound_of(decided).bound.value() == 3.0);
  // 10/3 > 3 is decided, 10/3 · 3 = 10 is not.
  const auto compared = single_model({third, node("Greater", {"p", "three"}, "c"),
                                      node("Where", {"c", "ten", "three"}, "w"), node("Mul", {"x", "w"}, "y")},
                                     ten_and_three);
  BOOST_TEST(bound_of(compared).bound.value() == 10.0);
  check_refused({third, node("Mul", {"p", "three"}, "q"), node("Equal", {"q", "ten"}, "c"),
                 node("Where", {"c", "ten", "three"}, "w"), node("Mul", {"x", "w"}, "y")},
                ten_and_three, "computed within the file");
  // A cast to whole numbers, of 10/3 and of what may be 9.99… or 10.
  const auto cast = single_model({third, node("Cast", {"p"}, "i", {{"to", std::int64_t{7}}}),
                                  node("Cast", {"i"}, "f", {{"to", std::int64_t{1}}}), node("Mul", {"x", "f"}, "y")},
                                 ten_and_three);
  BOOST_TEST(bound_of(cast).bound.value() == 3.0);
  check_refused({third, node("Mul", {"p", "three"}, "q"), node("Cast", {"q"}, "i", {{"to", std::int64_t{7}}}),
                 node("Cast", {"i"}, "f", {{"to", std::int64_t{1}}}), node("Mul", {"x", "f"}, "y")},
                ten_and_three, "computed within the file");
}

BOOST_AUTO_TEST_CASE(products_ranges_and_remainders_of_constants_are_enclosed) {
  // 0.1 · 0.1 · 0.1 as stored in f32, whose product is no f32.
  const double tenth = static_cast<double>(0.1F);
  const Rational exact = Rational(tenth) * Rational(tenth) * Rational(tenth);
  const auto product =
      single_model({node("ReduceProd", {"w"}, "p", {{"keepdims", std::int64_t{0}}}), node("Mul", {"x", "p"}, "y")},
                   {{"w", floats32({3}, {0.1, 0.1, 0.1})}});
  const AutoLipReport of_product = bound_of(product);
  BOOST_TEST(of_product.bound.is_certified());
  BOOST_TEST((Rational(of_product.bound.value()) >= exact));
  BOOST_TEST((Rational(of_product.bound.value()) <= exact * (1 + Rational(1e-14))));
  // 0.1 + 3 · 0.1, the fourth number of a range.
  const auto range =
      single_model({node("Range", {"a", "b", "a"}, "r"),
                    node("Gather", {"r", "three"}, "p", {{"axis", std::int64_t{0}}}), node("Mul", {"x", "p"}, "y")},
                   {{"a", single(0.1)}, {"b", single(1.0)}, {"three", wholes({3})}});
  const AutoLipReport of_range = bound_of(range);
  BOOST_TEST((Rational(of_range.bound.value()) >= 4 * Rational(tenth)));
  BOOST_TEST((Rational(of_range.bound.value()) <= 4 * Rational(tenth) * (1 + Rational(1e-14))));
}

BOOST_AUTO_TEST_CASE(pools_divide_by_the_number_itself) {
  struct Pool {
    std::vector<std::int64_t> pads;
    std::int64_t count, ceil;
    Rational largest;  // column sum
  };
  // Windows of 3 of five numbers, stride 2.
  for (const Pool& pool : std::vector<Pool>{{{0, 0}, 0, 0, Rational(2, 3)},
                                            {{1, 1}, 1, 0, Rational(2, 3)},
                                            {{1, 1}, 0, 0, Rational(5, 6)},
                                            {{0, 1}, 0, 1, Rational(4, 3)},
                                            {{0, 1}, 1, 1, Rational(5, 6)}}) {
    const auto model = onnx::Model::of(graph({1, 1, 5},
                                             {node("AveragePool", {"x"}, "y",
                                                   {{"kernel_shape", std::vector<std::int64_t>{3}},
                                                    {"strides", std::vector<std::int64_t>{2}},
                                                    {"pads", pool.pads},
                                                    {"ceil_mode", pool.ceil},
                                                    {"count_include_pad", pool.count}})},
                                             {}, 13, onnx::ElementType::f32),
                                       {}, "pool.onnx");
    Tape tape;
    const auto part = affine_part(model.function()(tape.input(model.sample())));
    BOOST_TEST_REQUIRE(part.has_value());
    check_encloses(operator_norm(*part, Norm::l1), pool.largest);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut::test
