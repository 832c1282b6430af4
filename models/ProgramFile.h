// A model program as text: reading a .mlir file, and what a module says about its model.
#pragma once

#include "models/ImportModel.h"

#include <string>

namespace ingot {

/// Parses and verifies `path`. "program-invalid" carries the first diagnostic with its place.
Result<mlir::OwningOpRef<mlir::ModuleOp>> parseProgram(const std::string &path,
                                                       mlir::MLIRContext &context);

/// Notes architecture, name and context on the module as the attribute `ingot.model`.
void writeProgramInfo(mlir::ModuleOp module, const ModelInfo &info);

/// Reads `ingot.model` and the types of @forward; generation defaults stay empty. "program-invalid"
/// when there is no such entry or attribute.
Result<ModelInfo> readProgramInfo(mlir::ModuleOp module, const std::string &path);

/// Elements of all parameters, each name once.
uint64_t countParameters(mlir::ModuleOp module);

/// "llama-1.2B".
std::string modelName(const std::string &modelType, uint64_t parameters);

} // namespace ingot
