#include "autodiff/tensor.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <sstream>
#include <thread>

#include "autodiff/memory.h"
#include "tests/support/expect_error.h"

namespace taut::test {

BOOST_AUTO_TEST_SUITE(tensor)

BOOST_AUTO_TEST_CASE(factories_hold_what_they_are_given) {
  const Tensor a = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  BOOST_TEST(a.dtype() == DType::f32);
  BOOST_TEST(a.shape() == Shape({2, 2}));
  BOOST_TEST(a.at(3) == 4.0);
  BOOST_TEST(a.bytes() == 16U);
  BOOST_TEST(Tensor::full({3}, DType::f64, 0.1).at(2) == 0.1);
  BOOST_TEST(Tensor::full({3}, DType::f32, 0.1).at(2) == static_cast<double>(0.1F));
  BOOST_TEST(Tensor::scalar(2.5).item() == 2.5);
  BOOST_TEST(Tensor::zeros({0, 4}, DType::f64).size() == 0);
  expect_error<ShapeError>([] { (void)Tensor::of<double>({2, 2}, {1, 2, 3}); }, {"(2, 2)", "4", "3"});
}

BOOST_AUTO_TEST_CASE(data_is_aligned_to_64_bytes) {
  for (const Index n : {1, 3, 17, 1000, 100000})
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Tensor t = Tensor::uninitialised({n}, dtype);
      BOOST_TEST(reinterpret_cast<std::uintptr_t>(t.raw()) % 64 == 0U);
    }
}

BOOST_AUTO_TEST_CASE(copies_share_until_written) {
  Tensor a = Tensor::of<double>({3}, {1, 2, 3});
  const Tensor b = a;
  BOOST_TEST(a.raw() == b.raw());
  BOOST_TEST(!a.unique());
  a.mutable_data<double>()[0] = 10;
  BOOST_TEST(a.raw() != b.raw());
  BOOST_TEST(b.at(0) == 1);
  BOOST_TEST(a.at(0) == 10);
  BOOST_TEST(a.at(2) == 3);
  const void* const before = a.raw();
  BOOST_TEST(a.unique());
  a.mutable_data<double>()[1] = 5;
  BOOST_TEST(a.raw() == before);  // nobody else sees it: no copy
}

BOOST_AUTO_TEST_CASE(reshaped_views_share_and_keep_the_storage_alive) {
  Tensor view;
  {
    Tensor a = Tensor::of<double>({2, 3}, {1, 2, 3, 4, 5, 6});
    view = a.reshaped({3, 2});
    BOOST_TEST(view.raw() == a.raw());
    BOOST_TEST(!a.unique());
    a.mutable_data<double>()[0] = 100;
    BOOST_TEST(view.at(0) == 1);
  }
  BOOST_TEST(view.shape() == Shape({3, 2}));
  BOOST_TEST(view.at(5) == 6);
  Tensor again = view.reshaped({6});  // a view of a view
  view = Tensor();
  BOOST_TEST(again.unique());
  again.mutable_data<double>()[5] = 7;
  BOOST_TEST(again.at(5) == 7);
  expect_error<ShapeError>([&] { (void)again.reshaped({5}); }, {"(6)", "(5)"});
}

BOOST_AUTO_TEST_CASE(writing_through_a_view_leaves_the_owner_alone) {
  const Tensor a = Tensor::of<double>({2, 2}, {1, 2, 3, 4});
  Tensor view = a.reshaped({4});
  BOOST_TEST(!view.unique());
  view.mutable_data<double>()[0] = 100;
  BOOST_TEST(a.at(0) == 1);
  BOOST_TEST(view.at(0) == 100);
  BOOST_TEST(view.at(3) == 4);
}

BOOST_AUTO_TEST_CASE(assignment_to_itself_is_harmless) {
  Tensor a = Tensor::of<double>({2}, {1, 2});
  const Tensor& same = a;
  a = same;
  BOOST_TEST(a.at(1) == 2);
  a = a.reshaped({2, 1});
  BOOST_TEST(a.at(1) == 2);
  Tensor moved = std::move(a);
  BOOST_TEST(moved.at(0) == 1);
  BOOST_TEST(moved.unique());
}

BOOST_AUTO_TEST_CASE(conversion_rounds_to_nearest) {
  const Tensor wide = Tensor::of<double>({4}, {0.1, 1e300, -0.0, 1e-60});
  const Tensor narrow = wide.to(DType::f32);
  BOOST_TEST(narrow.at(0) == static_cast<double>(0.1F));
  BOOST_TEST(narrow.at(1) == std::numeric_limits<double>::infinity());
  BOOST_TEST(std::signbit(narrow.at(2)));
  BOOST_TEST(narrow.at(3) == 0.0);
  BOOST_TEST(narrow.to(DType::f64).at(0) == static_cast<double>(0.1F));
  BOOST_TEST(wide.to(DType::f64).raw() == wide.raw());
}

