# Language level, warnings, floating-point semantics and sanitizers, the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# What a library gives away is what its public headers declare, between two visibility pragmas; the rest is hidden. Calls that
# cannot leave the library are direct, and rooms stay private to the linker too.
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN OFF)

if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12) OR
   (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14))
  message(FATAL_ERROR "Taut needs GCC 12 or Clang 14 at least, not ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}. "
                      "Name a newer compiler by -DCMAKE_CXX_COMPILER or the environment variable CXX.")
endif()

# The rounding arguments behind certified bounds hold in IEEE 754 arithmetic only; autodiff/config.h refuses what it can
# see from inside, this refuses the rest. -fno-math-errno and -fno-trapping-math change no result.
set(taut_unsafe_math "-Ofast|-ffast-math|-ffinite-math-only|-funsafe-math-optimizations|-fassociative-math|-freciprocal-math|-fno-signed-zeros|-ffp-contract=fast")
string(TOUPPER "${CMAKE_BUILD_TYPE}" taut_config)
string(REGEX MATCH "${taut_unsafe_math}" taut_found "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${taut_config}}")
if(taut_found)
  message(FATAL_ERROR
    "Taut must not be compiled with ${taut_found}: its certified bounds rely on IEEE 754 arithmetic. "
    "Remove the flag from CMAKE_CXX_FLAGS, CMAKE_CXX_FLAGS_${taut_config} or the environment variable CXXFLAGS.")
endif()
add_compile_options(-ffp-contract=off -fno-math-errno -fno-trapping-math)

add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion)
if(TAUT_WARNINGS_AS_ERRORS)
  add_compile_options(-Werror)
endif()

set(taut_sanitizer_flags "")
if(TAUT_SANITIZE)
  set(taut_sanitizer_flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # -Og: at -O1 GCC takes three times as long over the sanitized tests.
  if(TAUT_FUZZ)
    list(APPEND taut_sanitizer_flags -fsanitize=fuzzer-no-link)
  endif()
  add_compile_options($<IF:$<CXX_COMPILER_ID:Clang>,-O1,-Og> -g1 ${taut_sanitizer_flags})
  add_link_options(${taut_sanitizer_flags})
endif()
