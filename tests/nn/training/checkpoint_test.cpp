// A training that is cut, saved and read into fresh objects ends with the bits of one that was not.
#include "nn/checkpoint.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <memory>

#include "nn/average.h"
#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/norms.h"
#include "nn/onnx/export.h"
#include "nn/penalty.h"
#include "nn/sequential.h"
#include "nn/spectral_layers.h"
#include "tests/examples/support.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

using MakeOptimiser = std::function<std::unique_ptr<nn::Optimiser>(std::vector<nn::Parameter*>)>;
using Parameters = std::vector<nn::Parameter*>;

const std::vector<std::pair<const char*, MakeOptimiser>> optimisers{
    {"sgd", [](Parameters p) { return std::make_unique<nn::Sgd>(std::move(p)); }},
    {"sgd, momentum",
     [](Parameters p) {
       return std::make_unique<nn::Sgd>(std::move(p), nn::SgdOptions{.learning_rate = 0.02, .momentum = 0.9});
     }},
    {"adam",
     [](Parameters p) { return std::make_unique<nn::Adam>(std::move(p), nn::AdamOptions{.learning_rate = 0.01}); }},
    {"adamw", [](Parameters p) { return std::make_unique<nn::AdamW>(std::move(p)); }},
    {"rms_prop",
     [](Parameters p) {
       return std::make_unique<nn::RmsProp>(std::move(p), nn::RmsPropOptions{.momentum = 0.5, .centred = true});
     }},
    {"lion", [](Parameters p) { return std::make_unique<nn::Lion>(std::move(p)); }},
};
const MakeOptimiser& adam = optimisers[2].second;

// A training with everything that a step can change. `weights` draws what a checkpoint must overwrite.
struct Training {
  explicit Training(const MakeOptimiser& make, std::uint64_t weights = 1, Index hidden = 6, DType dtype = DType::f32)
      : data(two_halves(100, 3, dtype)),
        net(net_of(weights, hidden, dtype)),
        penalty(net, Tensor::zeros(Shape{1, 2}, dtype)) {
    optimiser = make(nn::parameters(net));
    average = std::make_unique<nn::WeightAverage>(nn::parameters(net), 0.9);
    options = {.epochs = 4, .batch_size = 16};
    options.budget.seed = 0xF000000000000001;
    options.penalty = [this](Tape& tape) { return 0.1 * penalty(tape); };
    options.after_step = [this] { average->update(); };
    options.on_batch = [this](const nn::BatchReport& report) {
      optimiser->set_learning_rate(0.99 * optimiser->learning_rate());
      if (cut_at == std::pair{report.epoch, report.batch}) stop.request_stop();
    };
    options.on_epoch = [this](const nn::EpochReport& report) { reports.push_back(report); };
    options.budget.stop = stop.get_token();
    more = penalty.state();
    for (Tensor* const tensor : average->state()) more.push_back(tensor);
  }

  static nn::Sequential net_of(std::uint64_t weights, Index hidden, DType dtype) {
    nn::Random random(weights);
    return {nn::Linear(2, hidden, random, {.dtype = dtype}), nn::BatchNorm1d(hidden, {.dtype = dtype}), nn::ReLU(),
            nn::Dropout(0.3, 5), nn::Linear(hidden, 2, random, {.dtype = dtype})};
  }
  nn::TrainingState state() { return {net, *optimiser, data, options, more, about}; }
  nn::TrainResult run() { return nn::train(net, data, *optimiser, options); }

  nn::DataSet data;
  nn::Sequential net;
  nn::NetPenalty penalty;
  std::unique_ptr<nn::Optimiser> optimiser;
  std::unique_ptr<nn::WeightAverage> average;
  nn::TrainOptions options;
  std::vector<Tensor*> more;
  std::string about = "a test";
  std::stop_source stop;
  std::pair<Index, Index> cut_at{-1, -1};
  std::vector<nn::EpochReport> reports;
};

