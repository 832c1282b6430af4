#include "models/import/Checkpoint.h"

#include "models/import/Json.h"
#include "models/import/SafetensorsHeader.h"
#include "runtime/base/Format.h"
#include "runtime/base/MappedFile.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>

namespace ingot {
namespace {

constexpr const char *kSingleName = "model.safetensors";
constexpr const char *kIndexName = "model.safetensors.index.json";
constexpr uint64_t kMaxIndexBytes = 100'000'000;

std::optional<WeightType> weightType(const std::string &type) {
  if (type == "F32")
    return WeightType::F32;
  if (type == "F16")
    return WeightType::F16;
  if (type == "BF16")
    return WeightType::BF16;
  return std::nullopt;
}

/// tensor -> shard file, as the index says.
using WeightMap = std::map<std::string, std::string>;

Status badIndex(const std::string &path, const std::string &what) {
  return Status(ErrorClass::Data, "checkpoint-index", path + ": " + what);
}

/// Shard names are plain file names: an index must not reach outside its directory.
bool isPlainFileName(const std::string &name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

Result<WeightMap> readIndex(const std::string &path) {
  INGOT_ASSIGN(const std::string text, readTextFile(path, kMaxIndexBytes));
  INGOT_ASSIGN(const Json index, parseJson(text, path));
  const auto table = index.is_object() ? index.find("weight_map") : index.end();
  if (table == index.end() || !table->is_object() || table->empty())
    return badIndex(path, "\"weight_map\" is missing, empty or no object");
  WeightMap map;
  for (const auto &[tensor, file] : table->items()) {
    if (!file.is_string() || !isPlainFileName(file.get<std::string>()))
      return badIndex(path, "weight_map of tensor \"" + tensor +
                                "\" is not a file name: " + file.dump().substr(0, 80));
    map.emplace(tensor, file.get<std::string>());
  }
  return map;
}

/// Files named by the index with the number of tensors each should hold.
std::map<std::string, size_t> shardsOf(const WeightMap &map) {
  std::map<std::string, size_t> shards;
  for (const auto &[tensor, file] : map)
    ++shards[file];
  return shards;
}

/// The index and the shards must agree about every tensor.
Status compareWithIndex(const Checkpoint::Tensors &tensors, const WeightMap &map,
                        const std::string &indexPath) {
  for (const auto &[name, file] : map) {
    const auto found = tensors.find(name);
    if (found == tensors.end())
      return badIndex(indexPath, "tensor \"" + name + "\" is not in " + file +
                                     ", where the index "
                                     "puts it; download the checkpoint again");
    if (found->second.file != file)
      return badIndex(indexPath, "tensor \"" + name + "\" is in " + found->second.file +
                                     ", the index says " + file);
  }
  for (const auto &[name, tensor] : tensors)
    if (map.find(name) == map.end())
      return badIndex(indexPath,
                      "tensor \"" + name + "\" of " + tensor.file +
                          " is not in the index; shards and index do not belong together");
  return Status::ok();
}

} // namespace

Result<std::unique_ptr<Checkpoint>> Checkpoint::open(const std::string &directory) {
  auto checkpoint = std::make_unique<Checkpoint>();
  if (isThere(directory + "/" + kSingleName)) {
    INGOT_TRY(checkpoint->addFile(directory, kSingleName));
    return checkpoint;
  }
  const std::string indexPath = directory + "/" + kIndexName;
  if (!isThere(indexPath))
    return Status(ErrorClass::NoInput, "checkpoint-missing",
                  format("%s: holds neither %s nor %s; convert the checkpoint to safetensors, or "
                         "ask for random weights",
                         directory.c_str(), kSingleName, kIndexName));
  INGOT_TRY(checkpoint->openShards(directory, indexPath));
  return checkpoint;
}

Result<std::unique_ptr<Checkpoint>> Checkpoint::openFile(const std::string &path) {
  auto checkpoint = std::make_unique<Checkpoint>();
  const std::filesystem::path split(path);
  const std::string parent = split.parent_path().string();
  INGOT_TRY(checkpoint->addFile(parent.empty() ? "." : parent, split.filename().string()));
  return checkpoint;
}

Status Checkpoint::openShards(const std::string &directory, const std::string &indexPath) {
  INGOT_ASSIGN(const WeightMap map, readIndex(indexPath));
  for (const auto &[file, count] : shardsOf(map)) {
    if (!isFile(directory + "/" + file))
      return Status(ErrorClass::NoInput, "checkpoint-shard-missing",
                    format("%s/%s: this shard of %zu tensors is missing; download the checkpoint "
                           "again",
                           directory.c_str(), file.c_str(), count));
    INGOT_TRY(addFile(directory, file));
  }
  return compareWithIndex(tensors_, map, indexPath);
}

Status Checkpoint::addFile(const std::string &directory, const std::string &name) {
  const std::string path = directory + "/" + name;
  INGOT_ASSIGN(MappedFile map, MappedFile::open(path));
  INGOT_ASSIGN(SafetensorsHeader header, parseSafetensorsHeader(map.bytes(), path));
  const uint8_t *data = map.bytes().data() + header.dataOffset;
  for (SafetensorsEntry &entry : header.tensors) {
    CheckpointTensor tensor;
    const std::optional<WeightType> type = weightType(entry.type);
    tensor.isWeight = type.has_value();
    tensor.view.type = type.value_or(WeightType::F32);
    tensor.view.shape = std::move(entry.shape);
    tensor.view.data = data + entry.begin;
    tensor.view.bytes = entry.end - entry.begin;
    tensor.type = std::move(entry.type);
    tensor.file = name;
    const auto [place, added] = tensors_.emplace(entry.name, std::move(tensor));
    if (!added)
      return Status(ErrorClass::Data, "checkpoint-duplicate",
                    format("%s: tensor \"%s\" is also in %s", path.c_str(), entry.name.c_str(),
                           place->second.file.c_str()));
  }
  files_.push_back({name, std::move(map)});
  return Status::ok();
}

const WeightView *Checkpoint::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found != tensors_.end() && found->second.isWeight ? &found->second.view : nullptr;
}

} // namespace ingot
