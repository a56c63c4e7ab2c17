#include "nn/idx.h"

#include <boost/test/unit_test.hpp>

#include "tests/support/idx_files.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

// What the reader says of these bytes, plain and compressed; it must be a FileError naming the file and all `parts`.
void check_refused(const Bytes& bytes, std::initializer_list<const char*> parts) {
  const Folder folder;
  for (const Bytes& form : {bytes, gzipped(bytes)}) {
    const auto file = folder.write("lying", form);
    BOOST_TEST(failure_of<FileError>([&] { nn::read_idx(file); }, parts) == "");
    BOOST_TEST(failure_of<FileError>([&] { nn::read_idx(file); }, {file.c_str(), "; "}) == "");
  }
}

Bytes without_last(Bytes bytes, std::size_t n) {
  bytes.resize(bytes.size() - n);
  return bytes;
}

std::filesystem::path mnist_folder() { return std::filesystem::path(TAUT_SOURCE_DIR) / "examples/data/mnist"; }

}  // namespace

BOOST_AUTO_TEST_SUITE(idx)

BOOST_AUTO_TEST_CASE(plain_compressed_and_concatenated_files_are_read) {
  const Folder folder;
  const Bytes content = counting(2 * 3 * 4);
  const Bytes whole = idx_bytes({2, 3, 4}, content);
  const Bytes head(whole.begin(), whole.begin() + 9), tail(whole.begin() + 9, whole.end());
  for (const Bytes& form : {whole, gzipped(whole), joined(gzipped(head), gzipped(tail))}) {
    const nn::IdxArray array = nn::read_idx(folder.write("array", form));
    BOOST_TEST(array.shape == (Shape{2, 3, 4}));
    BOOST_TEST(array.bytes == content, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(files_larger_than_a_buffer_are_read) {
  const Folder folder;
  const Bytes content = counting(200'000);
  const Bytes whole = idx_bytes({200'000}, content);
  for (const Bytes& form : {whole, gzipped(whole)})
    BOOST_TEST((nn::read_idx(folder.write("large", form)).bytes == content));
}

BOOST_AUTO_TEST_CASE(an_array_without_entries_is_an_array) {
  const Folder folder;
  BOOST_TEST(nn::read_idx(folder.write("none", idx_bytes({0, 28, 28}, {}))).shape == (Shape{0, 28, 28}));
}

BOOST_AUTO_TEST_CASE(every_field_is_checked) {
  check_refused({}, {"magic number", "ends after 0"});
  check_refused({0, 0, 8}, {"magic number", "ends after 3"});
  check_refused({1, 0, 8, 1, 0, 0, 0, 0}, {"two zero bytes", "1 and 0"});
  check_refused({0, 7, 8, 1, 0, 0, 0, 0}, {"two zero bytes", "0 and 7"});
  check_refused(idx_bytes({2}, counting(8), 0x0d), {"unsigned bytes", "type 13", "32-bit floats"});
  check_refused(idx_bytes({2}, counting(2), 0x42), {"unsigned bytes", "type 66", "no type of the format"});
  check_refused(idx_bytes({}, counting(1)), {"1 to 8 dimensions", "found 0"});
  check_refused(idx_bytes({1, 1, 1, 1, 1, 1, 1, 1, 1}, counting(1)), {"1 to 8 dimensions", "found 9"});
  check_refused({0, 0, 8, 2, 0, 0, 0, 5, 0, 0}, {"dimension 1", "ends after 2"});
}

BOOST_AUTO_TEST_CASE(dimensions_must_be_those_of_the_content) {
  check_refused(idx_bytes({10}, counting(9)), {"(10)", "announces 10", "ends after 9"});
  check_refused(idx_bytes({10}, counting(11)), {"(10)", "announces 10", "more bytes follow"});
  check_refused(idx_bytes({0}, counting(1)), {"announces 0", "more bytes follow"});
}

BOOST_AUTO_TEST_CASE(absurd_sizes_are_refused_before_anything_is_allocated) {
  // 2^96 entries, and 4 GB: the second could be allocated, but no file of a few bytes holds it.
  check_refused(idx_bytes({0xffffffff, 0xffffffff, 0xffffffff}, counting(9)), {"4294967295", "at most"});
  check_refused(idx_bytes({0xffffffff}, counting(9)), {"4294967295", "at most"});
}

BOOST_AUTO_TEST_CASE(damaged_compression_is_found) {
  const Folder folder;
  const Bytes good = gzipped(idx_bytes({100}, counting(100)));
  const auto refused = [&](const Bytes& bytes, const char* part) {
    return failure_of<FileError>([&] { nn::read_idx(folder.write("damaged.gz", bytes)); }, {"damaged.gz", part});
  };
  BOOST_TEST(refused(without_last(good, 1), "truncated") == "");
  BOOST_TEST(refused(without_last(good, 60), "truncated") == "");
  BOOST_TEST(refused(Bytes(good.begin(), good.begin() + 5), "truncated") == "");
  for (const std::size_t at : {good.size() - 6, good.size() - 2, std::size_t{40}}) {  // checksum, length, content
    Bytes changed = good;
    changed[at] ^= 1U;
    BOOST_TEST(refused(changed, "is damaged") == "");
  }
  BOOST_TEST(refused(joined(good, {1, 2, 3}), "something else follows") == "");
}

BOOST_AUTO_TEST_CASE(missing_files_and_folders_are_named) {
  const Folder folder;
  TAUT_CHECK_THROWS(FileError, nn::read_idx(folder.path() / "nowhere"), "nowhere", "is not there", "check the path");
  TAUT_CHECK_THROWS(FileError, nn::read_idx(folder.path()), "not a regular file");
  TAUT_CHECK_THROWS(FileError, nn::load_mnist(folder.path()), "train-images-idx3-ubyte", "is not there");
}

BOOST_AUTO_TEST_CASE(images_and_labels_must_belong_together) {
  const Folder folder;
  const auto images = folder.write("images", idx_bytes({2, 1, 2}, {0, 51, 102, 255}));
  const auto load = [&](const Bytes& labels) { return nn::load_idx(images, folder.write("labels", labels)); };
  const nn::DataSet data = load(idx_bytes({2}, {9, 0}));
  BOOST_TEST(data.inputs().shape() == (Shape{2, 1, 1, 2}));
  BOOST_TEST(data.inputs().at(1) == static_cast<double>(0.2F));
  BOOST_TEST(data.inputs().at(3) == 1.0);
  BOOST_TEST(data.labels()[0] == 9);
  TAUT_CHECK_THROWS(FileError, load(idx_bytes({3}, {1, 2, 3})), "3 labels", "2 images", "same set");
  TAUT_CHECK_THROWS(FileError, load(idx_bytes({2}, {1, 10})), "label 10", "sample 1", "[0, 10)");
  TAUT_CHECK_THROWS(FileError, load(idx_bytes({2, 1}, {1, 2})), "labels have 1 dimension", "(2, 1)");
  TAUT_CHECK_THROWS(FileError, nn::load_idx(folder.path() / "labels", images), "images have 3 dimensions");
}

BOOST_AUTO_TEST_CASE(mnist_is_what_its_readme_says) {
  const nn::TrainAndTest mnist = nn::load_mnist(mnist_folder());
  BOOST_TEST(mnist.train.inputs().shape() == (Shape{60'000, 1, 28, 28}));
  BOOST_TEST(mnist.test.inputs().shape() == (Shape{10'000, 1, 28, 28}));
  const std::vector<Index> first(mnist.train.labels().begin(), mnist.train.labels().begin() + 5);
  const std::vector<Index> expected{5, 0, 4, 1, 9};
  BOOST_TEST(first == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(another_set_of_that_form_loads_through_the_same_reader) {
  // Fashion-MNIST where Debian's package is installed, else four small files in its place.
  std::filesystem::path source = "/usr/share/datasets/fashion-mnist";
  const Folder folder;
  Index count = 60'000;
  if (!std::filesystem::exists(source / "train-images-idx3-ubyte.gz")) {
    source = folder.path();
    count = 10;
    for (const char* set : {"train", "t10k"}) {
      folder.write(std::string(set) + "-images-idx3-ubyte.gz", gzipped(idx_bytes({10, 28, 28}, Bytes(7840))));
      folder.write(std::string(set) + "-labels-idx1-ubyte", idx_bytes({10}, counting(10)));
    }
  }
  const nn::TrainAndTest data = nn::load_mnist(source, {.dtype = DType::f64});
  BOOST_TEST(data.train.inputs().shape() == (Shape{count, 1, 28, 28}));
  std::vector<Index> per_class(10);
  for (const Index label : data.train.labels()) ++per_class[static_cast<std::size_t>(label)];
  for (const Index n : per_class) BOOST_TEST(n == count / 10);
}

BOOST_AUTO_TEST_SUITE_END()
