// Versions of Taut and of the libraries below it.
#pragma once

#include <string>

namespace taut::cli {

std::string version();   // "0.1.0"
std::string versions();  // a line each

}  // namespace taut::cli
