# taut_library(<folder> DESCRIPTION <text> [USES <lower folder>] [MODULES <pkg-config modules>] [PRECOMPILE <headers>])
# Makes taut::<folder> of every source below <folder>/, installed with its public headers, those directly in the folder, and a
# pkg-config file. The library that it USES is part of its interface (its headers are included by these headers); the MODULES
# it is built on stay inside. PRECOMPILE: headers, beside the standard library's, that most of its sources include.
include(CMakePackageConfigHelpers)
set(taut_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/taut)

function(taut_library folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "DESCRIPTION;USES" "MODULES;PRECOMPILE")
  set(target taut_${folder})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  add_library(${target} ${sources})
  add_library(taut::${folder} ALIAS ${target})
  # $ORIGIN: the libraries below lie beside it, wherever the installed tree is moved to.
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${folder} VERSION ${PROJECT_VERSION}
                        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} INSTALL_RPATH $ORIGIN)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # outward.h computes in the user's translation units too, where a*b - c must not be fused either.
  target_compile_options(${target} INTERFACE -ffp-contract=off)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/taut>)
  list(TRANSFORM arg_USES PREPEND taut_ OUTPUT_VARIABLE uses)
  list(TRANSFORM arg_MODULES PREPEND PkgConfig:: OUTPUT_VARIABLE modules)
  target_link_libraries(${target} PUBLIC ${uses} Boost::headers PRIVATE ${modules} Threads::Threads)
  taut_precompile(${target} ${arg_PRECOMPILE})

  install(TARGETS ${target} EXPORT taut-targets)
  foreach(hall IN ITEMS ${folder} ${folder}/onnx)
    file(GLOB headers CONFIGURE_DEPENDS ${hall}/*.h)
    install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/taut/${hall})
  endforeach()
  taut_pkg_config_file(${folder} "${arg_DESCRIPTION}" "${arg_USES}" "${arg_MODULES}")
  set_property(GLOBAL APPEND PROPERTY taut_modules ${arg_MODULES})
  set_property(GLOBAL APPEND PROPERTY taut_components ${folder})
endfunction()

# Half the time of compiling a source goes into headers that nearly all of them share. Sources are not compiled several at a
# time (UNITY_BUILD): a call then finds overloads of other sources' unnamed namespaces, and may prefer one of them.
function(taut_precompile target)
  target_precompile_headers(${target} PRIVATE <algorithm> <array> <cmath> <functional> <map> <memory> <numeric> <optional>
                            <ranges> <span> <string> <string_view> <variant> <vector> ${ARGN})
endfunction()

function(taut_pkg_config_file folder pc_description uses pc_modules)
  # A static library needs what it is built on again when a program is linked, a shared one does not.
  set(pc_private "")
  set(pc_libs "")
  list(TRANSFORM uses REPLACE "(.+)" "taut-\\1 = ${PROJECT_VERSION}" OUTPUT_VARIABLE pc_requires)
  if(BUILD_SHARED_LIBS)
    list(JOIN pc_modules ", " pc_private)
  else()
    list(APPEND pc_requires ${pc_modules})
    set(pc_libs "-pthread")
  endif()
  list(JOIN pc_requires ", " pc_requires)
  set(pc_library taut_${folder})
  # From the folder of the .pc file back to the prefix, so that an installed tree can be moved.
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
             OUTPUT_VARIABLE pc_prefix)
  configure_file(cmake/taut.pc.in taut-${folder}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/taut-${folder}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# The package files of all libraries together, after the last taut_library.
function(taut_install_package)
  get_property(taut_modules GLOBAL PROPERTY taut_modules)
  list(REMOVE_DUPLICATES taut_modules)
  get_property(taut_components GLOBAL PROPERTY taut_components)
  install(EXPORT taut-targets NAMESPACE taut:: DESTINATION ${taut_cmake_dir})
  configure_package_config_file(cmake/taut-config.cmake.in taut-config.cmake INSTALL_DESTINATION ${taut_cmake_dir})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/taut-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/taut-config.cmake ${PROJECT_BINARY_DIR}/taut-config-version.cmake
          DESTINATION ${taut_cmake_dir})
endfunction()
