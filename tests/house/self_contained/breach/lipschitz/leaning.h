// Uses std::vector without its header.
#pragma once

inline std::vector<int> leaning() { return {1}; }
