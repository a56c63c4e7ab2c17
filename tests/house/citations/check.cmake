cmake_minimum_required(VERSION 3.25)
# cmake -D ROOT=<source tree> -P check.cmake
# Every citation key, [Name1999] or "Name1999", in the sources and documents has an entry in docs/references.md, and every
# entry is cited.

# The keys of a file. CMake's lists would trip over brackets, so they are replaced first.
function(keys_of file result)
  file(READ ${file} text)
  string(REPLACE "[" "<" text "${text}")
  string(REGEX REPLACE "\"([A-Z][A-Za-z]+(19|20)[0-9][0-9])\"" "<\\1" text "${text}")
  string(REGEX MATCHALL "<[A-Z][A-Za-z]+(19|20)[0-9][0-9]" found "${text}")
  list(TRANSFORM found REPLACE "^<" "")
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

keys_of(${ROOT}/docs/references.md known)
set(cited "")
set(faults "")
file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/autodiff/* ${ROOT}/lipschitz/* ${ROOT}/nn/* ${ROOT}/cli/*
     ${ROOT}/examples/*.cpp ${ROOT}/examples/*.h ${ROOT}/docs/*.md)
list(FILTER files EXCLUDE REGEX "references.md$")
foreach(file IN LISTS files)
  keys_of(${ROOT}/${file} keys)
  foreach(cited_key IN LISTS keys)
    if(NOT cited_key IN_LIST known)
      string(APPEND faults "${file} cites ${cited_key}, which docs/references.md does not list\n")
    endif()
  endforeach()
  list(APPEND cited ${keys})
endforeach()
foreach(known_key IN LISTS known)
  if(NOT known_key IN_LIST cited AND NOT known_key MATCHES "^RFC")
    string(APPEND faults "docs/references.md lists ${known_key}, which nothing cites\n")
  endif()
endforeach()

if(faults)
  message(FATAL_ERROR "Citations:\n${faults}")
endif()
list(LENGTH known count)
if(count EQUAL 0)
  message(FATAL_ERROR "No references below ${ROOT}")
endif()
message(STATUS "${count} references, all cited")
