// What is made of the table of options besides --help.
#pragma once

#include <string>

namespace taut::cli {

std::string man_page();                            // roff
std::string completion(const std::string& shell);  // "bash" or "zsh"; UsageMistake otherwise

}  // namespace taut::cli
