// The machine's own limits, measured with the same threads beside a benchmark: bytes read from
// memory and int8 multiply-adds per second. Both drift on shared machines, so they are measured
// again and again.
#pragma once

#include "runtime/base/MappedFile.h"
#include "runtime/device/ThreadTeam.h"

#include <string_view>

namespace ingot::tools {

class Walls {
public:
  /// Allocates and fills the buffer that readBandwidth walks. `team` must outlive this.
  static Result<Walls> create(ThreadTeam &team, uint64_t bufferBytes);

  /// Bytes per second with which the team reads the whole buffer, wide loads, contiguous shares:
  /// the best of several walks with and without prefetching.
  double readBandwidth();
  /// Operations per second (a multiply-add is two) of independent int8 dot products in registers:
  /// vpdpbusd on 512 bits, or vpmaddubsw on 256 bits for `level` x86-64-v3.
  double intPeak(std::string_view level);

private:
  Walls(ThreadTeam &team, AnonymousMemory buffer) : team_(&team), buffer_(std::move(buffer)) {}

  ThreadTeam *team_;
  AnonymousMemory buffer_;
};

/// "vpdpbusd" or "vpmaddubsw".
const char *intPeakName(std::string_view level);

} // namespace ingot::tools
