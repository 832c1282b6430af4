// Packs code, tokenizer, weights and plan into one .ingot file. Decides what lies where; the
// mechanics are runtime/artifact/ContainerWriter.h. Equal input gives byte-identical files.
#pragma once

#include "runtime/artifact/Manifest.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace ingot {

/// Takes the next bytes of a parameter; pieces may have any size.
using ByteSink = std::function<Status(std::span<const uint8_t>)>;
/// Writes the packed bytes of parameter `index` into the sink, in order and completely
/// (data.bytes).
using ParamPacker = std::function<Status(uint32_t index, const ByteSink &sink)>;

struct ImageInput {
  std::string target, level;         ///< "cpu", "x86-64-v3"; "cuda", "sm_90a"
  std::vector<std::string> features; ///< names of CpuFeatures.h
  std::vector<uint8_t> bytes;        ///< the ELF image; cuda: a ModuleBundle
};

struct ArtifactInput {
  /// Everything but: files, segments, images, tokenizerSegment, params[].data, formatVersion,
  /// kernelAbi, minimumRuntime, memory.weightsBytes and (where 0) kernel signatures, plan and
  /// schedule signatures, first-MiB hashes of generated parameters: those are filled in. Provenance
  /// is sorted by key.
  artifact::Manifest manifest;
  std::vector<ImageInput> images;
  std::vector<uint8_t> tokenizer; ///< empty = none
  ParamPacker paramBytes;         ///< called in order for parameters without a generator
};

struct WrittenArtifact {
  uint64_t fileBytes = 0;
  artifact::Manifest manifest; ///< as written
};

/// Gives every parameter its place and size and sets memory.weightsBytes: what --dry-run reports.
Status placeParams(artifact::Manifest &manifest);

/// File order: images, tokenizer, weights, manifest. On failure no file is left behind.
Result<WrittenArtifact> writeArtifact(const std::string &path, ArtifactInput input);

} // namespace ingot
