cmake_minimum_required(VERSION 3.25)
# cmake -D ROOT=<tree> -P check.cmake
# Fails unless every header directly in a library's folder opens its namespaces between `#pragma GCC visibility push(default)`
# and its pop, and no header below does.
set(faults "")
foreach(library IN ITEMS autodiff harness lipschitz nn)
  file(GLOB_RECURSE headers RELATIVE ${ROOT} ${ROOT}/${library}/*.h)
  foreach(header IN LISTS headers)
    file(READ ${ROOT}/${header} text)
    string(FIND "${text}" "#pragma GCC visibility" marked)
    if(header MATCHES "^${library}/(onnx/)?[^/]+$")
      if(text MATCHES "\n(inline )?namespace " AND NOT text MATCHES
         "\n#pragma GCC visibility push\\(default\\)\n\n(inline )?namespace .*\n#pragma GCC visibility pop\n")
        string(APPEND faults "${header} declares something, but not between visibility pragmas\n")
      endif()
    elseif(NOT marked EQUAL -1)
      string(APPEND faults "${header} is private, but gives away what it declares\n")
    endif()
  endforeach()
endforeach()
if(faults)
  message(FATAL_ERROR "${faults}")
endif()
