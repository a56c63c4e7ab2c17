// The checks that every primitive must pass, and how to run them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report.h"
#include "harness/sample.h"

#pragma GCC visibility push(default)

namespace taut::harness {

// A primitive under test: its name (OpInfo::name) and the ways to call it.
struct Subject {
  std::string op;
  std::vector<Sample> samples;
};

struct Check {
  std::string_view name;
  std::string_view claim;  // what passing means, one line
  void (*run)(const Subject& subject, Random& random, Report& report);
  bool (*applies)(const Subject& subject);
};

std::span<const Check> all_checks();

// Runs one check. An exception of the primitive is a failure with its text. UsageError when there is no such check.
Report run_check(std::string_view check, const Subject& subject);
// Runs all that apply.
std::vector<Report> run_checks(const Subject& subject);

// The checks, by file.
void check_coverage(const Subject& subject, Random& random, Report& report);  // check_values.cpp
void check_type(const Subject& subject, Random& random, Report& report);
void check_forward(const Subject& subject, Random& random, Report& report);
void check_repeatable(const Subject& subject, Random& random, Report& report);
void check_dtype(const Subject& subject, Random& random, Report& report);
void check_jvp(const Subject& subject, Random& random, Report& report);  // check_first_order.cpp
void check_vjp(const Subject& subject, Random& random, Report& report);
void check_single_precision(const Subject& subject, Random& random, Report& report);
void check_reverse_over_reverse(const Subject& subject, Random& random, Report& report);  // check_second_order.cpp
void check_forward_over_reverse(const Subject& subject, Random& random, Report& report);
void check_reverse_over_forward(const Subject& subject, Random& random, Report& report);
void check_lipschitz(const Subject& subject, Random& random, Report& report);  // check_lipschitz.cpp
void check_lipschitz_on_boxes(const Subject& subject, Random& random, Report& report);
void check_range(const Subject& subject, Random& random, Report& report);  // check_range.cpp
void check_range_width(const Subject& subject, Random& random, Report& report);
void check_squares(const Subject& subject, Random& random, Report& report);      // check_squares.cpp
void check_sample_axis(const Subject& subject, Random& random, Report& report);  // check_sample_axis.cpp

}  // namespace taut::harness

#pragma GCC visibility pop
