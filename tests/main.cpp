// The entry point that every test program shares; Boost.Test supplies main().
#define BOOST_TEST_MODULE taut
#include <boost/test/unit_test.hpp>
