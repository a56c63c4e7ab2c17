cmake_minimum_required(VERSION 3.25)
# cmake -D ROOT=<source tree> -P check.cmake
# Every place that holds Taut's version (docs/release.md) says what project(VERSION) of CMakeLists.txt says.
file(READ ${ROOT}/CMakeLists.txt text)
if(NOT text MATCHES "project\\(taut VERSION ([0-9]+\\.[0-9]+)\\.([0-9]+)")
  message(FATAL_ERROR "CMakeLists.txt has no project(taut VERSION x.y.z)")
endif()
set(minor ${CMAKE_MATCH_1})
set(full ${CMAKE_MATCH_1}.${CMAKE_MATCH_2})

set(faults "")
# The first match of the expression, whose group is the version.
function(must_say file expression expected)
  if(NOT EXISTS ${ROOT}/${file})
    set(faults "${faults}${file} is missing\n" PARENT_SCOPE)
    return()
  endif()
  file(READ ${ROOT}/${file} text)
  if(NOT text MATCHES "${expression}")
    set(faults "${faults}${file} names no version in the form ${expression}\n" PARENT_SCOPE)
  elseif(NOT CMAKE_MATCH_1 STREQUAL expected)
    set(faults "${faults}${file} says ${CMAKE_MATCH_1}, not ${expected} as CMakeLists.txt\n" PARENT_SCOPE)
  endif()
endfunction()

must_say(CITATION.cff "\nversion: ([0-9.]+)" ${full})
must_say(CHANGELOG.md "\n## .([0-9]+\\.[0-9]+\\.[0-9]+)" ${full})  # the newest section
must_say(README.md "version ([0-9]+\\.[0-9]+)" ${minor})
must_say(docs/cli.md "\"taut\": \"([0-9.]+)\"" ${full})

if(faults)
  message(FATAL_ERROR "The version:\n${faults}docs/release.md lists its places.")
endif()
message(STATUS "version ${full} everywhere")