void check_same(Training& a, Training& b) {
  const auto of_a = nn::parameters(a.net), of_b = nn::parameters(b.net);
  BOOST_TEST_REQUIRE(of_a.size() == of_b.size());
  for (std::size_t i = 0; i < of_a.size(); ++i) BOOST_TEST(same_bits(of_a[i]->value, of_b[i]->value), of_a[i]->name);
  for (std::size_t i = 0; i < a.more.size(); ++i) BOOST_TEST(same_bits(*a.more[i], *b.more[i]), "more " << i);
  BOOST_TEST(a.optimiser->updates() == b.optimiser->updates());
  BOOST_TEST(a.optimiser->learning_rate() == b.optimiser->learning_rate());
}

void check_same(const nn::EpochReport& a, const nn::EpochReport& b) {
  BOOST_TEST(a.epoch == b.epoch);
  BOOST_TEST(a.loss == b.loss);
  BOOST_TEST((a.accuracy == b.accuracy));
}

// A training that was cut in its second epoch and saved.
void save_cut(Training& training, const std::filesystem::path& path) {
  training.cut_at = {1, 2};
  const nn::TrainResult cut = training.run();
  BOOST_TEST_REQUIRE(cut.cut);
  nn::save_checkpoint(path, training.state(), cut.position);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoints)

BOOST_AUTO_TEST_CASE(a_continued_training_has_the_bits_of_an_uninterrupted_one) {
  const Scratch folder;
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto& [name, make] : optimisers)
      // Within an epoch, behind its last batch, and behind the first batch of all.
      for (const auto& [epoch, batch] : {std::pair<Index, Index>{1, 2}, {1, 6}, {0, 0}})
        BOOST_TEST_CONTEXT(name << " in " << dtype << ", cut after epoch " << epoch << ", batch " << batch) {
          Training whole(make, 1, 6, dtype), first(make, 1, 6, dtype), second(make, 2, 6, dtype);
          BOOST_TEST(!whole.run().cut);
          first.cut_at = {epoch, batch};
          const nn::TrainResult cut = first.run();
          BOOST_TEST(cut.cut);
          BOOST_TEST(cut.position.epoch == (batch == 6 ? epoch + 1 : epoch));
          BOOST_TEST(cut.position.batch == (batch == 6 ? 0 : batch + 1));
          nn::save_checkpoint(folder / "net", first.state(), cut.position);

          second.options.start = nn::load_checkpoint(folder / "net", second.state());
          BOOST_TEST((second.options.start == cut.position));
          check_same(first, second);
          const nn::TrainResult rest = second.run();
          BOOST_TEST(!rest.cut);
          check_same(whole, second);
          std::vector<nn::EpochReport> reports = first.reports;
          reports.insert(reports.end(), second.reports.begin(), second.reports.end());
          BOOST_TEST_REQUIRE(reports.size() == whole.reports.size());
          for (std::size_t i = 0; i < reports.size(); ++i) check_same(reports[i], whole.reports[i]);
        }
}

// The vector of a convolution's norm is there after the first step only.
BOOST_AUTO_TEST_CASE(state_that_is_made_by_the_first_step_is_continued_too) {
  const Scratch folder;
  const nn::DataSet data = noise_images(40, Shape{1, 5, 5}, 3, 1);
  struct Images {
    explicit Images(std::uint64_t seed) : random(seed), adam(nn::parameters(net)) {
      options.on_batch = [this](const nn::BatchReport& report) {
        if (report.epoch == 1 && report.batch == cut_at) stop.request_stop();
      };
      options.budget.stop = stop.get_token();
    }
    nn::Random random;
    nn::Sequential net{nn::SpectralConv2d(1, 2, {3, 3}, random), nn::ReLU(), nn::Flatten(), nn::Dropout(0.2),
                       nn::Linear(18, 3, random)};
    nn::Adam adam;
    nn::TrainOptions options{.epochs = 3, .batch_size = 8};
    Index cut_at = -1;
    std::stop_source stop;
  };
  Images whole(1), first(1), second(2);
  nn::train(whole.net, data, whole.adam, whole.options);
  first.cut_at = 2;
  const nn::TrainResult cut = nn::train(first.net, data, first.adam, first.options);
  BOOST_TEST(cut.cut);
  nn::save_checkpoint(folder / "net", {first.net, first.adam, data, first.options}, cut.position);
  BOOST_TEST(nn::parameters(second.net).size() + 1 == nn::parameters(first.net).size());
  second.options.start = nn::load_checkpoint(folder / "net", {second.net, second.adam, data, second.options});
  nn::train(second.net, data, second.adam, second.options);
  const auto of_whole = nn::parameters(whole.net), of_second = nn::parameters(second.net);
  BOOST_TEST_REQUIRE(of_whole.size() == of_second.size());
  for (std::size_t i = 0; i < of_whole.size(); ++i)
    BOOST_TEST(same_bits(of_whole[i]->value, of_second[i]->value), of_whole[i]->name);
}

