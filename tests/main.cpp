// The entry point that every test program shares.
#define BOOST_TEST_MODULE taut
#define BOOST_TEST_NO_MAIN
#include <boost/test/unit_test.hpp>

#include "tests/registrar.h"

namespace {

bool register_cases() {
  boost::unit_test::framework::master_test_suite().p_name.value = "taut";
  for (const taut::test::Registration registration : taut::test::registrations()) registration();
  return true;
}

}  // namespace

int main(int argc, char** argv) { return boost::unit_test::unit_test_main(&register_cases, argc, argv); }
