# taut_boost_test(<program> FOLDERS <of sources below tests/> LIBRARIES <...>)
# Builds one Boost.Test program and lists its suites to ctest, by the names that the built program itself gives.
function(taut_boost_test program)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "FOLDERS;LIBRARIES")
  list(TRANSFORM arg_FOLDERS APPEND /*.cpp OUTPUT_VARIABLE patterns)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${patterns})
  add_executable(${program} main.cpp ${sources})
  target_compile_definitions(${program} PRIVATE BOOST_TEST_DYN_LINK TAUT_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${program} PRIVATE ${arg_LIBRARIES} Boost::unit_test_framework PkgConfig::openblas
                        PkgConfig::eigen3 PkgConfig::mpfr)
  # Boost.Test is half the time of compiling a test.
  taut_precompile(${program} <boost/test/unit_test.hpp> "${PROJECT_SOURCE_DIR}/autodiff/ops.h"
                  "${PROJECT_SOURCE_DIR}/autodiff/tape.h")
  set_source_files_properties(main.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON)

  set(listing ${CMAKE_CURRENT_BINARY_DIR}/${program}_suites.cmake)
  add_custom_command(TARGET ${program} POST_BUILD VERBATIM BYPRODUCTS ${listing}
    COMMAND ${CMAKE_COMMAND} -D PROGRAM=$<TARGET_FILE:${program}> -D LISTING=${listing}
            -P ${PROJECT_SOURCE_DIR}/cmake/BoostTestSuites.cmake)
  # A program that has not been built is a test that fails, not one that is absent.
  file(CONFIGURE OUTPUT ${program}_tests.cmake @ONLY CONTENT [[
if(EXISTS "@listing@")
  include("@listing@")
else()
  add_test(@program@ @program@-has-not-been-built)
endif()
]])
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${CMAKE_CURRENT_BINARY_DIR}/${program}_tests.cmake)
endfunction()

# taut_must_fail(<test name> <regular expression> <command...>): passes when the command fails with output that matches.
function(taut_must_fail name expected)
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -D "EXPECTED=${expected}" -P ${PROJECT_SOURCE_DIR}/cmake/MustFail.cmake
           -- ${ARGN})
endfunction()
