// Demands an exception of one class whose text begins with the op in brackets and says what is asked for.
#pragma once

#include <boost/test/unit_test.hpp>
#include <initializer_list>
#include <string>
#include <string_view>

#include "autodiff/error.h"

namespace taut::test {

template <class E, class F>
void expect_error(F&& f, std::initializer_list<std::string_view> parts) {
  try {
    f();
  } catch (const E& error) {
    const std::string text = error.what();
    BOOST_TEST(text.starts_with('['), "names no op in brackets: " << text);
    for (const std::string_view part : parts)
      BOOST_TEST(text.find(part) != std::string::npos, "does not say '" << part << "': " << text);
    return;
  } catch (const std::exception& error) {
    BOOST_ERROR("an exception of another class: " << error.what());
    return;
  }
  BOOST_ERROR("no exception; expected one that says " << *parts.begin());
}

}  // namespace taut::test
