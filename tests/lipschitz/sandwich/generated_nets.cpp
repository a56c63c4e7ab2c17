#include "tests/lipschitz/sandwich/generated_nets.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autodiff/ops.h"

namespace taut::testing {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

Tensor rounded(const Tensor& x, DType dtype) { return x.to(dtype).to(DType::f64).copy(); }

Stage dense_stage(Random& random, const Net& net, Index rows, Index columns) {
  return {
      Kind::dense, rounded(random.normals({rows, columns}), net.dtype), rounded(random.normals({rows}), net.dtype), {}};
}
Stage plain(Kind kind) { return {kind, {}, {}, {}}; }

Tensor product(const Tensor& a, const Tensor& b) {
  const Index m = a.shape()[0], k = a.shape()[1], n = b.shape()[1];
  Tensor c = Tensor::zeros({m, n}, DType::f64);
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) {
      long double sum = 0;
      for (Index l = 0; l < k; ++l) sum += static_cast<long double>(a.at(i * k + l)) * b.at(l * n + j);
      c.mutable_data<double>()[at(i * n + j)] = static_cast<double>(sum);
    }
  return c;
}

// Row i of the result is row order[i], or zero where −1, times a factor. A vector is one column.
Tensor rows_of(const Tensor& x, const std::vector<Index>& order, double factor = 1.0) {
  const Index width = x.size() / x.shape()[0];
  Tensor y = Tensor::zeros(x.shape().with(0, static_cast<Index>(order.size())), DType::f64);
  for (std::size_t i = 0; i < order.size(); ++i)
    for (Index j = 0; j < width && order[i] >= 0; ++j)
      y.mutable_data<double>()[i * at(width) + at(j)] = factor * x.at(order[i] * width + j);
  return y;
}
// The same along the second axis.
Tensor columns_of(const Tensor& x, const std::vector<Index>& order, double factor = 1.0) {
  const Index width = x.size() / (x.shape()[0] * x.shape()[1]), before = x.shape()[1];
  Tensor y = Tensor::zeros(x.shape().with(1, static_cast<Index>(order.size())), DType::f64);
  const auto to = y.mutable_data<double>();
  for (Index r = 0; r < x.shape()[0]; ++r)
    for (std::size_t i = 0; i < order.size(); ++i)
      for (Index j = 0; j < width && order[i] >= 0; ++j)
        to[(at(r) * order.size() + i) * at(width) + at(j)] = factor * x.at((r * before + order[i]) * width + j);
  return y;
}
Tensor times(const Tensor& x, double c) {
  Tensor y = x.copy();
  for (double& e : y.mutable_data<double>()) e *= c;
  return y;
}

Tensor identity(Index n) {
  Tensor y = Tensor::zeros({n, n}, DType::f64);
  for (Index i = 0; i < n; ++i) y.mutable_data<double>()[at(i * (n + 1))] = 1.0;
  return y;
}
std::vector<Index> shuffled(Random& random, Index n) {
  std::vector<Index> order(at(n));
  std::iota(order.begin(), order.end(), Index{0});
  for (Index i = n - 1; i > 0; --i) std::swap(order[at(i)], order[at(random.integer(0, i))]);
  return order;
}
Tensor signed_permutation(Random& random, Index n) {
  Tensor q = rows_of(identity(n), shuffled(random, n));
  for (Index i = 0; i < n; ++i)
    if (random.coin())
      for (Index j = 0; j < n; ++j) q.mutable_data<double>()[at(i * n + j)] *= -1.0;
  return q;
}
Tensor householder(Random& random, Index n) {
  const Tensor v = random.normals({n});
  double square = 0.0;
  for (const double e : v.data<double>()) square += e * e;
  Tensor q = identity(n);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) q.mutable_data<double>()[at(i * n + j)] -= 2.0 * v.at(i) * v.at(j) / square;
  return q;
}

Index width_of(const Stage& s) { return s.weight.shape()[0]; }
bool is_layer(const Stage& s) { return s.kind == Kind::dense || s.kind == Kind::convolution; }

// Places k where stage k is a layer, k + 1 acts entry by entry, and k + 2 is a layer of the same kind.
std::vector<std::size_t> hidden_layers(const Net& net) {
  std::vector<std::size_t> places;
  for (std::size_t k = 0; k + 2 < net.stages.size(); ++k)
    if (is_layer(net.stages[k]) && net.stages[k + 1].elementwise() && net.stages[k + 2].kind == net.stages[k].kind)
      places.push_back(k);
  return places;
}
bool begins_dense(const Net& net) { return net.stages.front().kind == Kind::dense; }

