#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

Sample moving(const Shape& from, std::function<Var(const Var&)> f, std::function<Tensor(const Tensor&)> exact) {
  Sample s = one_operand(from.str(), {.shape = from}, std::move(f));
  s.reference = [exact = std::move(exact)](std::span<const Tensor> in) { return exact(in[0]); };
  s.reference_ulps = 0;
  return s;
}

Sample reshaping(const Shape& from, const Shape& to) {
  Sample s = moving(
      from, [to](const Var& x) { return reshape(x, to); },
      [to](const Tensor& x) {
        return tensor_of(to, [&] {
          std::vector<double> values;
          for (Index i = 0; i < x.size(); ++i) values.push_back(x.at(i));
          return values;
        }());
      });
  s.name += " to " + to.str();
  return s;
}

Sample permuting(const Shape& from, const std::vector<int>& order) {
  return moving(
      from, [order](const Var& x) { return permute(x, order); },
      [order](const Tensor& x) {
        std::vector<Index> dims;
        for (const int axis : order) dims.push_back(x.shape()[axis]);
        return generate(Shape(std::span<const Index>(dims)), [&](const std::vector<Index>& index) {
          std::vector<Index> source(index.size());
          for (std::size_t i = 0; i < index.size(); ++i) source[static_cast<std::size_t>(order[i])] = index[i];
          return at(x, source);
        });
      });
}

// The index in `small` that a multi-index of `large` broadcasts from.
std::vector<Index> source_index(const Shape& small, const std::vector<Index>& index) {
  std::vector<Index> source(index.end() - small.rank(), index.end());
  for (std::size_t i = 0; i < source.size(); ++i)
    if (small[static_cast<int>(i)] == 1) source[i] = 0;
  return source;
}

struct Broadcast {
  Shape small, large;
};
const std::vector<Broadcast>& broadcasts() {
  static const std::vector<Broadcast> list{{{}, {2, 3}},
                                           {{3}, {2, 3}},
                                           {{2, 1}, {2, 3}},
                                           {{1, 1}, {3, 2}},
                                           {{2, 1, 3}, {2, 2, 2, 3}},
                                           {{1, 3}, {0, 3}},
                                           {{0, 1}, {0, 2}},
                                           {{1, 2, 1, 1, 1, 1, 1, 3}, {1, 2, 1, 2, 1, 2, 1, 3}}};
  return list;
}

}  // namespace

template <>
std::vector<Sample> samples<Reshape>() {
  return {reshaping({2, 6}, {2, 3, 2}), reshaping({2, 3, 2}, {2, 6}), reshaping({2, 3}, {3, 2}),
          reshaping({6}, {6, 1}),       reshaping({1}, {}),           reshaping({0, 4}, {2, 0}),
          reshaping({12}, rank_8()),    reshaping(rank_8(), {2, 6})};
}

template <>
std::vector<Sample> samples<Permute>() {
  return {permuting({2, 3}, {1, 0}),       permuting({2, 3, 4}, {2, 0, 1}),
          permuting({2, 3, 2}, {0, 2, 1}), permuting({5}, {0}),
          permuting({18, 17}, {1, 0}),     permuting({}, {}),
          permuting({0, 3}, {1, 0}),       permuting(rank_8(), {6, 1, 0, 7, 3, 5, 2, 4})};
}

template <>
std::vector<Sample> samples<BroadcastTo>() {
  std::vector<Sample> list;
  for (const auto& [small, large] : broadcasts()) {
    const auto exact = [small = small, large = large](const Tensor& x) {
      return generate(large, [&](const std::vector<Index>& index) { return at(x, source_index(small, index)); });
    };
    list.push_back(moving(
        small, [large = large](const Var& x) { return broadcast_to(x, large); }, exact));
    list.back().name += " to " + large.str();
  }
  return list;
}

template <>
std::vector<Sample> samples<SumTo>() {
  std::vector<Sample> list;
  for (const auto& [small, large] : broadcasts()) {
    const auto exact = [small = small](const Tensor& x) {
      return generate(small, [&](const std::vector<Index>& group) {
        Real total = 0;
        generate(x.shape(), [&](const std::vector<Index>& index) {
          if (source_index(small, index) == group) total += at(x, index);
          return 0.0;
        });
        return static_cast<double>(total);
      });
    };
    Sample s = moving(
        large, [small = small](const Var& x) { return sum_to(x, small); }, exact);
    s.name += " to " + small.str();
    s.reference_ulps = 1;
    s.reference_scale = 2.0 * static_cast<double>(large.size());
    list.push_back(std::move(s));
  }
  return list;
}

}  // namespace taut::harness
