// What passes ask about a whole program: entries, parameters, the head, labels for people.
#pragma once

#include "ir/IngotDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>

namespace ingot {

/// Attributes that passes leave for each other.
inline constexpr const char kSignatureAttr[] = "ingot.signature"; ///< entry: numerics signature
inline constexpr const char kNumericsAttr[] = "ingot.numerics";   ///< module: signature -> text
inline constexpr const char kOutputAttr[] = "ingot.output";       ///< entry: a step output
inline constexpr const char kProfileAttr[] = "ingot.profile"; ///< module: "fast"; absent: invariant
inline constexpr const char kBucketAttr[] = "ingot.bucket";   ///< entry: "decode", "wide"
inline constexpr const char kMaxTokensAttr[] = "ingot.max_tokens"; ///< entry: i64 bound of a bucket
inline constexpr const char kProbeAttr[] = "ingot.probe";          ///< entry: see AddProbePass
inline constexpr const char kFusionsAttr[] = "ingot.fusions";      ///< module: see FusionReport.h
inline constexpr const char kLaunchStatsAttr[] =
    "ingot.launch_stats"; ///< module: see LaunchStats.h

/// Functions that take a ragged batch, in program order.
llvm::SmallVector<mlir::func::FuncOp> entriesOf(mlir::ModuleOp module);

/// Every function with a body, entries and others, in program order: what local rewrites walk.
llvm::SmallVector<mlir::func::FuncOp> functionsOf(mlir::ModuleOp module);

/// Columns of a row tensor.
int64_t columnsOf(mlir::Value value);
/// Element type of a tensor.
mlir::Type elementOf(mlir::Value value);

/// The result of an entry that holds its logits, or (in a greedy twin) token ids; -1 when it has
/// none.
int outputResultOf(mlir::func::FuncOp entry);
/// The linear that makes the logits of an entry at model level, or null.
LinearOp headOf(mlir::func::FuncOp entry);

/// "layers.3.mlp.down_proj" from "model.layers.3.mlp.down_proj.weight".
std::string labelOfParam(llvm::StringRef name);
/// Where in the model the ops stand: the label of the weight, norm, cache layer or table among
/// them, else (rounding points) that of the ops they feed or (others) of those that feed them.
std::string labelOf(llvm::ArrayRef<mlir::Operation *> ops);
/// 3 for "layers.3.mlp.down_proj"; nothing outside the layers.
std::optional<int64_t> layerOfLabel(llvm::StringRef label);

} // namespace ingot
