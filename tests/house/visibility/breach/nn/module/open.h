#pragma once

#pragma GCC visibility push(default)

namespace taut {

void f();

}  // namespace taut

#pragma GCC visibility pop
