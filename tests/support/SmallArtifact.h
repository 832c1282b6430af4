// A small, valid and complete artifact for tests: two kernels with real code, three parameters, a
// KV group, two schedules, known answers. Not a model that computes anything sensible.
#pragma once

#include "codegen/artifact/ArtifactWriter.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ingot::test {

/// The ELF image with the kernels test_fill_rows and test_scale_rows.
std::vector<uint8_t> smallImage();

/// Everything writeArtifact needs; `generated` replaces the bytes of the two matrices by a
/// generator.
ArtifactInput smallInput(bool generated = false);

/// The generated one for two targets: its program of "cuda" has other parameters (layout mma16),
/// grids, counters, a level with tensor maps of its own, an int8 cache and all three outputs.
ArtifactInput smallGpuInput();

/// Writes smallInput() to `path` and returns the manifest as written.
artifact::Manifest writeSmallArtifact(const std::string &path, bool generated = false);

/// The manifest of a small artifact and where it would begin: what checkManifest takes.
struct SmallManifest {
  artifact::Manifest manifest;
  uint64_t manifestOffset = 0;
};
SmallManifest smallManifest(bool generated = false);
SmallManifest smallGpuManifest();

/// The file with its manifest replaced and all hashes of header and manifest recomputed.
std::vector<uint8_t> replaceManifest(const std::vector<uint8_t> &file,
                                     const std::vector<uint8_t> &manifest);

} // namespace ingot::test
