cmake_minimum_required(VERSION 3.25)
# cmake -D BUILD=<build tree> -D WORK=<scratch folder> -D CXX=<compiler> -D CXX_FLAGS=<list> -D GENERATOR=<of CMake>
#       -D LIBDIR=<lib or lib64> -P check.cmake
# Installs Taut into a scratch prefix, moves it, and builds main.cpp against it through find_package and through pkg-config.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status STREQUAL "0")
    message(FATAL_ERROR "Failed: ${ARGN}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

function(run_consumer program how)
  run(${program})
  if(NOT output MATCHES "^<= 6 certified.*\nvjp: 0 of [0-9]+ comparisons failed\n$")
    message(FATAL_ERROR "The program built through ${how} printed:\n${output}")
  endif()
endfunction()

set(source ${CMAKE_CURRENT_LIST_DIR}/consumer)
set(prefix ${WORK}/prefix)
file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/first)
file(RENAME ${WORK}/first ${prefix})
list(JOIN CXX_FLAGS " " flags)

set(configure ${CMAKE_COMMAND} -S ${source} -B ${WORK}/cmake -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${prefix}
    -DCMAKE_CXX_COMPILER=${CXX} "-DCMAKE_CXX_FLAGS=${flags}")
execute_process(COMMAND ${configure} "-DCOMPONENTS=nn;python" RESULT_VARIABLE status ERROR_VARIABLE output OUTPUT_QUIET)
string(REGEX REPLACE "[ \n]+" " " output "${output}")  # CMake wraps its messages
if(status STREQUAL "0" OR NOT output MATCHES "no component 'python'; there are autodiff, lipschitz, harness, nn")
  message(FATAL_ERROR "A component that does not exist: ${output}")
endif()
run(${configure} "-DCOMPONENTS=nn;harness")
run(${CMAKE_COMMAND} --build ${WORK}/cmake)
run_consumer(${WORK}/cmake/consumer find_package)

set(ENV{PKG_CONFIG_PATH} "${prefix}/${LIBDIR}/pkgconfig:$ENV{PKG_CONFIG_PATH}")
run(pkg-config --cflags taut-nn taut-harness)
separate_arguments(compile UNIX_COMMAND "${output}")
run(pkg-config --libs taut-nn taut-harness)
separate_arguments(link UNIX_COMMAND "${output}")
run(${CXX} -std=c++20 ${CXX_FLAGS} ${source}/main.cpp ${compile} ${link} -Wl,-rpath,${prefix}/${LIBDIR}
    -o ${WORK}/consumer)
run_consumer(${WORK}/consumer pkg-config)

# The program, its man page and its completions.
run(${prefix}/bin/taut --version)
foreach(file IN ITEMS man/man1/taut.1 bash-completion/completions/taut zsh/site-functions/_taut)
  if(NOT EXISTS ${prefix}/share/${file})
    message(FATAL_ERROR "share/${file} has not been installed")
  endif()
endforeach()
