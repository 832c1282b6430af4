// The door of models/: a checkpoint directory or a program file in, a verified program out.
#pragma once

#include "ir/WeightSource.h"
#include "models/Provenance.h"
#include "models/import/GenerationConfig.h"
#include "models/import/TokenizerImport.h"
#include "runtime/base/Status.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ingot {

struct ImportOptions {
  int64_t blockTokens = 16;   ///< positions per KV block (a .mlir program says it itself)
  bool randomWeights = false; ///< config.json is enough; weights are not looked for
};

struct ModelInfo {
  std::string architecture; ///< "LlamaForCausalLM"
  std::string name;         ///< made from type and size: "llama-260K"
  int64_t vocab = 0;
  int64_t hidden = 0;
  int64_t layers = 0;
  int64_t maxContext = 0;      ///< positions
  uint64_t parameters = 0;     ///< elements of all weights, a shared table once
  GenerationConfig generation; ///< eos ids of all files together, ascending
};

struct ImportedModel {
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< entry @forward, verified
  std::unique_ptr<WeightSource> weights;    ///< null with random weights
  ModelInfo info;
  std::optional<ImportedTokenizer> tokenizer; ///< when tokenizer.json is there
  Provenance provenance;
  std::vector<std::string> warnings;
};

/// `path` is a directory in Hugging Face layout, or a .mlir file that holds a model program with
/// its weights beside it (STEM.safetensors or the names of the Hugging Face layout).
Result<ImportedModel> importModel(const std::string &path, const ImportOptions &options,
                                  mlir::MLIRContext &context);

} // namespace ingot