// ---- transformations

// A layer of the main path times c > 0, with all biases behind it.
std::optional<Transformed> scaled_layer(Random& random, const Net& net, double c, bool exact) {
  std::vector<std::size_t> layers;
  for (std::size_t k = 0; k < net.stages.size(); ++k)
    if (is_layer(net.stages[k])) layers.push_back(k);
  const std::size_t chosen = layers[at(random.integer(0, static_cast<Index>(layers.size()) - 1))];
  Transformed t{net, c};
  Stage& layer = t.net.stages[chosen];
  layer.weight = times(layer.weight, c);
  for (std::size_t k = chosen; k < t.net.stages.size(); ++k)
    if (t.net.stages[k].bias.defined()) t.net.stages[k].bias = times(t.net.stages[k].bias, c);
  t.exact = exact;
  // Bounds by layers are multiplied in any case, the function only then.
  t.same_function = net.homogeneous() || chosen + 1 == net.stages.size();
  t.same_points = exact && t.same_function;
  return t;
}
std::optional<Transformed> scaled_by_a_power_of_two(Random& random, const Net& net) {
  return scaled_layer(random, net, random.coin() ? 4.0 : 0.0625, true);
}
std::optional<Transformed> scaled_by_a_number(Random& random, const Net& net) {
  return scaled_layer(random, net, 1.7, false);
}

std::optional<Transformed> permuted_neurons(Random& random, const Net& net) {
  const auto places = hidden_layers(net);
  if (places.empty()) return std::nullopt;
  Transformed t{net};
  for (const std::size_t k : places) {
    Stage &before = t.net.stages[k], &behind = t.net.stages[k + 2];
    const std::vector<Index> order = shuffled(random, width_of(before));
    before.weight = rows_of(before.weight, order);
    before.bias = rows_of(before.bias, order);
    behind.weight = columns_of(behind.weight, order);
  }
  return t;
}

std::optional<Transformed> duplicated_neurons(Random&, const Net& net) {
  const auto places = hidden_layers(net);
  if (places.empty()) return std::nullopt;
  Transformed t{net};
  const std::size_t k = places.front();
  Stage &before = t.net.stages[k], &behind = t.net.stages[k + 2];
  std::vector<Index> twice;
  for (Index i = 0; i < width_of(before); ++i) twice.insert(twice.end(), {i, i});
  before.weight = rows_of(before.weight, twice);
  before.bias = rows_of(before.bias, twice);
  behind.weight = columns_of(behind.weight, twice, 0.5);
  t.other_search = true;
  return t;
}

// Neurons that take nothing and pass nothing on.
std::optional<Transformed> dead_neurons(Random&, const Net& net) {
  const auto places = hidden_layers(net);
  if (places.empty()) return std::nullopt;
  Transformed t{net};
  Stage &before = t.net.stages[places.front()], &behind = t.net.stages[places.front() + 2];
  std::vector<Index> more(at(width_of(before)));
  std::iota(more.begin(), more.end(), Index{0});
  more.insert(more.end(), {-1, -1});
  before.weight = rows_of(before.weight, more);
  before.bias = rows_of(before.bias, more);
  behind.weight = columns_of(behind.weight, more);
  return t;
}

std::optional<Transformed> dead_branch(Random& random, const Net& net) {
  const Index width = width_of(net.stages.back());
  Transformed t{net};
  t.net.stages.push_back({Kind::dead_branch, rounded(random.normals({width, width}), net.dtype), {}, {}});
  return t;
}

std::optional<Transformed> rotated_ends(Random& random, const Net& net, Tensor (*orthogonal)(Random&, Index)) {
  Transformed t{net};
  Stage &first = t.net.stages.front(), &last = t.net.stages.back();
  if (begins_dense(net)) first.weight = rounded(product(first.weight, orthogonal(random, net.inputs())), net.dtype);
  const Tensor q = orthogonal(random, width_of(last));
  last.weight = rounded(product(q, last.weight), net.dtype);
  last.bias = rounded(product(q, last.bias.reshaped({last.bias.size(), 1})), net.dtype).reshaped({last.bias.size()});
  return t;
}
std::optional<Transformed> permuted_ends(Random& random, const Net& net) {
  return rotated_ends(random, net, &signed_permutation);
}
std::optional<Transformed> reflected_ends(Random& random, const Net& net) {
  auto t = rotated_ends(random, net, &householder);
  t->l2_only = true;
  return t;
}

