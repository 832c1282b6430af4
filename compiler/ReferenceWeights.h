// Parameters as the reference evaluator takes them, quickly enough for a layer of a large model:
// several threads, whole parameters or a few of their rows, from a checkpoint or as the runtime
// will generate them.
#pragma once

#include "ir/reference/WeightLoader.h"
#include "runtime/artifact/Manifest.h"

#include <map>
#include <string>

namespace ingot {

class ReferenceWeights : public reference::WeightProvider {
public:
  /// `checkpoint` may be null when all of `params` are generated. Both must outlive this.
  ReferenceWeights(const WeightSource *checkpoint, const std::vector<artifact::Param> &params,
                   unsigned threads);

  /// Of the parameter `name` only these rows are to be loaded.
  void keepRows(const std::string &name, std::vector<uint32_t> rows) {
    kept_[name] = std::move(rows);
  }
  void keepAllRows() { kept_.clear(); }

  Result<reference::WeightRef> load(ParamOp param) override;

private:
  const WeightSource *checkpoint_;
  std::map<std::string, const artifact::Param *> generated_;
  std::map<std::string, std::vector<uint32_t>> kept_;
  unsigned threads_;
};

} // namespace ingot
