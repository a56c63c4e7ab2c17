// Where there are no numbers the constant is 0, at once, and no routine of LAPACK is called with a size of 0, about
// which it would complain on stderr.
#include <lapacke.h>

#include <boost/test/unit_test.hpp>

#include "autodiff/ops.h"
#include "autodiff/tape.h"
#include "lipschitz/sandwich.h"

namespace {
int complaints = 0;
}

// In place of LAPACK's, which prints; the library finds it where it is given away.
extern "C" __attribute__((visibility("default"))) void xerbla_(const char*, const int*, std::size_t) { ++complaints; }

namespace taut {

BOOST_AUTO_TEST_SUITE(empty_results)

BOOST_AUTO_TEST_CASE(complaints_are_noticed) {
  complaints = 0;
  double number = 1.0, value = 0.0, work[8];
  LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'N', 'U', 1, &number, 0, &value, work, 8);  // a leading dimension of 0
  BOOST_TEST(complaints > 0);
}

BOOST_AUTO_TEST_CASE(nothing_has_the_constant_zero) {
  complaints = 0;
  const std::pair<Function, Shape> list[] = {
      {[](const Var& x) { return slice(x, 1, 1, 1); }, {1, 3}},
      {[](const Var& x) { return relu(slice(x, 1, 2, 2)); }, {1, 3}},
      {[](const Var& x) {
         return matmul(slice(x, 2, 0, 0), Var(Tensor::zeros({1, 0, 2}, DType::f64)));
       },
       {1, 2, 3}},
  };
  for (const auto& [f, shape] : list)
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
      SandwichOptions options;
      options.question.norm = norm;
      const Sandwich result = sandwich(f, Tensor::zeros(shape, DType::f64), options);
      BOOST_TEST(result.upper->value() == 0.0);
      BOOST_TEST(result.upper->is_certified());
      BOOST_TEST(result.lower->value() == 0.0);
    }
  BOOST_TEST(complaints == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
