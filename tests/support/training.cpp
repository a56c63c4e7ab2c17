#include "tests/support/training.h"

#include <algorithm>
#include <cstring>

namespace taut::test {

Tensor normal_tensor(const Shape& shape, nn::Random& random, DType dtype) {
  Tensor tensor = Tensor::zeros(shape, dtype);
  nn::fill_normal(tensor, 0.0, 1.0, random);
  return tensor;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  double worst = a.shape() == b.shape() ? 0.0 : INFINITY;
  for (Index i = 0; i < std::min(a.size(), b.size()); ++i) worst = std::max(worst, std::fabs(a.at(i) - b.at(i)));
  return worst;
}

double largest(const Tensor& a) {
  double worst = 0.0;
  for (Index i = 0; i < a.size(); ++i) worst = std::max(worst, std::fabs(a.at(i)));
  return worst;
}

nn::DataSet two_halves(Index count, std::uint64_t seed, DType dtype) {
  nn::Random random(seed);
  Tensor x = Tensor::zeros(Shape{count, 2}, dtype);
  nn::fill_uniform(x, -1.0, 1.0, random);
  std::vector<Index> labels;
  for (Index i = 0; i < count; ++i) labels.push_back(x.at(2 * i) > x.at(2 * i + 1) ? 1 : 0);
  return nn::DataSet::classification(std::move(x), std::move(labels), 2);
}

nn::DataSet noise_images(Index count, Shape image, Index classes, std::uint64_t seed) {
  nn::Random random(seed);
  Tensor x = normal_tensor(image.inserted(0, count), random, DType::f32);
  std::vector<Index> labels;
  for (Index i = 0; i < count; ++i) labels.push_back(random.below(classes));
  return nn::DataSet::classification(std::move(x), std::move(labels), classes);
}

}  // namespace taut::test
