// The page that --report writes.
#pragma once

#include <string>

#include "cli/analysis.h"

namespace taut::cli {

// One HTML page that needs nothing from elsewhere.
std::string report_page(const Settings& settings, const Analysis& analysis);
// To settings.report. FileError when it cannot be written.
void write_report(const Settings& settings, const Analysis& analysis);

}  // namespace taut::cli
