cmake_minimum_required(VERSION 3.25)
# cmake -D PROGRAM=<Boost.Test program> -D LISTING=<file> -P BoostTestSuites.cmake
# Writes an add_test for every suite of test cases, and for every case beside which there are suites, from the indented tree
# that --list_content prints:
#     suite*
#         case*
execute_process(COMMAND ${CMAKE_COMMAND} -E env OPENBLAS_NUM_THREADS=1 ${PROGRAM} --list_content=HRF
                OUTPUT_VARIABLE tree ERROR_VARIABLE tree COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${tree}")
cmake_path(GET PROGRAM FILENAME program_name)

set(cases "")             # as "parent|name"
set(parents_of_suites "|")  # between bars; the root is the empty name
set(path "")              # names from the root to the previous line
set(previous_depth -1)
list(APPEND lines "end")  # closes the last case
foreach(line IN LISTS lines)
  string(REGEX REPLACE "^( *)[^ ].*" "\\1" indent "${line}")
  string(LENGTH "${indent}" indent)
  math(EXPR depth "${indent} / 4")
  if(previous_depth GREATER_EQUAL 0)
    list(POP_BACK path name)
    list(JOIN path "/" parent)
    if(depth GREATER previous_depth)
      string(APPEND parents_of_suites "${parent}|")
    else()
      list(APPEND cases "${parent}|${name}")
    endif()
    list(APPEND path "${name}")
  endif()
  list(SUBLIST path 0 ${depth} path)
  string(REGEX REPLACE "^ *([^*: ]+).*" "\\1" name "${line}")
  list(APPEND path "${name}")
  set(previous_depth ${depth})
endforeach()

set(tests "")
foreach(case IN LISTS cases)
  string(REGEX MATCH "^(.*)\\|(.*)$" case "${case}")
  set(parent "${CMAKE_MATCH_1}")
  set(name "${CMAKE_MATCH_2}")
  string(FIND "${parents_of_suites}" "|${parent}|" beside_suites)
  if(parent STREQUAL "")
    list(APPEND tests "${name}")
  elseif(beside_suites EQUAL -1)
    list(APPEND tests "${parent}")
  else()
    list(APPEND tests "${parent}/${name}")
  endif()
endforeach()
list(REMOVE_DUPLICATES tests)

set(script "")
foreach(test IN LISTS tests)
  string(APPEND script "add_test([=[${program_name}/${test}]=] [=[${PROGRAM}]=] [=[--run_test=${test}]=] --color_output=no)\n"
         "set_tests_properties([=[${program_name}/${test}]=] PROPERTIES ENVIRONMENT OPENBLAS_NUM_THREADS=1)\n")
endforeach()
file(WRITE ${LISTING} "${script}")
