#include "models/ImportModel.h"

#include "models/DecoderBuilder.h"
#include "models/DecoderConfig.h"
#include "models/ProgramFile.h"
#include "models/Registry.h"
#include "models/WeightCheck.h"
#include "runtime/base/Format.h"
#include "runtime/base/MappedFile.h"

#include "mlir/IR/Verifier.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace ingot {
namespace {

/// Element type of weights that a config without checkpoint describes.
Result<WeightType> configWeightType(const HfConfig &config) {
  const char *key = config.has("dtype") ? "dtype" : "torch_dtype";
  INGOT_ASSIGN(const std::string type, config.text(key, "bfloat16"));
  if (type == "float32")
    return WeightType::F32;
  return type == "float16" ? WeightType::F16 : WeightType::BF16;
}

/// generation_config.json where there is one; ids that only config.json has are added.
Result<GenerationConfig> readGeneration(const std::string &directory, const HfConfig *config,
                                        int64_t vocab) {
  GenerationConfig generation, ids;
  const std::string path = directory + "/generation_config.json";
  if (isThere(path)) {
    INGOT_ASSIGN(const HfConfig file, HfConfig::load(path));
    INGOT_ASSIGN(generation, readGenerationConfig(file, vocab));
  }
  if (config) {
    INGOT_ASSIGN(ids, readGenerationConfig(*config, vocab));
  }
  std::vector<int64_t> &eos = generation.eosIds;
  eos.insert(eos.end(), ids.eosIds.begin(), ids.eosIds.end());
  std::sort(eos.begin(), eos.end());
  eos.erase(std::unique(eos.begin(), eos.end()), eos.end());
  if (!generation.bosId)
    generation.bosId = ids.bosId;
  return generation;
}

/// The tokenizer, when its file is there; every id it makes must have a row in the embedding table.
Result<std::optional<ImportedTokenizer>> readTokenizer(const std::string &directory,
                                                       int64_t vocab) {
  const std::string path = directory + "/tokenizer.json";
  if (!isThere(path))
    return std::optional<ImportedTokenizer>();
  INGOT_ASSIGN(ImportedTokenizer tokenizer, importTokenizer(directory));
  if (tokenizer.data.vocabSize() > vocab)
    return Status(ErrorClass::Data, "vocab-mismatch",
                  format("%s: %u tokens, but vocab_size is %lld: the embedding table has no rows "
                         "for the last ids; tokenizer and weights do not belong together",
                         path.c_str(), tokenizer.data.vocabSize(), static_cast<long long>(vocab)));
  return std::optional<ImportedTokenizer>(std::move(tokenizer));
}

/// Everything about a model that does not depend on the form of its program.
Status finishImport(const std::string &directory, const HfConfig *config,
                    const Checkpoint *checkpoint, ImportedModel &model) {
  ModelInfo &info = model.info;
  INGOT_ASSIGN(info.generation, readGeneration(directory, config, info.vocab));
  INGOT_ASSIGN(model.tokenizer, readTokenizer(directory, info.vocab));
  INGOT_ASSIGN(model.provenance, readProvenance(directory, checkpoint));
  if (mlir::failed(mlir::verify(*model.module)))
    return Status(ErrorClass::Internal, "model-invalid",
                  info.architecture + ": the imported program does not verify");
  return Status::ok();
}

ModelInfo describe(const DecoderSpec &spec) {
  ModelInfo info;
  info.architecture = spec.architecture;
  info.vocab = spec.vocab;
  info.hidden = spec.hidden;
  info.layers = spec.layers;
  info.maxContext = spec.maxContext;
  return info;
}

Result<std::unique_ptr<Checkpoint>> openWeights(const std::string &directory,
                                                const HfConfig &config) {
  INGOT_TRY(refuseQuantized(config));
  return Checkpoint::open(directory);
}

/// A head that is stored although the config ties it counts for nothing; worth a word if it
/// differs.
void warnAboutUnusedHead(const DecoderSpec &spec, const Checkpoint &checkpoint,
                         std::vector<std::string> &warnings) {
  const WeightView *head = checkpoint.find(spec.names.head);
  const WeightView *table = checkpoint.find(spec.names.embedding);
  if (!spec.tiedHead || !head || !table)
    return;
  if (head->bytes != table->bytes || std::memcmp(head->data, table->data, head->bytes) != 0)
    warnings.push_back(spec.names.head + " differs from " + spec.names.embedding +
                       " and is not used, because config.json says tie_word_embeddings");
}

Result<ImportedModel> importDirectory(const std::string &directory, const ImportOptions &options,
                                      mlir::MLIRContext &context) {
  INGOT_ASSIGN(const HfConfig config, HfConfig::load(directory + "/config.json"));
  INGOT_ASSIGN(const DecoderSpec spec, readDecoderSpec(config));
  INGOT_ASSIGN(const WeightType silentType, configWeightType(config));
  std::unique_ptr<Checkpoint> checkpoint;
  if (!options.randomWeights) {
    INGOT_ASSIGN(checkpoint, openWeights(directory, config));
  }
  const TensorTypes types = [&](std::string_view tensor) {
    const WeightView *view = checkpoint ? checkpoint->find(tensor) : nullptr;
    return view ? view->type : silentType;
  };
  ImportedModel model;
  model.module = buildDecoder(context, spec, types, options.blockTokens);
  model.info = describe(spec);
  model.info.parameters = countParameters(*model.module);
  model.info.name = modelName(spec.modelType, model.info.parameters);
  writeProgramInfo(*model.module, model.info);
  if (checkpoint) {
    INGOT_ASSIGN(model.warnings,
                 checkWeights(*model.module, *checkpoint,
                              {.refuseUnused = true,
                               .tiedHead = spec.tiedHead ? spec.names.head : std::string()}));
    warnAboutUnusedHead(spec, *checkpoint, model.warnings);
  }
  INGOT_TRY(finishImport(directory, &config, checkpoint.get(), model));
  model.weights = std::move(checkpoint);
  return model;
}

Result<ImportedModel> importProgram(const std::string &path, const ImportOptions &options,
                                    mlir::MLIRContext &context) {
  const std::filesystem::path file(path);
  const std::string parent = file.parent_path().string();
  const std::string directory = parent.empty() ? "." : parent;
  ImportedModel model;
  INGOT_ASSIGN(model.module, parseProgram(path, context));
  INGOT_ASSIGN(model.info, readProgramInfo(*model.module, path));
  std::unique_ptr<Checkpoint> checkpoint;
  if (!options.randomWeights) {
    const std::string own = directory + "/" + file.stem().string() + ".safetensors";
    INGOT_ASSIGN(checkpoint, isFile(own) ? Checkpoint::openFile(own) : Checkpoint::open(directory));
    INGOT_ASSIGN(model.warnings,
                 checkWeights(*model.module, *checkpoint, {.refuseUnused = false, .tiedHead = {}}));
  }
  INGOT_TRY(finishImport(directory, nullptr, checkpoint.get(), model));
  model.weights = std::move(checkpoint);
  return model;
}

} // namespace

Result<ImportedModel> importModel(const std::string &path, const ImportOptions &options,
                                  mlir::MLIRContext &context) {
  const bool isProgram = std::filesystem::path(path).extension() == ".mlir";
  return isProgram ? importProgram(path, options, context)
                   : importDirectory(path, options, context);
}

} // namespace ingot