BOOST_AUTO_TEST_CASE(a_finished_training_is_continued_by_nothing_or_by_more_epochs) {
  const Scratch folder;
  Training finished(adam), longer(adam), same(adam, 2), continued(adam, 2);
  const nn::TrainResult result = finished.run();
  BOOST_TEST((result.position == nn::TrainPosition{.epoch = 4}));
  nn::save_checkpoint(folder / "net", finished.state(), result.position);
  same.options.start = nn::load_checkpoint(folder / "net", same.state());
  BOOST_TEST(same.run().epochs.empty());
  check_same(same, finished);
  longer.options.epochs = continued.options.epochs = 6;
  longer.run();
  continued.options.start = nn::load_checkpoint(folder / "net", continued.state());
  continued.run();
  check_same(longer, continued);
}

BOOST_AUTO_TEST_CASE(equal_trainings_write_equal_files_and_leave_no_others) {
  const Scratch folder;
  Training one(adam), two(adam);
  save_cut(one, folder / "one");
  save_cut(two, folder / "two");
  BOOST_TEST(content_of(folder / "one.state") == content_of(folder / "two.state"));
  BOOST_TEST(nn::exists_checkpoint(folder / "one"));
  BOOST_TEST(!nn::exists_checkpoint(folder / "three"));
  BOOST_TEST(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 4);
}

BOOST_AUTO_TEST_CASE(the_network_beside_the_state_is_for_other_tools) {
  const Scratch folder;
  Training training(adam), other(adam, 2);
  save_cut(training, folder / "net");
  nn::onnx::load_parameters(other.net, folder / "net.onnx");
  const Tensor x = training.data.first(5).inputs();
  BOOST_TEST(same_bits(other.net(x).value(), training.net(x).value()));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused_and_changes_nothing) {
  const Scratch folder;
  Training saved(adam);
  save_cut(saved, folder / "net");
  const auto refused = [&](Training& training, std::initializer_list<const char*> parts) {
    std::vector<Tensor> before;
    for (const nn::Parameter* const p : nn::parameters(training.net)) before.push_back(p->value);
    const std::string failure =
        failure_of<FileError>([&] { nn::load_checkpoint(folder / "net", training.state()); }, parts);
    BOOST_TEST(failure == "");
    BOOST_TEST(training.optimiser->updates() == 0);
    for (std::size_t i = 0; i < before.size(); ++i)
      BOOST_TEST(same_bits(before[i], nn::parameters(training.net)[i]->value));
  };
  Training wider(adam, 2, 7), lion(optimisers[5].second, 2), seed(adam, 2), batch(adam, 2), more(adam, 2),
      data(adam, 2), about(adam, 2), frozen([](Parameters p) {
        p[0]->trained = false;
        return std::make_unique<nn::Adam>(std::move(p));
      });
  refused(wider, {"[checkpoint]", "net.state", "net.0.weight", "(7, 2)", "(6, 2)", "begin anew"});
  refused(lion, {"optimiser 'lion'", "'adam'"});
  seed.options.budget.seed = 2;
  refused(seed, {"seed"});
  batch.options.batch_size = 32;
  refused(batch, {"batch_size '32'", "'16'"});
  more.more.pop_back();
  refused(more, {"tensors", "the file has"});
  data.data = two_halves(99, 3);
  refused(data, {"samples '99'", "'100'"});
  about.about = "another";
  refused(about, {"about 'another'", "'a test'"});
  refused(frozen, {"other parameters"});
  Training doubles(adam, 2, 6, DType::f64);
  refused(doubles, {"f64", "float"});
}

