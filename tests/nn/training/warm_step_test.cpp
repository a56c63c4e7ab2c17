// What a training step costs in memory once it is warm: no request to the system, and a bounded peak.
#include <cblas.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <memory>
#include <new>

#include "autodiff/memory.h"
#include "nn/attention.h"
#include "nn/conv1d.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/norms.h"
#include "nn/optimiser.h"
#include "nn/penalty.h"
#include "nn/resize.h"
#include "nn/sequential.h"
#include "nn/trainer.h"
#include "tests/support/allocation_count.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

struct OneBlasThread {
  OneBlasThread() { openblas_set_num_threads(1); }
};

nn::Sequential small_mlp(nn::Random& random) {
  return nn::Sequential{nn::Flatten(), nn::Linear(64, 32, random), nn::ReLU(), nn::Linear(32, 16, random),
                        nn::Tanh(),    nn::Linear(16, 4, random)};
}

nn::Sequential small_cnn(nn::Random& random) {
  return nn::Sequential{
      nn::Conv2d(1, 4, {3, 3}, random, {.padding = {1, 1, 1, 1}}),
      nn::BatchNorm2d(4),
      nn::ReLU(),
      nn::MaxPool2d(2),
      nn::Residual(nn::Sequential{nn::Conv2d(4, 4, {3, 3}, random, {.padding = {1, 1, 1, 1}}), nn::LeakyReLU(0.1)}),
      nn::AvgPool2d(2),
      nn::Flatten(),
      nn::Linear(16, 4, random)};
}

// Requests to the system's allocator, and blocks that the tensors' pool had to ask for, in steps that follow three warm
// ones.
struct Requests {
  std::size_t allocator = 0, pool = 0;
};

Requests warm_requests(nn::Sequential& net, nn::Optimiser& optimiser, nn::NetPenalty* penalty) {
  const nn::DataSet data = noise_images(64, Shape{1, 8, 8}, 4, 1);
  nn::DataLoader loader(data, {.batch_size = 8});
  nn::set_training(net, true);
  Tape tape;
  Requests requests;
  for (const nn::Batch& batch : loader.epoch(0)) {
    const AllocationCount count;
    const std::size_t before = memory::stats().system_requests;
    Var loss = nn::cross_entropy(net(tape.input(batch.inputs, "x")), batch.labels);
    if (penalty != nullptr) loss = loss + 0.01 * (*penalty)(tape);
    optimiser.step(loss);
    if (batch.number < 3) continue;
    requests.allocator += count.so_far();
    requests.pool += memory::stats().system_requests - before;
  }
  return requests;
}

