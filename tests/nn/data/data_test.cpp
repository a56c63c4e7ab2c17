#include "nn/data.h"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <set>

#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

// Sample i is (i, −i) with label i mod 3.
nn::DataSet numbered(Index count) {
  Tensor x = Tensor::zeros(Shape{count, 2}, DType::f32);
  std::vector<Index> labels;
  for (Index i = 0; i < count; ++i) {
    x.mutable_data<float>()[static_cast<std::size_t>(2 * i)] = static_cast<float>(i);
    x.mutable_data<float>()[static_cast<std::size_t>(2 * i + 1)] = static_cast<float>(-i);
    labels.push_back(i % 3);
  }
  return nn::DataSet::classification(std::move(x), std::move(labels), 3);
}

// The samples of an epoch in their order; every batch is checked for labels that belong to its inputs.
std::vector<Index> order_of(nn::DataLoader& loader, Index epoch) {
  std::vector<Index> order;
  for (const nn::Batch& batch : loader.epoch(epoch))
    for (Index i = 0; i < batch.size(); ++i) {
      const auto sample = static_cast<Index>(batch.inputs.at(2 * i));
      BOOST_TEST(batch.inputs.at(2 * i + 1) == -static_cast<double>(sample));
      BOOST_TEST(batch.labels[static_cast<std::size_t>(i)] == sample % 3);
      order.push_back(sample);
    }
  return order;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(data)

BOOST_AUTO_TEST_CASE(an_epoch_shows_every_sample_once) {
  const nn::DataSet data = numbered(103);
  nn::DataLoader loader(data, {.batch_size = 10, .seed = 5});
  BOOST_TEST(loader.batches() == 11);
  BOOST_TEST(loader.samples() == 103);
  for (Index epoch = 0; epoch < 3; ++epoch) {
    const std::vector<Index> order = order_of(loader, epoch);
    BOOST_TEST(order.size() == 103U);
    BOOST_TEST(std::set<Index>(order.begin(), order.end()).size() == 103U);
  }
}

BOOST_AUTO_TEST_CASE(seed_and_epoch_fix_the_order) {
  const nn::DataSet data = numbered(50);
  nn::DataLoader one(data, {.batch_size = 8, .seed = 5}), same(data, {.batch_size = 8, .seed = 5}),
      other(data, {.batch_size = 8, .seed = 6});
  const std::vector<Index> first = order_of(one, 0), second = order_of(one, 1);
  BOOST_TEST((first != second));
  BOOST_TEST((order_of(same, 1) == second));  // without having seen epoch 0
  BOOST_TEST((order_of(one, 0) == first));    // again
  BOOST_TEST((order_of(other, 0) != first));
}

// Each of 5 samples comes first in about a fifth of 2000 epochs: 400 ± 5·√(2000·0.2·0.8).
BOOST_AUTO_TEST_CASE(shuffling_favours_nobody) {
  const nn::DataSet data = numbered(5);
  nn::DataLoader loader(data, {.batch_size = 5});
  std::vector<int> first(5);
  for (Index epoch = 0; epoch < 2000; ++epoch)
    ++first[static_cast<std::size_t>((*loader.epoch(epoch).begin()).inputs.at(0))];
  for (const int count : first) BOOST_TEST(std::abs(count - 400) <= 90);
}

BOOST_AUTO_TEST_CASE(order_is_kept_without_shuffling_and_small_batches_can_be_dropped) {
  const nn::DataSet data = numbered(7);
  nn::DataLoader loader(data, {.batch_size = 3, .shuffle = false, .drop_last = true});
  const std::vector<Index> expected{0, 1, 2, 3, 4, 5};
  BOOST_TEST(order_of(loader, 0) == expected, boost::test_tools::per_element());
  BOOST_TEST(loader.samples() == 6);
}

BOOST_AUTO_TEST_CASE(numbers_that_somebody_keeps_stay_as_they_are) {
  const nn::DataSet data = numbered(6);
  nn::DataLoader loader(data, {.batch_size = 2, .shuffle = false});
  std::vector<Tensor> kept;
  for (const nn::Batch& batch : loader.epoch(0)) kept.push_back(batch.inputs);
  for (std::size_t i = 0; i < kept.size(); ++i) BOOST_TEST(kept[i].at(0) == static_cast<double>(2 * i));
}

BOOST_AUTO_TEST_CASE(targets_go_with_their_inputs) {
  const Tensor x = Tensor::of(Shape{4, 1}, {0.0, 1.0, 2.0, 3.0});
  const Tensor y = Tensor::of(Shape{4, 2}, {0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5});
  const nn::DataSet data = nn::DataSet::regression(x, y);
  nn::DataLoader loader(data, {.batch_size = 3, .seed = 2});
  for (const nn::Batch& batch : loader.epoch(0))
    for (Index i = 0; i < batch.size(); ++i) {
      BOOST_TEST(batch.targets.at(2 * i) == batch.inputs.at(i));
      BOOST_TEST(batch.targets.at(2 * i + 1) == batch.inputs.at(i) + 0.5);
    }
}

BOOST_AUTO_TEST_CASE(the_first_samples_are_a_data_set) {
  const nn::DataSet few = numbered(9).first(4);
  BOOST_TEST(few.size() == 4);
  BOOST_TEST(few.labels().size() == 4U);
  BOOST_TEST(few.inputs().at(6) == 3.0);
  BOOST_TEST(few.first(100).size() == 4);
  TAUT_CHECK_THROWS(UsageError, few.first(0), "at least 1", "got 0");
}

BOOST_AUTO_TEST_CASE(wrong_data_are_refused) {
  const Tensor x = Tensor::zeros(Shape{2, 3}, DType::f64);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  TAUT_CHECK_THROWS(ShapeError, nn::DataSet::classification(x, {0, 1, 0}, 2), "2 inputs", "3 labels");
  TAUT_CHECK_THROWS(DomainError, nn::DataSet::classification(x, {0, 2}, 2), "label 2", "sample 1", "[0, 2)");
  TAUT_CHECK_THROWS(DomainError, nn::DataSet::classification(x, {-1, 0}, 2), "label -1", "sample 0");
  TAUT_CHECK_THROWS(ShapeError, nn::DataSet::classification(Tensor::scalar(1.0), {0}, 2), "axis 0");
  TAUT_CHECK_THROWS(ShapeError, nn::DataSet::regression(x, Tensor::zeros(Shape{3, 1}, DType::f64)), "2 inputs",
                    "3 targets");
  TAUT_CHECK_THROWS(NumericError, nn::DataSet::regression(Tensor::of(Shape{2, 2}, {0.0, 1.0, 2.0, nan}), x), "inputs",
                    "entry 3", "sample 1", "nan");
}

BOOST_AUTO_TEST_CASE(a_loader_needs_samples) {
  const nn::DataSet empty, none = nn::DataSet::classification(Tensor::zeros(Shape{0, 3}, DType::f32), {}, 2);
  TAUT_CHECK_THROWS(UsageError, nn::DataLoader(empty), "empty", "at least one sample");
  TAUT_CHECK_THROWS(UsageError, nn::DataLoader(none), "empty");
  const nn::DataSet data = numbered(3);
  TAUT_CHECK_THROWS(UsageError, nn::DataLoader(data, {.batch_size = 0}), "batch size", "got 0");
  TAUT_CHECK_THROWS(UsageError, nn::DataLoader(data, {.batch_size = 4, .drop_last = true}), "3 samples", "batch of 4");
}

BOOST_AUTO_TEST_SUITE_END()
