// Test cases that are made by a program rather than written out. They are registered by main(), after all static
// objects of all files exist: a case made during static initialisation would see them half built.
#pragma once

#include <vector>

namespace taut::test {

using Registration = void (*)();

inline std::vector<Registration>& registrations() {
  static std::vector<Registration> list;
  return list;
}

// At namespace scope: const Registrar registrar(&register_my_cases);
struct Registrar {
  explicit Registrar(Registration registration) { registrations().push_back(registration); }
};

}  // namespace taut::test
