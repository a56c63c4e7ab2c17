#include "nn/metrics.h"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <sstream>

#include "nn/evaluate.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

BOOST_AUTO_TEST_SUITE(metrics)

BOOST_AUTO_TEST_CASE(top_k_counts_labels_among_the_largest) {
  const double nan = std::nan("");
  const Tensor logits = Tensor::of(Shape{4, 3}, {3.0, 1.0, 2.0,    // label 0 comes first
                                                 0.0, 0.5, 0.0,    // label 2 third: of equal ones the first comes first
                                                 1.0, 1.0, 0.0,    // label 1 second
                                                 0.0, 9.0, nan});  // label 1 second, behind NaN
  const std::vector<Index> labels{0, 2, 1, 1};
  BOOST_TEST(nn::top_k_accuracy(logits, labels, 1) == 0.25);
  BOOST_TEST(nn::top_k_accuracy(logits, labels, 2) == 0.75);
  BOOST_TEST(nn::top_k_accuracy(logits, labels, 3) == 1.0);
}

BOOST_AUTO_TEST_CASE(top_1_is_accuracy) {
  nn::Random random(1);
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor logits = normal_tensor(Shape{200, 5}, random, dtype);
    std::vector<Index> labels;
    for (int i = 0; i < 200; ++i) labels.push_back(random.below(5));
    BOOST_TEST(nn::top_k_accuracy(logits, labels, 1) == static_cast<double>(nn::count_correct(logits, labels)) / 200.0);
  }
}

BOOST_AUTO_TEST_CASE(confusion_of_known_predictions) {
  nn::ConfusionMatrix matrix(3);
  BOOST_TEST(!matrix.accuracy().has_value());
  const Tensor logits = Tensor::of(Shape{4, 3}, {1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 5.0, 4.0});
  matrix.add(logits, std::vector<Index>{0, 0, 1, 1});
  matrix.add(1, 0);
  BOOST_TEST(matrix.samples() == 5);
  BOOST_TEST(matrix.at(0, 0) == 1);
  BOOST_TEST(matrix.at(0, 1) == 1);
  BOOST_TEST(matrix.at(1, 1) == 2);
  BOOST_TEST(matrix.at(1, 0) == 1);
  BOOST_TEST(*matrix.accuracy() == 0.6);
  BOOST_TEST(*matrix.recall(0) == 0.5);
  BOOST_TEST(*matrix.recall(1) == 2.0 / 3.0);
  BOOST_TEST(!matrix.recall(2).has_value());
  BOOST_TEST(*matrix.precision(0) == 0.5);
  BOOST_TEST(*matrix.precision(1) == 2.0 / 3.0);
  BOOST_TEST(!matrix.precision(2).has_value());
  std::ostringstream text;
  text << matrix;
  BOOST_TEST(text.str() ==
             "    label      0      1      2  recall %\n"
             "        0      1      1      0      50.0\n"
             "        1      1      2      0      66.7\n"
             "        2      0      0      0         -\n"
             "precision   50.0   66.7      -      60.0\n");
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  const Tensor logits = Tensor::zeros(Shape{2, 3}, DType::f64);
  const std::vector<Index> one{0}, wrong{0, 3}, right{0, 1};
  TAUT_CHECK_THROWS(ShapeError, nn::top_k_accuracy(logits, one, 1), "[top_k_accuracy]", "(2, 3)", "1 labels");
  TAUT_CHECK_THROWS(DomainError, nn::top_k_accuracy(logits, wrong, 1), "label 3", "[0, 3)");
  TAUT_CHECK_THROWS(UsageError, nn::top_k_accuracy(logits, right, 4), "k must be in [1, 3]", "got 4");
  TAUT_CHECK_THROWS(UsageError, nn::top_k_accuracy(Tensor::zeros(Shape{0, 3}, DType::f64), {}, 1), "at least one");
  TAUT_CHECK_THROWS(UsageError, nn::ConfusionMatrix(0), "[confusion_matrix]", "got 0");
  nn::ConfusionMatrix matrix(3);
  TAUT_CHECK_THROWS(DomainError, matrix.add(logits, wrong), "label 3");
  BOOST_TEST(matrix.samples() == 0);  // all or none
  TAUT_CHECK_THROWS(DomainError, matrix.add(0, -1), "predicted class -1");
  TAUT_CHECK_THROWS(ShapeError, matrix.add(logits, one), "1 labels");
}

BOOST_AUTO_TEST_SUITE_END()
