#include "autodiff/registry.h"

#include <array>

namespace taut {
namespace {

template <class... P>
std::array<const OpInfo*, sizeof...(P)> collect(PrimitiveList<P...>) {
  return {&describe<P>()...};
}

}  // namespace

std::span<const OpInfo* const> registry() {
  static const auto infos = collect(Primitives());
  return infos;
}

}  // namespace taut
