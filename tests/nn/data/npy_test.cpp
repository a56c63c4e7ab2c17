#include "nn/npy.h"

#include <boost/test/unit_test.hpp>
#include <cstring>

#include "tests/support/idx_files.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

template <class T>
Bytes numbers(std::initializer_list<T> values, bool big_endian = false) {
  Bytes bytes;
  for (const T value : values) {
    Bytes one(sizeof(T));
    std::memcpy(one.data(), &value, sizeof(T));
    if (big_endian) one = Bytes(one.rbegin(), one.rend());
    bytes = joined(std::move(bytes), one);
  }
  return bytes;
}

Bytes with_header(const std::string& header, const Bytes& content, std::uint8_t version = 1) {
  std::string start = "\x93NUMPY";
  start += {static_cast<char>(version), '\0'};
  for (int k = 0; k < (version == 1 ? 2 : 4); ++k) start += static_cast<char>(header.size() >> (8 * k));
  return joined(bytes_of(start + header), content);
}

// As numpy.save writes it.
Bytes npy(const std::string& type, const std::string& shape, const Bytes& content, std::uint8_t version = 1) {
  return with_header("{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }      \n", content,
                     version);
}

Tensor read(const Bytes& bytes) {
  const Folder folder;
  return nn::read_npy(folder.write("array.npy", bytes));
}

void check_refused(const Bytes& bytes, std::initializer_list<const char*> parts) {
  const Folder folder;
  const auto file = folder.write("lying.npy", bytes);
  BOOST_TEST(failure_of<FileError>([&] { nn::read_npy(file); }, parts) == "");
  BOOST_TEST(failure_of<FileError>([&] { nn::read_npy(file); }, {file.c_str()}) == "");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(npy_files)

BOOST_AUTO_TEST_CASE(numbers_of_every_type_are_read) {
  for (const std::uint8_t version : Bytes{1, 2, 3}) {
    const Tensor floats = read(npy("<f4", "(2, 2)", numbers<float>({1.5F, -2.0F, 0.1F, 3.0F}), version));
    BOOST_TEST(floats.shape() == (Shape{2, 2}));
    BOOST_TEST((floats.dtype() == DType::f32));
    BOOST_TEST(floats.at(2) == static_cast<double>(0.1F));
  }
  const Tensor doubles = read(npy(">f8", "(3,)", numbers<double>({1.5, -2.0, 0.1}, true)));
  BOOST_TEST(doubles.shape() == (Shape{3}));
  BOOST_TEST((doubles.dtype() == DType::f64));
  BOOST_TEST(doubles.at(2) == 0.1);
  const Tensor bytes = read(npy("|u1", "(1, 3)", {0, 51, 255}));
  BOOST_TEST(bytes.at(0) == 0.0);
  BOOST_TEST(bytes.at(1) == static_cast<double>(0.2F));
  BOOST_TEST(bytes.at(2) == 1.0);
  BOOST_TEST(read(npy("<f8", "()", numbers<double>({7.0}))).at(0) == 7.0);
  BOOST_TEST(read(npy("<f8", "(0, 4)", {})).shape() == (Shape{0, 4}));
}

BOOST_AUTO_TEST_CASE(every_field_is_checked) {
  const Bytes content = numbers<float>({1.0F, 2.0F});
  check_refused({}, {"ends after 0"});
  check_refused(bytes_of("no array at all"), {"begins with"});
  check_refused(npy("<f4", "(2,)", content, 4), {"version 4.0"});
  check_refused(npy("<i8", "(1,)", content), {"'<i8'", "astype"});
  check_refused(npy("|O", "(1,)", content), {"'|O'"});
  check_refused(npy("<f4", "(3,)", content), {"12 bytes", "after 8"});
  check_refused(npy("<f4", "(1,)", content), {"bytes follow"});
  check_refused(npy("<f4", "(1000000000, 1000000000)", content), {"a file of this size"});
  check_refused(npy("<f4", "(-2,)", content), {"header"});
  check_refused(npy("<f4", "(1, 1, 1, 1, 1, 1, 1, 1, 2)", content), {"header"});
  check_refused(npy("<f4", "(2,", content), {"header"});
  check_refused(npy("<f4", "(2,)], [", content), {"header"});
  check_refused(with_header("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", content), {"by columns"});
  check_refused(with_header("{'descr': '<f4', 'shape': (1, 2), }", content), {"header"});
  check_refused(with_header("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1, 2), }", content), {"header"});
  check_refused(with_header("", content), {"header"});
  const Bytes huge = bytes_of(std::string_view("\x93NUMPY\x02\x00\xff\xff\xff\x7f", 12));
  check_refused(huge, {"claims"});
}

BOOST_AUTO_TEST_CASE(shapes_beyond_every_memory_are_refused) {
  check_refused(npy("<f8", "(4611686018427387904, 4611686018427387904)", {}), {"4611686018427387904"});
}

BOOST_AUTO_TEST_SUITE_END()
