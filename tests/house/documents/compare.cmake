cmake_minimum_required(VERSION 3.25)
# cmake -D PROGRAM=<generator> -D DOCUMENT=<file> -D WORK=<scratch folder> -P compare.cmake
# The document is exactly what the generator prints.
cmake_path(GET DOCUMENT FILENAME name)
set(printed ${WORK}/${name})
execute_process(COMMAND ${CMAKE_COMMAND} -E env OPENBLAS_NUM_THREADS=1 ${PROGRAM} OUTPUT_FILE ${printed}
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${printed} ${DOCUMENT} RESULT_VARIABLE differs ERROR_QUIET)
if(differs)
  execute_process(COMMAND diff -u ${DOCUMENT} ${printed})
  message(FATAL_ERROR "${DOCUMENT} is not what ${PROGRAM} prints; run make docs")
endif()