// Relu and leaky relu: a layer times 2 and the next one times 1/2.
std::optional<Transformed> moved_factor(Random&, const Net& net) {
  const auto places = hidden_layers(net);
  if (places.empty() || net.stages[places.front() + 1].kind == Kind::tanh) return std::nullopt;
  Transformed t{net};
  Stage &before = t.net.stages[places.front()], &behind = t.net.stages[places.front() + 2];
  before.weight = times(before.weight, 2.0);
  before.bias = times(before.bias, 2.0);
  behind.weight = times(behind.weight, 0.5);
  return t;
}

// ---- layers in two

std::optional<Transformed> with_layer_before_last(const Net& net, Tensor last, Tensor before) {
  Transformed t{net};
  Stage& stage = t.net.stages.back();
  if (stage.kind != Kind::dense) return std::nullopt;
  stage.weight = std::move(last);
  const Index width = before.shape()[0];
  t.net.stages.insert(t.net.stages.end() - 1, {Kind::dense, std::move(before), Tensor::zeros({width}, DType::f64), {}});
  return t;
}
std::optional<Transformed> split_by_an_identity(Random&, const Net& net) {
  const Tensor& weight = net.stages.back().weight;
  return with_layer_before_last(net, weight, identity(weight.shape()[1]));
}
std::optional<Transformed> split_by_an_orthogonal_layer(Random& random, const Net& net) {
  const Tensor& weight = net.stages.back().weight;
  const Tensor q = signed_permutation(random, weight.shape()[1]);
  Tensor inverse = Tensor::zeros(q.shape(), DType::f64);
  for (Index i = 0; i < q.shape()[0]; ++i)
    for (Index j = 0; j < q.shape()[1]; ++j)
      inverse.mutable_data<double>()[at(j * q.shape()[0] + i)] = q.at(i * q.shape()[1] + j);
  return with_layer_before_last(net, product(weight, inverse), q);
}
// W = A B with an invertible upper triangular A of small whole numbers: B = A⁻¹ W is exact in f64.
std::optional<Transformed> split_by_a_shear(Random& random, const Net& net) {
  const Tensor& weight = net.stages.back().weight;
  if (net.stages.back().kind != Kind::dense || weight.shape()[0] < 2) return std::nullopt;
  const Index m = weight.shape()[0];
  const double shear = static_cast<double>(random.integer(1, 5));
  Tensor a = identity(m), b = identity(m);
  a.mutable_data<double>()[1] = shear;
  b.mutable_data<double>()[1] = -shear;
  Tensor inner = rounded(product(b, weight), net.dtype);
  auto t = with_layer_before_last(net, a, inner);
  t->relation = Relation::not_larger;
  return t;
}

std::optional<Transformed> layer_of_norm_one(Random& random, const Net& net) {
  const Index width = width_of(net.stages.back());
  Transformed t{net};
  t.net.stages.push_back({Kind::dense, signed_permutation(random, width), Tensor::zeros({width}, DType::f64), {}});
  return t;
}

}  // namespace

bool Net::has(Kind kind) const {
  return std::ranges::any_of(stages, [&](const Stage& s) { return s.kind == kind; });
}

Var Net::operator()(const Var& x) const {
  Var y = x;
  const auto constant = [&](const Tensor& t) { return t.defined() ? Var(t.to(dtype)) : Var(); };
  for (const Stage& s : stages) {
    switch (s.kind) {
      case Kind::dense:
        y = taut::dense(y, constant(s.weight), constant(s.bias));
        break;
      case Kind::convolution: {
        Conv2dOptions options;
        options.padding = {1, 1, 1, 1};
        y = conv2d(y, constant(s.weight), constant(s.bias), options);
        break;
      }
      case Kind::residual:
        y = y +
            taut::dense(taut::relu(taut::dense(y, constant(s.weight), constant(s.bias))), constant(s.second), Var());
        break;
      case Kind::relu:
        y = taut::relu(y);
        break;
      case Kind::leaky_relu:
        y = taut::leaky_relu(y, 0.125);
        break;
      case Kind::tanh:
        y = taut::tanh(y);
        break;
      case Kind::group_sort:
        y = taut::group_sort(y, 2);
        break;
      case Kind::max_pool: {
        Pool2dOptions options;
        options.window = {2, 2};
        options.stride = {2, 2};
        y = max_pool2d(y, options);
        break;
      }
      case Kind::flatten:
        y = taut::flatten(y);
        break;
      case Kind::dead_branch: {
        const Index width = s.weight.shape()[0];
        const Var inside = taut::dense(taut::relu(taut::dense(y, constant(s.weight), Var())),
                                       Var(Tensor::zeros({width, width}, dtype)), Var());
        y = y + inside;
        break;
      }
    }
  }
  return y;
}

