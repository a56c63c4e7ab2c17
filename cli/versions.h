// Versions of Taut and of the libraries below it.
#pragma once

#include <string>

namespace taut::cli {

std::string version();   // of the project in CMakeLists.txt
std::string versions();  // a line each

}  // namespace taut::cli
