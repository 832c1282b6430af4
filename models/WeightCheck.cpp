#include "models/WeightCheck.h"

#include "ir/ParamSpec.h"
#include "models/import/FiniteScan.h"
#include "runtime/base/Format.h"

#include <cstring>
#include <map>

namespace ingot {
namespace {

constexpr size_t kNamedAtMost = 5; ///< findings that a message spells out

/// What the program asks of one tensor.
using WantedShapes = std::map<std::string, std::vector<int64_t>>;

WantedShapes wantedShapes(mlir::ModuleOp module) {
  WantedShapes wanted;
  module.walk([&](ParamOp param) {
    const ParamSpec spec = paramSpecOf(param);
    for (const ParamSource &source : spec.sources) {
      std::vector<int64_t> &shape = wanted[source.tensor];
      shape = {source.rows};
      if (!spec.isVector)
        shape.push_back(spec.columns);
    }
  });
  return wanted;
}

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

/// "3 tensors WHAT: a; b; c", or ok when there are none.
Status report(const char *id, const std::vector<std::string> &findings, const char *what,
              const char *nextStep) {
  if (findings.empty())
    return Status::ok();
  std::string text =
      format("%zu %s %s: ", findings.size(), findings.size() == 1 ? "tensor" : "tensors", what);
  for (size_t i = 0; i < findings.size() && i < kNamedAtMost; ++i)
    text += (i ? "; " : "") + findings[i];
  if (findings.size() > kNamedAtMost)
    text += format("; and %zu more", findings.size() - kNamedAtMost);
  return Status(ErrorClass::Data, id, text + nextStep);
}

Status checkPresence(const WantedShapes &wanted, const Checkpoint::Tensors &tensors) {
  std::vector<std::string> missing;
  for (const auto &[name, shape] : wanted)
    if (tensors.find(name) == tensors.end())
      missing.push_back(name);
  const bool onlyHead = missing.size() == 1 && missing[0] == "lm_head.weight";
  return report("weight-missing", missing, "of the model missing in the checkpoint",
                onlyHead ? ". If the head shares the embedding table, config.json must say "
                           "\"tie_word_embeddings\": true"
                         : ". Check that config.json and weights belong together");
}

Status checkForms(const WantedShapes &wanted, const Checkpoint::Tensors &tensors) {
  std::vector<std::string> types, shapes;
  for (const auto &[name, shape] : wanted) {
    const CheckpointTensor &tensor = tensors.find(name)->second;
    if (!tensor.isWeight)
      types.push_back(name + " is " + tensor.type);
    else if (tensor.view.shape != shape)
      shapes.push_back(name + " is " + shapeText(tensor.view.shape) + ", config.json asks for " +
                       shapeText(shape));
  }
  INGOT_TRY(report("weight-dtype", types, "of a type that holds no weights",
                   ". Supported: F32, F16, BF16; give the original float checkpoint"));
  return report("weight-shape", shapes, "of the wrong shape",
                ". Check that config.json and weights belong together");
}

Status checkFinite(const WantedShapes &wanted, const Checkpoint::Tensors &tensors) {
  std::vector<std::string> findings;
  for (const auto &[name, shape] : wanted) {
    const NonFiniteCount count = countNonFinite(tensors.find(name)->second.view);
    if (count.any())
      findings.push_back(name + format(" (%llu NaN, %llu infinite, first at element %llu)",
                                       static_cast<unsigned long long>(count.nans),
                                       static_cast<unsigned long long>(count.infinities),
                                       static_cast<unsigned long long>(count.firstIndex)));
  }
  return report("weight-not-finite", findings, "with values that are no finite numbers",
                ". The checkpoint is damaged; download it again");
}

/// Buffers that old checkpoints stored although they follow from config.json.
bool isDerivedBuffer(std::string_view name) {
  for (std::string_view ending :
       {"rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached"})
    if (name.ends_with(ending))
      return true;
  return false;
}

std::vector<std::string> unusedTensors(const WantedShapes &wanted,
                                       const Checkpoint::Tensors &tensors,
                                       const std::string &tiedHead) {
  std::vector<std::string> unused;
  for (const auto &[name, tensor] : tensors)
    if (wanted.find(name) == wanted.end() && !isDerivedBuffer(name) && name != tiedHead)
      unused.push_back(name);
  return unused;
}

} // namespace

Result<std::vector<std::string>> checkWeights(mlir::ModuleOp module, const Checkpoint &checkpoint,
                                              const WeightCheckOptions &options) {
  const WantedShapes wanted = wantedShapes(module);
  const Checkpoint::Tensors &tensors = checkpoint.tensors();
  INGOT_TRY(checkPresence(wanted, tensors));
  INGOT_TRY(checkForms(wanted, tensors));
  const Status unused = report(
      "weight-unused", unusedTensors(wanted, tensors, options.tiedHead), "not part of the model",
      ". Either config.json lacks a switch (such as a bias) or the architecture differs");
  if (options.refuseUnused)
    INGOT_TRY(unused);
  INGOT_TRY(checkFinite(wanted, tensors));
  std::vector<std::string> warnings;
  if (!unused.isOk())
    warnings.push_back(unused.message());
  return warnings;
}

} // namespace ingot
