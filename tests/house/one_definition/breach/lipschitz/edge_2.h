#pragma once

namespace taut::detail {

struct Edge {
  int end = 2;
};

}  // namespace taut::detail