BOOST_AUTO_TEST_CASE(reading_as_another_type_is_refused) {
  Tensor t = Tensor::zeros({2}, DType::f32);
  expect_error<DTypeError>([&] { (void)t.data<double>(); }, {"f32", "f64", "to(DType::f64)"});
  expect_error<DTypeError>([&] { (void)t.mutable_data<double>(); }, {"f32", "f64"});
  expect_error<ShapeError>([&] { (void)t.at(2); }, {"2", "(2)"});
  expect_error<ShapeError>([&] { (void)t.at(-1); }, {"-1"});
  expect_error<ShapeError>([&] { (void)t.item(); }, {"(2)"});
}

BOOST_AUTO_TEST_CASE(undefined_tensors_are_refused) {
  const Tensor nothing;
  BOOST_TEST(!nothing.defined());
  expect_error<UsageError>([&] { (void)nothing.shape(); }, {"undefined"});
  expect_error<UsageError>([&] { (void)nothing.dtype(); }, {"undefined"});
  expect_error<UsageError>([&] { (void)nothing.data<double>(); }, {"undefined"});
  expect_error<UsageError>([&] { (void)nothing.reshaped({1}); }, {"undefined"});
  expect_error<UsageError>([&] { (void)nothing.to(DType::f32); }, {"undefined"});
  expect_error<UsageError>([&] { (void)nothing.copy(); }, {"undefined"});
  const Tensor copy = nothing;  // NOLINT: copies of nothing are nothing
  BOOST_TEST(!copy.defined());
  std::ostringstream text;
  text << nothing;
  BOOST_TEST(text.str() == "undefined tensor");
}

BOOST_AUTO_TEST_CASE(the_first_non_finite_number_is_found) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Index n : {1, 5, 1023, 1024, 1025, 5000}) {
      const Tensor finite = Tensor::full({n}, dtype, 1.0);
      BOOST_TEST(finite.first_non_finite() == -1);
      for (const double bad : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()})
        for (const Index at : {Index{0}, n / 2, n - 1}) {
          Tensor t = finite;
          dispatch(dtype, [&](auto zero) {
            using T = decltype(zero);
            const auto values = t.mutable_data<T>();
            values[static_cast<std::size_t>(at)] = static_cast<T>(bad);
            values[static_cast<std::size_t>(n - 1)] = static_cast<T>(bad);
          });
          BOOST_TEST(t.first_non_finite() == at);
        }
    }
  BOOST_TEST(Tensor::zeros({0}, DType::f64).first_non_finite() == -1);
}

BOOST_AUTO_TEST_CASE(text_shows_type_shape_and_the_first_numbers) {
  std::ostringstream text;
  text << Tensor::of<float>({2}, {1.5F, -2}) << "; " << Tensor::zeros({100}, DType::f64);
  BOOST_TEST(text.str() == "f32 (2) [1.5, -2]; f64 (100) [0, 0, 0, 0, 0, 0, 0, 0, ...]");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(memory_pool)

BOOST_AUTO_TEST_CASE(freed_blocks_are_handed_out_again) {
  { const Tensor warm = Tensor::uninitialised({1000}, DType::f64); }
  const std::size_t before = memory::stats().system_requests;
  for (int i = 0; i < 100; ++i) {
    const Tensor t = Tensor::uninitialised({1000}, DType::f64);
  }
  BOOST_TEST(memory::stats().system_requests == before);
}

BOOST_AUTO_TEST_CASE(live_peak_and_cached_bytes_are_counted) {
  memory::release_cached();
  const std::size_t live = memory::stats().live;
  BOOST_TEST(memory::stats().cached == 0U);
  memory::reset_peak();
  {
    const Tensor a = Tensor::uninitialised({1 << 16}, DType::f64);
    BOOST_TEST(memory::stats().live >= live + a.bytes());
    BOOST_TEST(memory::stats().live <= live + a.bytes() * 9 / 8 + 4096);
  }
  BOOST_TEST(memory::stats().live == live);
  BOOST_TEST(memory::stats().peak >= live + (1U << 19));
  BOOST_TEST(memory::stats().cached >= 1U << 19);
  memory::release_cached();
  BOOST_TEST(memory::stats().cached == 0U);
}

BOOST_AUTO_TEST_CASE(every_size_gets_a_block_that_is_large_enough) {
  // Writing every byte: sanitizers see a block that is too small.
  for (std::size_t bytes = 1; bytes < 70000; bytes = bytes * 9 / 8 + 1) {
    auto* const block = static_cast<unsigned char*>(memory::allocate(bytes));
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(block) % 64 == 0U);
    std::fill_n(block, bytes, static_cast<unsigned char>(0xAB));
    auto* const other = static_cast<unsigned char*>(memory::allocate(bytes));
    BOOST_TEST(block != other);
    memory::deallocate(other, bytes);
    memory::deallocate(block, bytes);
  }
}

BOOST_AUTO_TEST_CASE(a_block_may_be_freed_by_another_thread) {
  Tensor t = Tensor::full({1000}, DType::f64, 1.0);
  std::thread([moved = std::move(t)]() mutable {
    BOOST_CHECK_EQUAL(moved.at(999), 1.0);
    moved = Tensor();
  }).join();
}

BOOST_AUTO_TEST_CASE(impossible_sizes_are_refused) {
  BOOST_CHECK_THROW((void)Tensor::uninitialised({Index{1} << 61}, DType::f64), std::bad_alloc);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
