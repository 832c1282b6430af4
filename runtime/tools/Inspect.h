// ingot inspect: explains an artifact, every byte of it.
#pragma once

#include "runtime/artifact/Artifact.h"
#include "runtime/base/Status.h"

#include <ostream>
#include <string>
#include <vector>

namespace ingot::tools {

struct InspectOptions {
  std::string path;
  bool json = false;    ///< everything, as one JSON object
  bool tensors = false; ///< text: one line per parameter
  bool plan = false;    ///< text: every launch of every schedule
};

/// A run of bytes of the file with one purpose.
struct ByteRange {
  uint64_t offset = 0, bytes = 0;
  std::string
      kind; ///< "header", "padding", "cpu image", "weights", "param", "gap", "manifest", ...
  std::string name; ///< segment or parameter
};

/// Ranges that follow each other without holes from byte 0 to the end of the file. With
/// `splitWeights` weight segments appear as their parameters and the zero gaps between them.
std::vector<ByteRange> byteRanges(const Artifact &artifact, bool splitWeights);

/// Opens the artifact without hashing its weights and explains it.
Status inspectCommand(const InspectOptions &options, std::ostream &out);

/// The two forms of the explanation.
void inspectAsText(const Artifact &artifact, const InspectOptions &options, std::ostream &out);
void inspectAsJson(const Artifact &artifact, std::ostream &out);

/// "[2048, 8192] int4 panel32 group 32 interleave 16", for people.
std::string describeParam(const artifact::Param &param);
/// "3 + 2 * ceil(tokens / 16)", for people.
std::string describeExtent(const artifact::Extent &extent);

} // namespace ingot::tools
