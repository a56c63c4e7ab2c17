// The same of functions that move, sort, resize and contract: what does not fit is refused by name.
#include "tests/support/bad_call.h"

namespace taut::test {
namespace {

using Indices = std::vector<Index>;
constexpr Index huge = std::numeric_limits<Index>::max();

}  // namespace

BOOST_AUTO_TEST_SUITE(bad_input_of_structure)

BOOST_AUTO_TEST_CASE(slices_and_parts) {
  expect_refusals<ShapeError>({
      {"slice", "down to below -1", [] { (void)slice(zeros({3}), 0, 2, -2, -1); }},
      {"slice", "down from beyond the end", [] { (void)slice(zeros({3}), 0, 3, 0, -1); }},
      {"slice", "up with a negative stride", [] { (void)slice(zeros({3}), 0, 0, 2, -1); }},
      {"slice", "down with a positive stride", [] { (void)slice(zeros({3}), 0, 2, -1, 1); }},
      {"flip", "no axis 1", [] { (void)flip(zeros({3}), 1); }},
      {"split", "too few",
       [] {
         (void)split(zeros({5}), 0, Indices{2, 2});
       }},
      {"split", "too many",
       [] {
         (void)split(zeros({5}), 0, Indices{3, 3});
       }},
      {"split", "negative",
       [] {
         (void)split(zeros({5}), 0, Indices{6, -1});
       }},
      {"split", "an overflow",
       [] {
         (void)split(zeros({5}), 0, Indices{huge, huge, 7});
       }},
      {"split", "no sizes", [] { (void)split(zeros({5}), 0, Indices{}); }},
      {"split", "no axis -2", [] { (void)split(zeros({5}), -2, Indices{5}); }},
      {"split", "uneven parts", [] { (void)split(zeros({5}), 0, 2); }},
      {"split", "no parts", [] { (void)split(zeros({5}), 0, 0); }},
      {"split", "no axis 1 for parts", [] { (void)split(zeros({5}), 1, 5); }},
  });
}

BOOST_AUTO_TEST_CASE(repetitions) {
  expect_refusals<ShapeError>({
      {"pad", "negative edge", [] { (void)pad(zeros({3}), 0, -1, 0, PadMode::edge); }},
      {"pad", "edge of nothing", [] { (void)pad(zeros({0}), 0, 1, 0, PadMode::edge); }},
      {"pad", "reflect as long as the axis", [] { (void)pad(zeros({3}), 0, 3, 0, PadMode::reflect); }},
      {"pad", "reflect of nothing", [] { (void)pad(zeros({0}), 0, 0, 1, PadMode::reflect); }},
      {"pad", "circular longer than the axis", [] { (void)pad(zeros({3}), 0, 0, 4, PadMode::circular); }},
      {"pad", "no axis 2", [] { (void)pad(zeros({3}), 2, 1, 1, PadMode::circular); }},
      {"pad", "absurd", [] { (void)pad(zeros({3}), 0, huge, 0, PadMode::edge); }},
      {"tile", "too few numbers",
       [] {
         (void)tile(zeros({2, 3}), {2});
       }},
      {"tile", "negative",
       [] {
         (void)tile(zeros({2, 3}), {2, -1});
       }},
      {"tile", "absurd",
       [] {
         (void)tile(zeros({2, 3}), {1, huge});
       }},
      {"repeat", "negative", [] { (void)repeat(zeros({3}), 0, -1); }},
      {"repeat", "no axis 1", [] { (void)repeat(zeros({3}), 1, 2); }},
  });
}

BOOST_AUTO_TEST_CASE(along_an_axis) {
  const Tensor matrix = Tensor::zeros({2, 3}, DType::f64);
  expect_refusals<ShapeError>({
      {"matrix_along", "columns",
       [=] {
         (void)matrix_along(zeros({2, 4}), matrix, 1);
       }},
      {"matrix_along", "a vector", [] { (void)matrix_along(zeros({3}), Tensor::zeros({3}, DType::f64), 0); }},
      {"matrix_along", "undefined", [] { (void)matrix_along(zeros({3}), Tensor(), 0); }},
      {"matrix_along", "no axis 1", [=] { (void)matrix_along(zeros({3}), matrix, 1); }},
      {"cumsum", "no axis 1", [] { (void)cumsum(zeros({3}), 1); }},
      {"cumsum", "of a scalar", [] { (void)cumsum(zeros({}), 0); }},
  });
  expect_refusals<NumericError>({
      {"matrix_along", "infinite",
       [] {
         (void)matrix_along(zeros({1}), Tensor::full({1, 1}, DType::f64, std::numeric_limits<double>::infinity()), 0);
       }},
      {"matrix_along", "not finite in f32",
       [] {
         (void)matrix_along(single({1}), Tensor::full({1, 1}, DType::f64, 1e300), 0);
       }},
  });
}

BOOST_AUTO_TEST_CASE(sorting) {
  expect_refusals<ShapeError>({
      {"group_sort", "a group that does not divide",
       [] {
         (void)group_sort(zeros({1, 5}), 2);
       }},
      {"group_sort", "group 0",
       [] {
         (void)group_sort(zeros({1, 4}), 0);
       }},
      {"group_sort", "no axis 1", [] { (void)group_sort(zeros({4}), 2); }},
      {"sort", "no axis 2", [] { (void)sort(zeros({4}), 2); }},
      {"sort", "a scalar", [] { (void)sort(zeros({})); }},
      {"maxmin", "an odd number",
       [] {
         (void)maxmin(zeros({1, 3}));
       }},
      {"maxmin", "no axis 1", [] { (void)maxmin(zeros({4})); }},
      {"top_k", "more than there are", [] { (void)top_k(zeros({3}), 4); }},
      {"top_k", "negative", [] { (void)top_k(zeros({3}), -1); }},
      {"top_k", "no axis 1", [] { (void)top_k(zeros({3}), 1, 1); }},
  });
}

BOOST_AUTO_TEST_CASE(resolutions) {
  expect_refusals<ShapeError>({
      {"resize_nearest", "rank",
       [] {
         (void)resize_nearest(zeros({2, 2}), 4, 4);
       }},
      {"resize_nearest", "height 0",
       [] {
         (void)resize_nearest(zeros({1, 1, 2, 2}), 0, 4);
       }},
      {"resize_nearest", "no pixels",
       [] {
         (void)resize_nearest(zeros({1, 1, 0, 2}), 4, 4);
       }},
      {"resize_bilinear", "rank",
       [] {
         (void)resize_bilinear(zeros({1, 2, 2}), 4, 4);
       }},
      {"resize_bilinear", "negative width",
       [] {
         (void)resize_bilinear(zeros({1, 1, 2, 2}), 4, -4);
       }},
      {"resize_bilinear", "absurd width",
       [] {
         (void)resize_bilinear(zeros({1, 1, 2, 2}), 4, huge);
       }},
      {"pixel_shuffle", "rank",
       [] {
         (void)pixel_shuffle(zeros({4, 2, 2}), 2);
       }},
      {"pixel_shuffle", "channels",
       [] {
         (void)pixel_shuffle(zeros({1, 6, 2, 2}), 2);
       }},
      {"pixel_shuffle", "r 0",
       [] {
         (void)pixel_shuffle(zeros({1, 4, 2, 2}), 0);
       }},
      {"pixel_shuffle", "absurd r",
       [] {
         (void)pixel_shuffle(zeros({1, 4, 2, 2}), huge);
       }},
      {"pixel_unshuffle", "rank",
       [] {
         (void)pixel_unshuffle(zeros({2, 2}), 2);
       }},
      {"pixel_unshuffle", "rows",
       [] {
         (void)pixel_unshuffle(zeros({1, 1, 3, 2}), 2);
       }},
      {"pixel_unshuffle", "columns",
       [] {
         (void)pixel_unshuffle(zeros({1, 1, 2, 3}), 2);
       }},
      {"pixel_unshuffle", "negative r",
       [] {
         (void)pixel_unshuffle(zeros({1, 1, 2, 2}), -1);
       }},
  });
}

BOOST_AUTO_TEST_CASE(sequences) {
  const auto conv = [](const Shape& x, const Shape& kernel, Conv1dOptions options = {}, const Var& bias = Var()) {
    return [=] { (void)conv1d(zeros(x), zeros(kernel), bias, options); };
  };
  const auto back = [](const Shape& y, const Shape& kernel, Conv1dOptions options = {}, std::optional<Index> size = {},
                       const Var& bias = Var()) {
    return [=] { (void)conv_transpose1d(zeros(y), zeros(kernel), bias, options, size); };
  };
  expect_refusals<ShapeError>({
      {"conv1d", "rank of the sequence", conv({1, 1, 1, 4}, {1, 1, 2})},
      {"conv1d", "rank of the kernel", conv({1, 1, 4}, {1, 1, 1, 2})},
      {"conv1d", "channels", conv({1, 3, 4}, {1, 2, 2})},
      {"conv1d", "groups", conv({1, 3, 4}, {2, 1, 2}, {.groups = 2})},
      {"conv1d", "no groups", conv({1, 1, 4}, {1, 1, 2}, {.groups = 0})},
      {"conv1d", "stride 0", conv({1, 1, 4}, {1, 1, 2}, {.stride = 0})},
      {"conv1d", "dilation 0", conv({1, 1, 4}, {1, 1, 2}, {.dilation = 0})},
      {"conv1d", "negative padding", conv({1, 1, 4}, {1, 1, 2}, {.padding = {0, -1}})},
      {"conv1d", "kernel beyond the sequence", conv({1, 1, 2}, {1, 1, 3})},
      {"conv1d", "size of the bias", conv({1, 1, 4}, {2, 1, 2}, {}, zeros({1}))},
      {"conv_transpose1d", "rank of the sequence", back({4, 4}, {1, 1, 2})},
      {"conv_transpose1d", "rank of the kernel", back({1, 1, 4}, {1, 2})},
      {"conv_transpose1d", "channels", back({1, 3, 4}, {1, 2, 2})},
      {"conv_transpose1d", "stride 0", back({1, 1, 4}, {1, 1, 2}, {.stride = 0})},
      {"conv_transpose1d", "a size it cannot come from", back({1, 1, 2}, {1, 1, 2}, {.stride = 2}, 7)},
      {"conv_transpose1d", "size of the bias", back({1, 2, 2}, {2, 1, 2}, {}, {}, zeros({2}))},
  });
  expect_refusals<DTypeError>({
      {"conv1d", "the kernel",
       [] {
         (void)conv1d(zeros({1, 1, 3}), single({1, 1, 2}), Var());
       }},
      {"conv1d", "the bias",
       [] {
         (void)conv1d(zeros({1, 1, 3}), zeros({1, 1, 2}), single({1}));
       }},
      {"conv_transpose1d", "the kernel",
       [] {
         (void)conv_transpose1d(single({1, 1, 3}), zeros({1, 1, 2}), Var());
       }},
  });
  struct Wrong {
    const char* what;
    Shape x;
    Pool1dOptions options;
  };
  for (const auto& [what, x, options] :
       std::vector<Wrong>{{"rank", {1, 1, 4, 4}, {}},
                          {"window 0", {1, 1, 4}, {.window = 0}},
                          {"stride 0", {1, 1, 4}, {.stride = 0}},
                          {"dilation 0", {1, 1, 4}, {.dilation = 0}},
                          {"negative padding", {1, 1, 4}, {.padding = {-1, 0}}},
                          {"window beyond the sequence", {1, 1, 2}, {.window = 3}},
                          {"beyond it by more than rounding up allows", {1, 1, 2}, {.window = 4, .ceil_mode = true}},
                          {"a window in the padding", {1, 1, 4}, {.window = 2, .padding = {2, 0}}}})
    expect_refusals<ShapeError>(
        {{"max_pool1d", what, [x = x, options = options] { (void)max_pool1d(zeros(x), options); }},
         {"avg_pool1d", what, [x = x, options = options] { (void)avg_pool1d(zeros(x), options); }}});
  expect_refusals<ShapeError>({
      {"global_avg_pool", "no space",
       [] {
         (void)global_avg_pool(zeros({2, 3}));
       }},
      {"global_avg_pool", "no positions",
       [] {
         (void)global_avg_pool(zeros({2, 3, 0}));
       }},
      {"global_max_pool", "no space", [] { (void)global_max_pool(zeros({3})); }},
      {"global_max_pool", "no positions",
       [] {
         (void)global_max_pool(zeros({2, 3, 0, 2}));
       }},
  });
}

BOOST_AUTO_TEST_CASE(contractions) {
  const Var x = zeros({2, 3}), y = zeros({3, 4});
  const auto of_two = [=](const char* spec) { return [=] { (void)einsum(spec, x, y); }; };
  const auto of_one = [=](const char* spec) { return [=] { (void)einsum(spec, x); }; };
  expect_refusals<ShapeError>({
      {"einsum", "sizes", of_two("ij,ik->jk")},
      {"einsum", "too many names", of_two("ijk,jk->i")},
      {"einsum", "too few names", of_two("ij,j->i")},
      {"einsum", "an output from nowhere", of_two("ij,jk->il")},
      {"einsum", "twice in the output", of_two("ij,jk->ii")},
      {"einsum", "no letter", of_two("i1,1k->ik")},
      {"einsum", "one operand named, two given", of_two("ij->i")},
      {"einsum", "two named, one given", of_one("ij,jk->ik")},
      {"einsum", "three named", of_two("ij,jk,kl->il")},
      {"einsum", "two arrows", of_one("ij->i->j")},
      {"einsum", "rank of the result",
       [] {
         (void)einsum("abcde,fghij->abcdefghij", zeros({1, 1, 1, 1, 1}), zeros({1, 1, 1, 1, 1}));
       }},
      {"matmul", "batches that do not broadcast",
       [] {
         (void)matmul(zeros({2, 1, 2, 3}), zeros({3, 2, 3, 2}));
       }},
  });
  expect_refusals<UnsupportedError>({
      {"einsum", "a trace",
       [] {
         (void)einsum("ii->", zeros({2, 2}));
       }},
      {"einsum", "a diagonal", of_two("ii,ij->j")},
      {"einsum", "an ellipsis", of_two("...j,jk->...k")},
      {"einsum", "an implicit output", of_two("ij,jk")},
  });
  expect_refusals<DTypeError>({
      {"einsum", "f64 and f32",
       [=] {
         (void)einsum("ij,jk->ik", x, single({3, 4}));
       }},
      {"matmul", "in batches",
       [] {
         (void)matmul(zeros({2, 2, 2}), single({2, 2}));
       }},
  });
}

BOOST_AUTO_TEST_CASE(undefined_operands) {
  const Var x = zeros({2, 2}), sequence = zeros({1, 1, 3});
  expect_refusals<UsageError>({
      {"flip", "", [] { (void)flip(nothing(), 0); }},
      {"split", "sizes", [] { (void)split(nothing(), 0, Indices{1}); }},
      {"split", "parts", [] { (void)split(nothing(), 0, 1); }},
      {"pad", "", [] { (void)pad(nothing(), 0, 1, 1, PadMode::edge); }},
      {"tile", "", [] { (void)tile(nothing(), {1}); }},
      {"repeat", "", [] { (void)repeat(nothing(), 0, 1); }},
      {"matrix_along", "",
       [] {
         (void)matrix_along(nothing(), Tensor::zeros({1, 1}, DType::f64), 0);
       }},
      {"cumsum", "", [] { (void)cumsum(nothing(), 0); }},
      {"group_sort", "", [] { (void)group_sort(nothing(), 1); }},
      {"sort", "", [] { (void)sort(nothing()); }},
      {"maxmin", "", [] { (void)maxmin(nothing()); }},
      {"top_k", "", [] { (void)top_k(nothing(), 1); }},
      {"resize_nearest", "", [] { (void)resize_nearest(nothing(), 1, 1); }},
      {"resize_bilinear", "", [] { (void)resize_bilinear(nothing(), 1, 1); }},
      {"pixel_shuffle", "", [] { (void)pixel_shuffle(nothing(), 1); }},
      {"pixel_unshuffle", "", [] { (void)pixel_unshuffle(nothing(), 1); }},
      {"conv1d", "sequence", [=] { (void)conv1d(nothing(), sequence, Var()); }},
      {"conv1d", "kernel", [=] { (void)conv1d(sequence, nothing(), Var()); }},
      {"conv_transpose1d", "kernel", [=] { (void)conv_transpose1d(sequence, nothing(), Var()); }},
      {"max_pool1d", "", [] { (void)max_pool1d(nothing(), {}); }},
      {"avg_pool1d", "", [] { (void)avg_pool1d(nothing(), {}); }},
      {"global_avg_pool", "", [] { (void)global_avg_pool(nothing()); }},
      {"global_max_pool", "", [] { (void)global_max_pool(nothing()); }},
      {"einsum", "first", [=] { (void)einsum("ij,jk->ik", nothing(), x); }},
      {"einsum", "second", [=] { (void)einsum("ij,jk->ik", x, nothing()); }},
      {"einsum", "alone", [] { (void)einsum("ij->i", nothing()); }},
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
