// Reading a fused region: the one function behind fusion legality, remarks and code generation.
#pragma once

#include "ir/IngotDialect.h"

#include <string>

namespace ingot {

/// How a kernel's launch is cut into items.
enum class ItemSpace {
  TokenRows,      ///< one item per token
  ReturnedRows,   ///< one item per returned row
  Panels,         ///< one item per panel of 32 output columns; the kernel loops over the rows
  AttentionHeads, ///< one item per (attention item, KV head)
};

/// A fused region as its family understands it. Pointers refer into the region.
struct KernelSpec {
  KernelFamily family;
  ItemSpace items;
  RowSpace rows;                     ///< row space the kernel walks
  mlir::Operation *anchor = nullptr; ///< linear, paged_attention; null for row-wise
  llvm::SmallVector<mlir::Operation *> prologue = {}; ///< ops before the anchor, program order
  llvm::SmallVector<mlir::Operation *> epilogue = {}; ///< ops after it (row-wise: all ops)
  int64_t itemsPerRow = 1;                            ///< constant factor: panels, or KV heads
};

/// Reads `fused`; on failure `reason` says, for people, why no kernel family can hold the region.
mlir::FailureOr<KernelSpec> readKernelSpec(FusedOp fused, std::string &reason);

/// Canonical text of a region: ops, types and attributes with layer-dependent operands as
/// arguments. Two regions with equal text compile to the same kernel.
std::string kernelSpecText(FusedOp fused);

} // namespace ingot