BOOST_AUTO_TEST_CASE(files_that_are_damaged_missing_or_others_are_refused) {
  const Scratch folder;
  Training training(adam);
  save_cut(training, folder / "net");
  TAUT_CHECK_THROWS(FileError, nn::load_checkpoint(folder / "none", training.state()), "none.state", "no such file");
  const std::string whole = content_of(folder / "net.state");
  for (const std::size_t length : {std::size_t{0}, whole.size() / 2, whole.size() - 1}) {
    write(folder / "short.state", whole.substr(0, length));
    TAUT_CHECK_THROWS(FileError, nn::load_checkpoint(folder / "short", training.state()), "short.state");
  }
  std::filesystem::copy_file(folder / "net.onnx", folder / "other.state");
  TAUT_CHECK_THROWS(FileError, nn::load_checkpoint(folder / "other", training.state()), "another ONNX file");
  TAUT_CHECK_THROWS(FileError, nn::save_checkpoint(folder / "no" / "net", training.state(), {}), "cannot be written");
  std::filesystem::create_directories(folder / "taken.state" / "full");
  TAUT_CHECK_THROWS(FileError, nn::save_checkpoint(folder / "taken", training.state(), {}), "[checkpoint]", "replaced");
  training.about = "two\nlines";
  TAUT_CHECK_THROWS(UsageError, nn::save_checkpoint(folder / "net", training.state(), {}), "one line");
  BOOST_TEST(content_of(folder / "net.state") == whole);
}

BOOST_AUTO_TEST_CASE(a_start_outside_of_the_training_is_refused) {
  for (const nn::TrainPosition start : {nn::TrainPosition{.epoch = -1}, nn::TrainPosition{.batch = 7, .seen = 100},
                                        nn::TrainPosition{.batch = 2, .seen = 31}}) {
    Training training(adam);
    training.options.start = start;
    TAUT_CHECK_THROWS(UsageError, training.run(), "[train]", "7 batches of 16", "checkpoint");
  }
  const nn::DataSet data = two_halves(10, 1);
  nn::DataLoader loader(data, {.batch_size = 4});
  TAUT_CHECK_THROWS(UsageError, loader.epoch(0, 4), "3 batches", "batch 4");
}

BOOST_AUTO_TEST_CASE(an_epoch_can_begin_with_a_later_batch) {
  const nn::DataSet data = two_halves(50, 1);
  nn::DataLoader all(data, {.batch_size = 8, .seed = 2}), later(data, {.batch_size = 8, .seed = 2});
  std::vector<Tensor> batches;
  for (const nn::Batch& batch : all.epoch(3)) batches.push_back(batch.inputs.copy());
  for (Index first = 0; first <= all.batches(); ++first) {
    Index number = first;
    for (const nn::Batch& batch : later.epoch(3, first)) {
      BOOST_TEST(batch.number == number);
      BOOST_TEST(same_bits(batch.inputs, batches[static_cast<std::size_t>(number++)]));
    }
    BOOST_TEST(number == all.batches());
  }
}

BOOST_AUTO_TEST_CASE(after_step_sees_the_updated_weights) {
  Training training(adam);
  Index steps = 0;
  training.options.penalty = {};
  training.options.after_step = [&] {
    BOOST_TEST(training.optimiser->updates() == ++steps);
    Tensor& weight = training.net[0].as<nn::Linear>().weight.value;
    weight = Tensor::zeros(weight.shape(), weight.dtype());
  };
  training.run();
  BOOST_TEST(steps == 28);
  BOOST_TEST(largest(training.net[0].as<nn::Linear>().weight.value) == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
