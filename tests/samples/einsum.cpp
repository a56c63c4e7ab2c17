// Samples of einsum and of products of matrices whose batches broadcast: sums over all values of all indices.
#include <map>

#include "autodiff/error.h"
#include "tests/samples/compositions.h"
#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

struct Terms {
  std::vector<std::string> names;  // of the operands' axes
  std::string out;
  std::vector<Shape> shapes;

  std::string spec() const {
    std::string text = names[0];
    for (std::size_t k = 1; k < names.size(); ++k) text = cat(text, ',', names[k]);
    return text + "->" + out;
  }
  std::map<char, Index> sizes() const {
    std::map<char, Index> all;
    for (std::size_t k = 0; k < names.size(); ++k)
      for (std::size_t i = 0; i < names[k].size(); ++i) all[names[k][i]] = shapes[k][static_cast<int>(i)];
    return all;
  }
};

Tensor summed(const Terms& terms, std::span<const Tensor> in) {
  const std::map<char, Index> sizes = terms.sizes();
  std::string inner;
  std::vector<Index> out_dims, inner_dims;
  for (const char c : terms.out) out_dims.push_back(sizes.at(c));
  for (const auto& [name, size] : sizes)
    if (terms.out.find(name) == std::string::npos) {
      inner += name;
      inner_dims.push_back(size);
    }
  return generate(Shape(out_dims), [&](const std::vector<Index>& outer) {
    Real total = 0;
    generate(Shape(inner_dims), [&](const std::vector<Index>& summed_over) {
      const auto value = [&](char name) {
        const std::size_t position = terms.out.find(name);
        return position != std::string::npos ? outer[position] : summed_over[inner.find(name)];
      };
      Real product = 1;
      for (std::size_t k = 0; k < in.size(); ++k) {
        std::vector<Index> index;
        for (const char c : terms.names[k]) index.push_back(value(c));
        product *= at(in[k], index);
      }
      total += product;
      return 0.0;
    });
    return static_cast<double>(total);
  });
}

Sample summing(const Terms& terms) {
  Sample s;
  s.name = terms.spec();
  double scale = 4.0;
  for (const Shape& shape : terms.shapes) {
    s.name = cat(s.name, ' ', shape);
    s.operands.push_back({.shape = shape});
    scale *= static_cast<double>(std::max<Index>(shape.size(), 1));
  }
  s.f = [terms](std::span<const Var> in) {
    return in.size() == 1 ? einsum(terms.spec(), in[0]) : einsum(terms.spec(), in[0], in[1]);
  };
  s.reference = [terms](std::span<const Tensor> in) { return summed(terms, in); };
  s.reference_scale = scale;
  return s;
}

std::vector<Sample> sums() {
  std::vector<Sample> list;
  for (const Terms& terms : std::vector<Terms>{
           {{"ij", "jk"}, "ik", {{2, 3}, {3, 4}}},
           {{"ij", "jk"}, "ki", {{2, 3}, {3, 4}}},
           {{"bij", "bjk"}, "bik", {{2, 2, 3}, {2, 3, 2}}},
           {{"nij", "jk"}, "nik", {{2, 3, 2}, {2, 2}}},
           {{"nhqd", "nkhd"}, "nhqk", {{1, 2, 3, 2}, {1, 2, 2, 2}}},  // scores of attention
           {{"i", "j"}, "ij", {{2}, {3}}},
           {{"i", "i"}, "", {{4}, {4}}},
           {{"bi", "ib"}, "b", {{2, 3}, {3, 2}}},
           {{"ij", "ji"}, "ji", {{2, 3}, {3, 2}}},
           {{"aib", "cbj"}, "jci", {{2, 2, 3}, {2, 3, 2}}},  // a only in the first: summed out
           {{"i", "jk"}, "k", {{2}, {3, 2}}},
           {{"", "ab"}, "ba", {{}, {2, 2}}},
           {{"ij", "jk"}, "ik", {{2, 0}, {0, 3}}},
           {{"ij", "jk"}, "ik", {{0, 2}, {2, 3}}},
           {{"ij"}, "ji", {{2, 3}}},
           {{"ijk"}, "j", {{2, 3, 2}}},
           {{"ijk"}, "ki", {{2, 3, 2}}},
           {{"ij"}, "", {{2, 3}}},
           {{"abcdefgh"}, "hda", {{1, 2, 1, 3, 1, 1, 2, 2}}},
       })
    list.push_back(summing(terms));
  return list;
}

// matmul as the sum over its inner index; axes of length 1 that broadcast are axes of their own.
Sample broadcasting(const Shape& a, const Shape& b, const Terms& terms, bool ta, bool tb, const Shape& out) {
  Sample s;
  s.name = cat(a, ta ? "^T" : "", " by ", b, tb ? "^T" : "");
  s.operands = {{.shape = a}, {.shape = b}};
  s.f = [=](std::span<const Var> in) { return matmul(in[0], in[1], ta, tb); };
  s.reference = [=](std::span<const Tensor> in) { return summed(terms, in).reshaped(out); };
  s.reference_scale = 64.0;
  return s;
}

std::vector<Sample> products() {
  return {
      broadcasting({2, 3, 4}, {4, 2}, {{"bij", "jk"}, "bik", {{2, 3, 4}, {4, 2}}}, false, false, {2, 3, 2}),
      broadcasting({4, 3}, {2, 4, 2}, {{"ji", "bjk"}, "bik", {{4, 3}, {2, 4, 2}}}, true, false, {2, 3, 2}),
      broadcasting({1, 2, 3}, {3, 3, 2}, {{"aij", "bjk"}, "bik", {{1, 2, 3}, {3, 3, 2}}}, false, false, {3, 2, 2}),
      broadcasting({2, 1, 2, 3}, {3, 2, 3}, {{"acij", "bkj"}, "acbik", {{2, 1, 2, 3}, {3, 2, 3}}}, false, true,
                   {2, 3, 2, 2}),
      broadcasting({0, 2, 3}, {3, 2}, {{"bij", "jk"}, "bik", {{0, 2, 3}, {3, 2}}}, false, false, {0, 2, 2}),
      broadcasting({1, 1, 1, 1, 1, 2, 2, 3}, {3, 2},
                   {{"abcdefij", "jk"}, "abcdefik", {{1, 1, 1, 1, 1, 2, 2, 3}, {3, 2}}}, false, false,
                   {1, 1, 1, 1, 1, 2, 2, 2}),
  };
}

const AddComposition added[] = {{"einsum", &sums}, {"matmul", &products}};

}  // namespace
}  // namespace taut::harness
