// A Lipschitz rule in a few words of Markdown, as docs/primitives.md shows it.
#pragma once

#include <string>

#include "autodiff/rule.h"

namespace taut::test {

std::string text_of(const Rule& rule);

}  // namespace taut::test
