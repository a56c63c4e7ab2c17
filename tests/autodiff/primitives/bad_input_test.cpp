// Every user function refuses operands that do not fit, with an exception of the right class whose text names the
// function.
#include "autodiff/tape.h"
#include "tests/support/bad_call.h"

namespace taut::test {

BOOST_AUTO_TEST_SUITE(bad_input)

BOOST_AUTO_TEST_CASE(elementwise_shapes) {
  expect_refusals<ShapeError>({
      {"add", "(2, 3) and (2)",
       [] {
         (void)add(zeros({2, 3}), zeros({2}));
       }},
      {"sub", "(2) and (3)", [] { (void)sub(zeros({2}), zeros({3})); }},
      {"mul", "(0) and (2)", [] { (void)mul(zeros({0}), zeros({2})); }},
      {"div", "(2, 1, 3) and (2, 2)",
       [] {
         (void)div(zeros({2, 1, 3}), zeros({2, 2}));
       }},
      {"maximum", "(2) and (3)", [] { (void)maximum(zeros({2}), zeros({3})); }},
      {"add", "through an operator", [] { (void)(zeros({2}) + zeros({3})); }},
  });
}

BOOST_AUTO_TEST_CASE(mixed_dtypes) {
  expect_refusals<DTypeError>({
      {"add", "f64 and f32", [] { (void)add(zeros({2}), single({2})); }},
      {"sub", "f32 and f64", [] { (void)sub(single({2}), zeros({2})); }},
      {"mul", "with broadcasting",
       [] {
         (void)mul(zeros({2, 3}), single({3}));
       }},
      {"div", "f64 and f32", [] { (void)div(zeros({2}), single({2})); }},
      {"maximum", "f64 and f32", [] { (void)maximum(zeros({2}), single({})); }},
      {"matmul", "f64 and f32",
       [] {
         (void)matmul(zeros({2, 2}), single({2, 2}));
       }},
      {"dense", "the weight",
       [] {
         (void)dense(zeros({2, 2}), single({2, 2}), Var());
       }},
      {"dense", "the bias",
       [] {
         (void)dense(zeros({2, 2}), zeros({2, 2}), single({2}));
       }},
      {"concat", "the second part",
       [] {
         (void)concat({zeros({2}), single({2})}, 0);
       }},
      {"conv2d", "the kernel",
       [] {
         (void)conv2d(zeros({1, 1, 3, 3}), single({1, 1, 2, 2}), Var());
       }},
      {"conv2d", "the bias",
       [] {
         (void)conv2d(zeros({1, 1, 3, 3}), zeros({1, 1, 2, 2}), single({1}));
       }},
      {"conv_transpose2d", "the kernel",
       [] {
         (void)conv_transpose2d(zeros({1, 1, 3, 3}), single({1, 1, 2, 2}), Var());
       }},
      {"channel_affine", "the scale",
       [] {
         (void)channel_affine(zeros({2, 3}), single({3}), Var());
       }},
  });
}

BOOST_AUTO_TEST_CASE(constants) {
  expect_refusals<NumericError>({
      {"leaky_relu", "NaN", [] { (void)leaky_relu(zeros({2}), nan); }},
      {"scale", "infinity", [] { (void)scale(zeros({2}), std::numeric_limits<double>::infinity()); }},
      {"scale", "not finite in f32", [] { (void)scale(single({2}), 1e300); }},
      {"shift", "NaN", [] { (void)shift(zeros({2}), nan); }},
      {"pad", "NaN", [] { (void)pad(zeros({2}), 0, 1, 1, nan); }},
  });
}

BOOST_AUTO_TEST_CASE(reductions) {
  expect_refusals<ShapeError>({
      {"sum", "no axis 2",
       [] {
         (void)sum(zeros({2, 3}), {2});
       }},
      {"sum", "an axis twice",
       [] {
         (void)sum(zeros({2, 3}), {1, -1});
       }},
      {"mean", "no axis -3",
       [] {
         (void)mean(zeros({2, 3}), {-3});
       }},
      {"mean", "of nothing",
       [] {
         (void)mean(zeros({0, 3}));
       }},
      {"max", "of nothing",
       [] {
         (void)max(zeros({3, 0}), {1});
       }},
      {"max", "no axis 0", [] { (void)max(zeros({}), {0}); }},
      {"logsumexp", "of nothing", [] { (void)logsumexp(zeros({0})); }},
      {"logsumexp", "no axis 5", [] { (void)logsumexp(zeros({2}), {5}); }},
      {"softmax", "a scalar has no axis", [] { (void)softmax(zeros({})); }},
      {"softmax", "no axis 2",
       [] {
         (void)softmax(zeros({2, 2}), 2);
       }},
      {"softmax", "of nothing",
       [] {
         (void)softmax(zeros({2, 0}));
       }},
      {"log_softmax", "no axis -2", [] { (void)log_softmax(zeros({2}), -2); }},
  });
}

BOOST_AUTO_TEST_CASE(products) {
  expect_refusals<ShapeError>({
      {"matmul", "vectors", [] { (void)matmul(zeros({2}), zeros({2})); }},
      {"matmul", "inner sizes",
       [] {
         (void)matmul(zeros({2, 3}), zeros({2, 3}));
       }},
      {"matmul", "inner sizes, transposed",
       [] {
         (void)matmul(zeros({2, 3}), zeros({3, 2}), true);
       }},
      {"matmul", "batches",
       [] {
         (void)matmul(zeros({2, 2, 3}), zeros({3, 3, 2}));
       }},
      {"matmul", "a matrix and a vector",
       [] {
         (void)matmul(zeros({2, 3}), zeros({3}));
       }},
      {"dense", "inputs",
       [] {
         (void)dense(zeros({2, 3}), zeros({4, 2}), Var());
       }},
      {"dense", "rank of the weight",
       [] {
         (void)dense(zeros({2, 3}), zeros({3}), Var());
       }},
      {"dense", "a scalar",
       [] {
         (void)dense(zeros({}), zeros({1, 1}), Var());
       }},
      {"dense", "size of the bias",
       [] {
         (void)dense(zeros({2, 3}), zeros({4, 3}), zeros({3}));
       }},
  });
}

BOOST_AUTO_TEST_CASE(moving_numbers) {
  expect_refusals<ShapeError>({
      {"reshape", "sizes",
       [] {
         (void)reshape(zeros({2, 3}), {5});
       }},
      {"flatten", "a vector", [] { (void)flatten(zeros({3})); }},
      {"permute", "too few axes",
       [] {
         (void)permute(zeros({2, 3}), {0});
       }},
      {"permute", "an axis twice",
       [] {
         (void)permute(zeros({2, 3}), {1, 1});
       }},
      {"permute", "no axis 2",
       [] {
         (void)permute(zeros({2, 3}), {0, 2});
       }},
      {"permute", "too many axes",
       [] {
         (void)permute(zeros({2}), {0, 1, 2, 3, 4, 5, 6, 7, 8});
       }},
      {"transpose", "a vector", [] { (void)transpose(zeros({3})); }},
      {"broadcast_to", "to a smaller one",
       [] {
         (void)broadcast_to(zeros({2, 3}), {3});
       }},
      {"broadcast_to", "3 to 2",
       [] {
         (void)broadcast_to(zeros({3}), {2, 2});
       }},
      {"sum_to", "to a larger one",
       [] {
         (void)sum_to(zeros({3}), {2, 3});
       }},
      {"sum_to", "3 to 2", [] { (void)sum_to(zeros({3}), {2}); }},
      {"slice", "beyond the end", [] { (void)slice(zeros({3}), 0, 0, 4); }},
      {"slice", "backwards", [] { (void)slice(zeros({3}), 0, 2, 1); }},
      {"slice", "from before the start", [] { (void)slice(zeros({3}), 0, -1, 1); }},
      {"slice", "stride 0", [] { (void)slice(zeros({3}), 0, 0, 3, 0); }},
      {"slice", "no axis 1", [] { (void)slice(zeros({3}), 1, 0, 1); }},
      {"pad", "negative", [] { (void)pad(zeros({3}), 0, -1, 0); }},
      {"pad", "no axis 1", [] { (void)pad(zeros({3}), 1, 1, 1); }},
      {"concat", "no parts", [] { (void)concat({}, 0); }},
      {"concat", "ranks",
       [] {
         (void)concat({zeros({2}), zeros({2, 1})}, 0);
       }},
      {"concat", "other sizes",
       [] {
         (void)concat({zeros({2, 2}), zeros({2, 3})}, 0);
       }},
      {"concat", "no axis 1",
       [] {
         (void)concat({zeros({2}), zeros({2})}, 1);
       }},
      {"gather", "index 3",
       [] {
         (void)gather(zeros({3}), 0, std::vector<Index>{0, 3});
       }},
      {"gather", "index -1", [] { (void)gather(zeros({3}), 0, std::vector<Index>{-1}); }},
      {"gather", "no axis 1", [] { (void)gather(zeros({3}), 1, std::vector<Index>{0}); }},
      {"pick", "too few indices",
       [] {
         (void)pick(zeros({3, 2}), std::vector<Index>{0, 1});
       }},
      {"pick", "index 2",
       [] {
         (void)pick(zeros({2, 2}), std::vector<Index>{0, 2});
       }},
      {"pick", "a vector",
       [] {
         (void)pick(zeros({2}), std::vector<Index>{0, 0});
       }},
  });
}

BOOST_AUTO_TEST_CASE(convolutions) {
  const auto conv = [](const Shape& x, const Shape& kernel, Conv2dOptions options = {}, const Var& bias = Var()) {
    return [=] { (void)conv2d(zeros(x), zeros(kernel), bias, options); };
  };
  expect_refusals<ShapeError>({
      {"conv2d", "rank of the image", conv({1, 4, 4}, {1, 1, 2, 2})},
      {"conv2d", "rank of the kernel", conv({1, 1, 4, 4}, {1, 2, 2})},
      {"conv2d", "channels", conv({1, 3, 4, 4}, {1, 2, 2, 2})},
      {"conv2d", "channels innermost batch", conv({3, 4, 4, 1}, {1, 2, 2, 2}, {.layout = Layout::chwn})},
      {"conv2d", "groups do not divide the inputs", conv({1, 3, 4, 4}, {2, 1, 2, 2}, {.groups = 2})},
      {"conv2d", "groups do not divide the outputs", conv({1, 2, 4, 4}, {3, 1, 2, 2}, {.groups = 2})},
      {"conv2d", "no groups", conv({1, 1, 4, 4}, {1, 1, 2, 2}, {.groups = 0})},
      {"conv2d", "stride 0", conv({1, 1, 4, 4}, {1, 1, 2, 2}, {.stride = {0, 1}})},
      {"conv2d", "dilation 0", conv({1, 1, 4, 4}, {1, 1, 2, 2}, {.dilation = {1, 0}})},
      {"conv2d", "negative padding", conv({1, 1, 4, 4}, {1, 1, 2, 2}, {.padding = {0, 0, -1, 0}})},
      {"conv2d", "kernel beyond the image", conv({1, 1, 2, 2}, {1, 1, 3, 3})},
      {"conv2d", "dilated kernel beyond the image", conv({1, 1, 4, 4}, {1, 1, 2, 2}, {.dilation = {4, 1}})},
      {"conv2d", "size of the bias", conv({1, 1, 4, 4}, {2, 1, 2, 2}, {}, zeros({1}))},
      {"conv2d", "an empty kernel", conv({1, 1, 4, 4}, {1, 1, 0, 2})},
  });
  const auto back = [](const Shape& y, const Shape& kernel, Conv2dOptions options = {}, std::vector<Index> size = {},
                       const Var& bias = Var()) {
    return [=] { (void)conv_transpose2d(zeros(y), zeros(kernel), bias, options, size); };
  };
  expect_refusals<ShapeError>({
      {"conv_transpose2d", "rank of the image", back({4, 4}, {1, 1, 2, 2})},
      {"conv_transpose2d", "channels", back({1, 3, 4, 4}, {1, 2, 2, 2})},
      {"conv_transpose2d", "stride 0", back({1, 1, 4, 4}, {1, 1, 2, 2}, {.stride = {0, 1}})},
      {"conv_transpose2d", "a size it cannot come from", back({1, 1, 2, 2}, {1, 1, 2, 2}, {.stride = {2, 2}}, {7, 4})},
      {"conv_transpose2d", "one output size", back({1, 1, 2, 2}, {1, 1, 2, 2}, {}, {3})},
      {"conv_transpose2d", "size of the bias", back({1, 2, 2, 2}, {2, 1, 2, 2}, {}, {}, zeros({2}))},
      {"conv_transpose2d", "groups", back({1, 3, 2, 2}, {3, 1, 2, 2}, {.groups = 2})},
  });
}

BOOST_AUTO_TEST_CASE(pools) {
  struct Wrong {
    const char* what;
    Shape x;
    Pool2dOptions options;
  };
  for (const auto& [what, x, options] :
       std::vector<Wrong>{{"rank", {4, 4}, {}},
                          {"window 0", {1, 1, 4, 4}, {.window = {0, 2}}},
                          {"stride 0", {1, 1, 4, 4}, {.stride = {2, 0}}},
                          {"dilation 0", {1, 1, 4, 4}, {.dilation = {0, 1}}},
                          {"negative padding", {1, 1, 4, 4}, {.padding = {-1, 0, 0, 0}}},
                          {"window beyond the image", {1, 1, 2, 2}, {.window = {3, 3}}}}) {
    expect_refusals<ShapeError>(
        {{"max_pool2d", what, [x = x, options = options] { (void)max_pool2d(zeros(x), options); }},
         {"avg_pool2d", what, [x = x, options = options] { (void)avg_pool2d(zeros(x), options); }}});
  }
  // A window that lies in the padding alone has no largest entry.
  expect_refusals<ShapeError>({{"max_pool2d", "a window in the padding", [] {
                                  (void)max_pool2d(zeros({1, 1, 4, 4}), {.window = {2, 2}, .padding = {2, 0, 0, 0}});
                                }}});
}

BOOST_AUTO_TEST_CASE(normalisation) {
  const Var x = zeros({2, 3}), c = zeros({3});
  expect_refusals<ShapeError>({
      {"channel_affine", "no axis 2", [=] { (void)channel_affine(x, c, c, 2); }},
      {"channel_affine", "size of the scale", [=] { (void)channel_affine(x, zeros({2}), c); }},
      {"channel_affine", "size of the shift", [=] { (void)channel_affine(x, c, zeros({2})); }},
      {"batch_norm", "no axis 2", [=] { (void)batch_norm(x, c, c, c, c, 1e-5, 2); }},
      {"batch_norm", "size of the mean", [=] { (void)batch_norm(x, c, c, zeros({2}), c, 1e-5); }},
      {"batch_norm", "size of gamma", [=] { (void)batch_norm(x, zeros({2}), c, c, c, 1e-5); }},
      {"batch_norm", "statistics of nothing",
       [=] {
         (void)batch_norm_training(zeros({0, 3}), c, c, 1e-5);
       }},
      {"batch_norm", "no axis 2 in training", [=] { (void)batch_norm_training(x, c, c, 1e-5, 2); }},
  });
  expect_refusals<NumericError>({
      {"batch_norm", "negative eps", [=] { (void)batch_norm(x, c, c, c, c, -1.0); }},
      {"batch_norm", "NaN eps in training", [=] { (void)batch_norm_training(x, c, c, nan); }},
  });
}

BOOST_AUTO_TEST_CASE(undefined_operands) {
  const Var x = zeros({2, 2}), image = zeros({1, 1, 3, 3}), kernel = zeros({1, 1, 2, 2});
  const std::vector<Index> indices{0, 1};
  expect_refusals<UsageError>({
      {"exp", "", [] { (void)exp(nothing()); }},
      {"leaky_relu", "", [] { (void)leaky_relu(nothing(), 0.1); }},
      {"scale", "", [] { (void)scale(nothing(), 0.1); }},
      {"shift", "", [] { (void)shift(nothing(), 0.1); }},
      {"add", "first", [=] { (void)add(nothing(), x); }},
      {"mul", "second", [=] { (void)mul(x, nothing()); }},
      {"sum", "", [] { (void)sum(nothing()); }},
      {"mean", "", [] { (void)mean(nothing()); }},
      {"max", "", [] { (void)max(nothing()); }},
      {"logsumexp", "", [] { (void)logsumexp(nothing()); }},
      {"softmax", "", [] { (void)softmax(nothing()); }},
      {"log_softmax", "", [] { (void)log_softmax(nothing()); }},
      {"matmul", "second", [=] { (void)matmul(x, nothing()); }},
      {"dense", "weight", [=] { (void)dense(x, nothing(), Var()); }},
      {"reshape", "", [] { (void)reshape(nothing(), {1}); }},
      {"flatten", "", [] { (void)flatten(nothing()); }},
      {"permute", "", [] { (void)permute(nothing(), {0}); }},
      {"transpose", "", [] { (void)transpose(nothing()); }},
      {"broadcast_to", "", [] { (void)broadcast_to(nothing(), {1}); }},
      {"sum_to", "", [] { (void)sum_to(nothing(), {1}); }},
      {"slice", "", [] { (void)slice(nothing(), 0, 0, 1); }},
      {"pad", "", [] { (void)pad(nothing(), 0, 1, 1); }},
      {"concat", "second",
       [=] {
         (void)concat({x, nothing()}, 0);
       }},
      {"concat", "first",
       [=] {
         (void)concat({nothing(), x}, 0);
       }},
      {"gather", "", [=] { (void)gather(nothing(), 0, indices); }},
      {"pick", "", [=] { (void)pick(nothing(), indices); }},
      {"conv2d", "image", [=] { (void)conv2d(nothing(), kernel, Var()); }},
      {"conv2d", "kernel", [=] { (void)conv2d(image, nothing(), Var()); }},
      {"conv_transpose2d", "kernel", [=] { (void)conv_transpose2d(image, nothing(), Var()); }},
      {"max_pool2d", "", [] { (void)max_pool2d(nothing(), {}); }},
      {"avg_pool2d", "", [] { (void)avg_pool2d(nothing(), {}); }},
      {"channel_affine", "scale", [=] { (void)channel_affine(x, nothing(), Var()); }},
      {"batch_norm", "mean", [=] { (void)batch_norm(x, x, x, nothing(), x, 1e-5); }},
  });
}

// The user's line is part of the text when there is one to name.
BOOST_AUTO_TEST_CASE(errors_name_the_line) {
  Tape tape;
  const Var x = tape.input(Tensor::zeros({2}, DType::f64)), y = tape.input(Tensor::zeros({3}, DType::f64));
  const std::string line = "bad_input_test.cpp:" + std::to_string(__LINE__ + 1);
  expect_error<ShapeError>([&] { (void)(x * y); }, {"[mul]", line, "(2)", "(3)"});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