void check_none(const Requests& requests) {
  BOOST_TEST(requests.pool == 0U);
  if constexpr (counts_allocations)
    BOOST_TEST(requests.allocator == 0U);
  else
    BOOST_TEST_MESSAGE("calls of malloc cannot be counted in this build (sanitizer or not glibc); the pool's were");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(warm_step, *boost::unit_test::fixture<OneBlasThread>())

BOOST_AUTO_TEST_CASE(the_counter_sees_allocations) {
  if constexpr (!counts_allocations) return;
  const AllocationCount count;
  // Volatile, or the compiler removes allocations that nobody uses.
  void* const volatile blocks[] = {std::malloc(1), std::calloc(1, 1), std::aligned_alloc(64, 64)};
  void* const volatile object = ::operator new(1);
  BOOST_TEST(count.so_far() == 4U);
  for (void* const block : blocks) std::free(block);
  ::operator delete(object);
}

BOOST_AUTO_TEST_CASE(mlp_with_adam_allocates_nothing) {
  nn::Random random(1);
  nn::Sequential net = small_mlp(random);
  nn::Adam adam(nn::parameters(net));
  check_none(warm_requests(net, adam, nullptr));
}

BOOST_AUTO_TEST_CASE(cnn_with_momentum_allocates_nothing) {
  nn::Random random(1);
  nn::Sequential net = small_cnn(random);
  nn::Sgd sgd(nn::parameters(net), {.momentum = 0.9, .weight_decay = 1e-4});
  check_none(warm_requests(net, sgd, nullptr));
}

BOOST_AUTO_TEST_CASE(no_optimiser_allocates) {
  nn::Random random(1);
  const auto check = [&](auto make) {
    nn::Sequential net = small_mlp(random);
    const std::unique_ptr<nn::Optimiser> optimiser = make(nn::parameters(net));
    check_none(warm_requests(net, *optimiser, nullptr));
  };
  using Parameters = std::vector<nn::Parameter*>;
  check([](Parameters p) {
    return std::make_unique<nn::Sgd>(std::move(p), nn::SgdOptions{.momentum = 0.9, .nesterov = true});
  });
  check([](Parameters p) { return std::make_unique<nn::AdamW>(std::move(p)); });
  check([](Parameters p) {
    return std::make_unique<nn::RmsProp>(std::move(p), nn::RmsPropOptions{.momentum = 0.9, .centred = true});
  });
  check([](Parameters p) { return std::make_unique<nn::Lion>(std::move(p)); });
}

BOOST_AUTO_TEST_CASE(modules_allocate_nothing) {
  nn::Random random(1);
  const auto check = [](nn::Sequential net, const char* what) {
    nn::Sgd sgd(nn::parameters(net), {.learning_rate = 1e-3});
    BOOST_TEST_CONTEXT(what) { check_none(warm_requests(net, sgd, nullptr)); }
  };
  const auto sequence = [](const Var& x) { return reshape(x, Shape{x.shape()[0], 8, 8}); };
  check({sequence, nn::Conv1d(8, 6, 3, random), nn::GELU(), nn::BatchNorm1d(6), nn::MaxPool1d(2), nn::Flatten(),
         nn::Linear(18, 4, random)},
        "conv1d");
  check({nn::Conv2d(1, 4, {3, 3}, random), nn::GroupNorm(2, 4), nn::SiLU(), nn::InstanceNorm2d(4), nn::PReLU(4),
         nn::Flatten(), nn::Linear(144, 4, random)},
        "group norm, instance norm");
  check({sequence, nn::MultiHeadAttention(8, 2, random, {.causal = true}), nn::Flatten(), nn::Linear(64, 4, random)},
        "attention");
  check({nn::Conv2d(1, 4, {3, 3}, random), nn::MaxMin(), nn::ConvTranspose2d(4, 4, {3, 3}, random), nn::Dropout(),
         nn::GlobalAvgPool(), nn::Flatten()},
        "maxmin, transposed convolution, dropout, global pooling");
  check({nn::Conv2d(1, 4, {3, 3}, random), nn::Upsample(2, nn::Resize::bilinear), nn::GlobalAvgPool(), nn::Flatten()},
        "upsample");
  check({nn::Flatten(), nn::Add{nn::Linear(64, 4, random), nn::Linear(64, 4, random)}}, "add");
  check({nn::Flatten(), nn::Concat{nn::Linear(64, 2, random), nn::Linear(64, 2, random)}, nn::LayerNorm(Shape{4})},
        "concat, layer norm");
  check({sequence, nn::LayerNorm(Shape{8, 8}), nn::L2SelfAttention(8, 2, random), nn::Flatten(),
         nn::Linear(64, 4, random)},
        "l2 attention");
}

BOOST_AUTO_TEST_CASE(penalty_allocates_nothing) {
  nn::Random random(1);
  nn::Sequential net = small_cnn(random);
  nn::NetPenalty penalty(net, Tensor::zeros(Shape{1, 1, 8, 8}, DType::f32));
  nn::Sgd sgd(nn::parameters(net));
  check_none(warm_requests(net, sgd, &penalty));
}

BOOST_AUTO_TEST_CASE(train_allocates_nothing_in_a_later_epoch) {
  nn::Random random(1);
  nn::Sequential net = small_mlp(random);
  nn::Adam adam(nn::parameters(net));
  const nn::DataSet data = noise_images(60, Shape{1, 8, 8}, 4, 1);  // the last batch is smaller
  nn::TrainOptions options{.epochs = 3, .batch_size = 8};
  AllocationCount count;
  std::size_t in_last_epoch = 0;
  options.on_batch = [&](const nn::BatchReport& report) {
    if (report.epoch == 2 && report.batch > 0) in_last_epoch += count.so_far();
    count = AllocationCount();
  };
  nn::train(net, data, adam, options);
  if constexpr (counts_allocations) BOOST_TEST(in_last_epoch == 0U);
}

// Peak ≤ 2 · (parameters + gradients + optimiser state + activations), where activations are the values on the tape.
BOOST_AUTO_TEST_CASE(peak_is_bounded) {
  nn::Random random(1);
  const auto check = [](nn::Sequential& net, const nn::DataSet& data, const char* what) {
    nn::Adam adam(nn::parameters(net));
    std::size_t parameters = 0;
    for (const nn::Parameter* p : nn::parameters(net)) parameters += p->value.bytes();
    const std::size_t data_bytes = data.inputs().bytes();
    nn::DataLoader loader(data, {.batch_size = 64});
    nn::set_training(net, true);
    Tape tape;
    for (const nn::Batch& batch : loader.epoch(0)) {
      memory::reset_peak();
      const Var loss = nn::cross_entropy(net(tape.input(batch.inputs, "x")), batch.labels);
      std::size_t activations = 0;
      for (NodeId id = 0; id < tape.size(); ++id)
        if (tape.node(id).leaf != Leaf::parameter) activations += tape.node(id).value.bytes();
      adam.step(loss);
      const std::size_t needed = parameters + parameters + 2 * parameters + activations;
      const std::size_t peak = memory::stats().peak - data_bytes;
      BOOST_TEST(static_cast<double>(peak) <= 2.0 * static_cast<double>(needed),
                 what << ": peak " << peak << " bytes, needed " << needed);
      BOOST_TEST_MESSAGE(what << ": peak / needed = " << static_cast<double>(peak) / static_cast<double>(needed));
    }
  };
  nn::Sequential mlp{nn::Flatten(), nn::Linear(784, 128, random), nn::ReLU(), nn::Linear(128, 64, random),
                     nn::ReLU(),    nn::Linear(64, 10, random)};
  check(mlp, noise_images(256, Shape{1, 28, 28}, 10, 1), "mlp");
  const Conv2dOptions halving{.stride = {2, 2}};
  nn::Sequential cnn{nn::Conv2d(1, 32, {5, 5}, random, halving),   nn::ReLU(),
                     nn::Conv2d(32, 64, {3, 3}, random, halving),  nn::ReLU(),
                     nn::Conv2d(64, 128, {3, 3}, random, halving), nn::ReLU(),
                     nn::Conv2d(128, 10, {2, 2}, random),          nn::Flatten()};
  check(cnn, noise_images(128, Shape{1, 28, 28}, 10, 1), "cnn");
}

BOOST_AUTO_TEST_SUITE_END()
