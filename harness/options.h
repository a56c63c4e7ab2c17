// What the environment says about a test run.
#pragma once

#include <cstdint>

#pragma GCC visibility push(default)

namespace taut::harness {

struct Options {
  double scale = 1.0;            // TAUT_TEST_SCALE multiplies iterations
  std::uint64_t seed = 1805108;  // TAUT_TEST_SEED; every case derives its own generator from it and its name
};

// Read once. UsageError when a variable is set and is not a number in range.
const Options& options();

// `base` iterations at scale 1; at least four where there are as many, so that a small scale still tests.
int iterations(int base);

}  // namespace taut::harness

#pragma GCC visibility pop
