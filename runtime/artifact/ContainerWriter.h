// Writes the container: segments streamed in order, then the manifest, into a temporary file beside
// the output that takes its name only when everything is on disk.
#pragma once

#include "runtime/artifact/Container.h"
#include "runtime/artifact/Manifest.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ingot {

/// Bytes per hash chunk of weight segments.
inline constexpr uint64_t kWeightChunkBytes = 4u << 20;

/// Alignment of a new segment of this kind: weights 2 MiB (64 KiB when smaller than that), code 4
/// KiB, others 64 KiB.
uint64_t segmentAlign(artifact::SegmentKind kind, uint64_t bytes);

class ContainerWriter {
public:
  /// Opens a temporary file, without a name where the file system can. Replaces only artifacts and
  /// empty files. Ids "output-directory", "output-not-regular", "output-not-artifact",
  /// "output-permission", "output-disk-full", "output-create".
  static Result<ContainerWriter> create(const std::string &path);

  ContainerWriter(ContainerWriter &&) noexcept;
  ContainerWriter &operator=(ContainerWriter &&) noexcept;
  /// Removes the temporary file unless finish succeeded.
  ~ContainerWriter();

  /// Starts a segment at the next multiple of `align`; its index is the number of segments before
  /// it.
  Status beginSegment(artifact::SegmentKind kind, std::string name, uint64_t align,
                      uint64_t chunkBytes = 0, bool skippable = false);
  /// Appends bytes to the segment.
  Status append(std::span<const uint8_t> bytes);
  /// Appends zeros up to a multiple of `align` (a power of two) from the segment's begin.
  Status alignWithin(uint64_t align);
  /// Bytes in the segment so far.
  uint64_t segmentOffset() const;
  /// Ends the segment; an empty one is refused.
  Status endSegment();

  /// Sets the manifest's files, segments and format version, checks and encodes it, writes it and
  /// the header, syncs, renames. Returns the size of the file.
  Result<uint64_t> finish(artifact::Manifest &manifest);

  /// Segments ended so far.
  const std::vector<artifact::Segment> &segments() const;

private:
  struct State;
  explicit ContainerWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

} // namespace ingot
