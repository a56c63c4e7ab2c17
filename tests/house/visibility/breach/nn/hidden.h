#pragma once

namespace taut {

void f();

}  // namespace taut
