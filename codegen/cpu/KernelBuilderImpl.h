// The MLIR side of KernelBuilder, shared with ObjectEmitter only.
#pragma once

#include "codegen/cpu/KernelBuilder.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace ingot::cpu {

struct KernelBuilder::Impl {
  Impl();

  mlir::Type lower(Type type);
  mlir::Value get(Val value) { return mlir::Value::getFromOpaquePointer(value.handle()); }
  Val wrap(KernelBuilder &owner, mlir::Value value, Type type) {
    return {&owner, value.getAsOpaquePointer(), type};
  }

  mlir::MLIRContext context;
  mlir::OpBuilder builder;
  mlir::Location location;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace ingot::cpu
