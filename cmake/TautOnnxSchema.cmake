# Compiles ONNX's schema into taut_nn, whose sources include it as "onnx.pb.h".
set(onnx_generated ${PROJECT_BINARY_DIR}/onnx_schema)
file(MAKE_DIRECTORY ${onnx_generated})
add_custom_command(OUTPUT ${onnx_generated}/onnx.pb.cc ${onnx_generated}/onnx.pb.h VERBATIM
  COMMAND ${TAUT_PROTOC} --proto_path=${TAUT_ONNX_SCHEMA}/onnx --cpp_out=${onnx_generated} onnx.proto
  DEPENDS ${TAUT_ONNX_SCHEMA}/onnx/onnx.proto)
target_sources(taut_nn PRIVATE ${onnx_generated}/onnx.pb.cc ${onnx_generated}/onnx.pb.h)
set_source_files_properties(${onnx_generated}/onnx.pb.cc PROPERTIES COMPILE_OPTIONS "-w")
target_include_directories(taut_nn PRIVATE ${onnx_generated})
