cmake_minimum_required(VERSION 3.25)
# cmake -D EXPECTED=<regular expression> -P MustFail.cmake -- <command...>
# Succeeds when the command fails and says what is expected. (ctest's WILL_FAIL would accept any failure, such as a typing
# error in the command, and PASS_REGULAR_EXPRESSION a message without a failure.)
set(command "")
set(past_separator FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(past_separator)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif("${CMAKE_ARGV${i}}" STREQUAL "--")
    set(past_separator TRUE)
  endif()
endforeach()

execute_process(COMMAND ${command} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(status STREQUAL "0")
  message(FATAL_ERROR "This command must fail, but it succeeded:\n${command}\n${output}")
endif()
string(REGEX REPLACE "[ \n]+" " " output_line "${output}")  # CMake wraps its messages
if(NOT output_line MATCHES "${EXPECTED}")
  message(FATAL_ERROR "This command failed, but not for the reason expected, '${EXPECTED}':\n${command}\n${output}")
endif()
