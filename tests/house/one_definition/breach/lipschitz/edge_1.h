#pragma once

namespace taut::detail {

struct Edge {
  int end = 1;
};

}  // namespace taut::detail
