// The classes that protoc makes of ONNX's schema, without their warnings. For source files of this folder only.
#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <onnx.pb.h>
#pragma GCC diagnostic pop
