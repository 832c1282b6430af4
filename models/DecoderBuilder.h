// From a spec to the model-level program: the only place that knows how a decoder block is built.
#pragma once

#include "ir/WeightSource.h"
#include "models/DecoderSpec.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <functional>
#include <string_view>

namespace ingot {

/// Element type of a checkpoint tensor, by name.
using TensorTypes = std::function<WeightType(std::string_view tensor)>;

/// Builds a module with the entry
///   @forward(!ingot.batch, !ingot.kv) -> (logits [R, vocab], !ingot.kv)
/// Parameters carry the checkpoint's tensor names; locations name the place in the model
/// ("layers.3.mlp.down_proj"). `blockTokens` is the size of a KV block.
mlir::OwningOpRef<mlir::ModuleOp> buildDecoder(mlir::MLIRContext &context, const DecoderSpec &spec,
                                               const TensorTypes &types, int64_t blockTokens);

} // namespace ingot
