// The tensors of a checkpoint directory: one model.safetensors, or the shards that an index names.
#pragma once

#include "ir/WeightSource.h"
#include "runtime/base/MappedFile.h"
#include "runtime/base/Status.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ingot {

/// A tensor of any element type; `view` can be used as a weight only where `isWeight`.
struct CheckpointTensor {
  std::string type; ///< as the file says: "BF16", "I64", ...
  std::string file; ///< name of its file within the directory
  bool isWeight = false;
  WeightView view; ///< `data` may be unaligned: read it with memcpy
};

class Checkpoint final : public WeightSource {
public:
  using Tensors = std::map<std::string, CheckpointTensor, std::less<>>;
  struct File {
    std::string name;
    MappedFile map;
  };

  /// Opens and checks all files. Ids: those of parseSafetensorsHeader and parseJson,
  /// "checkpoint-missing", "checkpoint-index", "checkpoint-shard-missing", "checkpoint-duplicate".
  static Result<std::unique_ptr<Checkpoint>> open(const std::string &directory);
  /// One file by path, whatever its name.
  static Result<std::unique_ptr<Checkpoint>> openFile(const std::string &path);

  const WeightView *find(std::string_view name) const override;

  const Tensors &tensors() const { return tensors_; }
  const std::vector<File> &files() const { return files_; }

private:
  Status addFile(const std::string &directory, const std::string &name);
  Status openShards(const std::string &directory, const std::string &indexPath);

  std::vector<File> files_; ///< ascending names
  Tensors tensors_;
};

} // namespace ingot