Net random_net(Random& random, int which) {
  constexpr std::array activations{Kind::relu, Kind::leaky_relu, Kind::tanh, Kind::relu};
  Net net;
  net.dtype = which % 2 == 0 ? DType::f64 : DType::f32;
  const Kind activation = activations[at(which / 2 % 4)];
  const auto two = [&] { return activation == Kind::tanh ? random.integer(2, 5) : Index{2}; };
  switch (which % 5) {
    case 0: {  // two or three layers
      const Index in = two(), hidden = random.integer(3, 7), middle = random.integer(2, 6);
      net.name = "mlp";
      net.input = {1, in};
      net.stages = {dense_stage(random, net, hidden, in), plain(activation), dense_stage(random, net, middle, hidden),
                    plain(activation), dense_stage(random, net, random.integer(1, 3), middle)};
      break;
    }
    case 1: {
      const Index in = random.integer(3, 6), hidden = random.integer(3, 6);
      net.name = "residual";
      net.input = {1, in};
      net.stages = {dense_stage(random, net, hidden, in), plain(activation),
                    Stage{Kind::residual, rounded(random.normals({4, hidden}), net.dtype),
                          rounded(random.normals({4}), net.dtype), rounded(random.normals({hidden, 4}), net.dtype)},
                    plain(activation), dense_stage(random, net, random.integer(2, 3), hidden)};
      break;
    }
    case 2: {
      const Index channels = random.integer(2, 3);
      net.name = "convolution";
      net.input = {1, 1, 4, 4};
      net.stages = {Stage{Kind::convolution,
                          rounded(random.normals({channels, 1, 3, 3}), net.dtype),
                          rounded(random.normals({channels}), net.dtype),
                          {}},
                    plain(activation),
                    Stage{Kind::convolution,
                          rounded(random.normals({2, channels, 3, 3}), net.dtype),
                          rounded(random.normals({2}), net.dtype),
                          {}},
                    plain(Kind::max_pool),
                    plain(Kind::flatten),
                    dense_stage(random, net, 3, 8)};
      break;
    }
    case 3: {
      const Index in = random.integer(2, 4);
      net.name = "group_sort";
      net.input = {1, in};
      net.stages = {dense_stage(random, net, 6, in), plain(Kind::group_sort), dense_stage(random, net, 4, 6),
                    plain(activation), dense_stage(random, net, 2, 4)};
      break;
    }
    default: {
      const Index in = two(), hidden = random.integer(2, 8);
      net.name = "one hidden layer";
      net.input = {1, in};
      net.stages = {dense_stage(random, net, hidden, in), plain(activation),
                    dense_stage(random, net, random.integer(2, 4), hidden)};
      break;
    }
  }
  return net;
}

const std::vector<Transformation>& transformations() {
  static const std::vector<Transformation> all{
      {"a layer times a power of two", &scaled_by_a_power_of_two},
      {"a layer times a number", &scaled_by_a_number},
      {"neurons permuted", &permuted_neurons},
      {"neurons twice, passed on by halves", &duplicated_neurons},
      {"dead neurons", &dead_neurons},
      {"a dead branch", &dead_branch},
      {"signs and order of inputs and outputs", &permuted_ends},
      {"inputs and outputs reflected", &reflected_ends},
      {"a factor moved to the next layer", &moved_factor},
      {"a layer split by an identity", &split_by_an_identity},
      {"a layer split by an orthogonal one", &split_by_an_orthogonal_layer},
      {"a layer split by a shear", &split_by_a_shear},
      {"a layer of norm one", &layer_of_norm_one},
  };
  return all;
}

}  // namespace taut::testing
