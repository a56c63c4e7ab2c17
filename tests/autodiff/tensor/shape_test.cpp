#include "autodiff/shape.h"

#include <sstream>
#include <vector>

#include "tests/support/expect_error.h"

namespace taut::test {

BOOST_AUTO_TEST_SUITE(shape)

BOOST_AUTO_TEST_CASE(a_scalar_has_one_element) {
  const Shape scalar;
  BOOST_TEST(scalar.rank() == 0);
  BOOST_TEST(scalar.size() == 1);
  BOOST_TEST(scalar.str() == "()");
  BOOST_TEST(scalar == Shape(std::span<const Index>()));
}

BOOST_AUTO_TEST_CASE(sizes_and_text) {
  const Shape shape{64, 1, 28, 28};
  BOOST_TEST(shape.rank() == 4);
  BOOST_TEST(shape.size() == 50176);
  BOOST_TEST(shape.str() == "(64, 1, 28, 28)");
  std::ostringstream text;
  text << Shape{3};
  BOOST_TEST(text.str() == "(3)");
  BOOST_TEST(shape.product(1, 3) == 28);
  BOOST_TEST(shape.product(2, 2) == 1);
  BOOST_TEST((Shape{2, 0, 3}.size() == 0));
}

BOOST_AUTO_TEST_CASE(equality_is_of_rank_and_sizes) {
  BOOST_TEST((Shape{2, 3} == Shape{2, 3}));
  BOOST_TEST((Shape{2, 3} != Shape{3, 2}));
  BOOST_TEST((Shape{2} != Shape{2, 1}));
  BOOST_TEST((Shape{} != Shape{1}));
}

BOOST_AUTO_TEST_CASE(dimensions_are_replaced_removed_and_put_in) {
  const Shape shape{2, 3, 4};
  BOOST_TEST((shape.with(1, 7) == Shape{2, 7, 4}));
  BOOST_TEST((shape.without(0) == Shape{3, 4}));
  BOOST_TEST((shape.without(2) == Shape{2, 3}));
  BOOST_TEST((shape.inserted(0, 5) == Shape{5, 2, 3, 4}));
  BOOST_TEST((shape.inserted(3, 5) == Shape{2, 3, 4, 5}));
  BOOST_TEST((Shape{}.inserted(0, 5) == Shape{5}));
  expect_error<ShapeError>([] { (void)Shape({1, 1, 1, 1, 1, 1, 1, 1}).inserted(2, 1); }, {"8"});
}

BOOST_AUTO_TEST_CASE(limits) {
  BOOST_TEST((Shape{1, 2, 1, 2, 1, 2, 1, 2}.size() == 16));
  expect_error<ShapeError>([] { (void)Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}); }, {"at most 8", "9"});
  expect_error<ShapeError>([] { (void)Shape({2, -1}); }, {"-1", "0 or more"});
  const Index large = Index{1} << 31;
  BOOST_TEST((Shape{large, large}.size() == Index{1} << 62));
  expect_error<ShapeError>([=] { (void)Shape({large, large, 2}); }, {"2^62"});
  expect_error<ShapeError>([=] { (void)Shape({large, large, large, large}); }, {"2^62"});
  BOOST_TEST((Shape{large, large, large, 0}.size() == 0));
}

BOOST_AUTO_TEST_CASE(axes_count_from_either_end) {
  const Shape shape{2, 3, 4};
  for (int axis = 0; axis < 3; ++axis) {
    BOOST_TEST(shape.axis(axis, "op") == axis);
    BOOST_TEST(shape.axis(axis - 3, "op") == axis);
  }
  expect_error<ShapeError>([&] { (void)shape.axis(3, "some_op"); }, {"[some_op]", "axis 3", "(2, 3, 4)", "-3 to 2"});
  expect_error<ShapeError>([&] { (void)shape.axis(-4, "some_op"); }, {"[some_op]", "axis -4"});
  expect_error<ShapeError>([] { (void)Shape{}.axis(0, "some_op"); }, {"[some_op]", "axis 0"});
}

BOOST_AUTO_TEST_CASE(broadcasting_is_that_of_numpy) {
  struct Case {
    Shape a, b, both;
  };
  for (const auto& [a, b, both] : std::vector<Case>{{{}, {}, {}},
                                                    {{3}, {}, {3}},
                                                    {{2, 3}, {3}, {2, 3}},
                                                    {{2, 1}, {1, 3}, {2, 3}},
                                                    {{5, 1, 4}, {3, 1}, {5, 3, 4}},
                                                    {{0}, {1}, {0}},
                                                    {{2, 0}, {1}, {2, 0}}}) {
    BOOST_TEST(broadcast_shapes(a, b, "op") == both);
    BOOST_TEST(broadcast_shapes(b, a, "op") == both);
  }
  expect_error<ShapeError>([] { (void)broadcast_shapes({2, 3}, {2}, "some_op"); }, {"[some_op]", "(2, 3)", "(2)"});
  expect_error<ShapeError>([] { (void)broadcast_shapes({0}, {2}, "some_op"); }, {"[some_op]", "(0)"});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
