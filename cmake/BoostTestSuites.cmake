cmake_minimum_required(VERSION 3.25)
# cmake -D PROGRAM=<Boost.Test program> -D LISTING=<file> -P BoostTestSuites.cmake
# Writes an add_test for every suite that holds test cases, from the indented tree that --list_content prints:
#     suite*
#         case*
execute_process(COMMAND ${CMAKE_COMMAND} -E env OPENBLAS_NUM_THREADS=1 ${PROGRAM} --list_content=HRF
                OUTPUT_VARIABLE tree ERROR_VARIABLE tree COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${tree}")
cmake_path(GET PROGRAM FILENAME program_name)

set(suites "")
set(path "")            # names from the root to the previous line
set(previous_depth -1)
list(APPEND lines "end")  # closes the last case
foreach(line IN LISTS lines)
  string(REGEX REPLACE "^( *)[^ ].*" "\\1" indent "${line}")
  string(LENGTH "${indent}" indent)
  math(EXPR depth "${indent} / 4")
  if(depth LESS_EQUAL previous_depth)  # the previous line has nothing below it: a case, and its parent is a suite of cases
    if(previous_depth GREATER 0)
      list(POP_BACK path)
    endif()
    list(JOIN path "/" suite)
    list(APPEND suites "${suite}")
  endif()
  list(SUBLIST path 0 ${depth} path)
  string(REGEX REPLACE "^ *([^*: ]+).*" "\\1" name "${line}")
  list(APPEND path "${name}")
  set(previous_depth ${depth})
endforeach()
list(REMOVE_DUPLICATES suites)
foreach(suite IN LISTS suites)  # a listed suite runs those inside it
  list(FILTER suites EXCLUDE REGEX "^${suite}/")
endforeach()

set(script "")
foreach(suite IN LISTS suites)
  string(APPEND script "add_test([=[${program_name}/${suite}]=] [=[${PROGRAM}]=] [=[--run_test=${suite}]=])\n"
         "set_tests_properties([=[${program_name}/${suite}]=] PROPERTIES ENVIRONMENT OPENBLAS_NUM_THREADS=1)\n")
endforeach()
file(WRITE ${LISTING} "${script}")
