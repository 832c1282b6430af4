// Rules about what lies in the file: segments, parameters, code images.
#include "runtime/artifact/Container.h"
#include "runtime/artifact/ManifestRules.h"
#include "runtime/artifact/RandomWeights.h"
#include "runtime/base/CheckedMath.h"
#include "runtime/base/CpuFeatures.h"
#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"

#include <algorithm>
#include <unordered_set>

namespace ingot::artifact {

static constexpr const char *kSegmentId = "artifact-segment", *kParamId = "artifact-param",
                            *kImageId = "artifact-image";

// ---- Segments
// -------------------------------------------------------------------------------------

static Status checkSegment(const Segment &s, uint64_t manifestOffset, const Place &place) {
  if (s.file != 0)
    return broken(kSegmentId, place,
                  format("lies in file %u; this runtime reads artifacts of one file", s.file));
  if (!isPowerOfTwo(s.align) || s.align < kPageBytes || s.offset % s.align != 0)
    return broken(
        kSegmentId, place,
        format("offset %llu, alignment %llu: a power of two from %llu that divides the offset",
               ull(s.offset), ull(s.align), ull(kPageBytes)));
  const CheckedU64 end = CheckedU64(s.offset) + CheckedU64(s.bytes);
  if (s.bytes == 0 || s.offset < kHeaderBytes || !end.atMost(manifestOffset))
    return broken(kSegmentId, place,
                  format("%llu bytes at offset %llu: not empty, between the header (%llu) and the "
                         "manifest (%llu)",
                         ull(s.bytes), ull(s.offset), ull(kHeaderBytes), ull(manifestOffset)));
  if (s.chunkHashes.size() != s.chunkCount())
    return broken(kSegmentId, place,
                  format("%zu chunk hashes for %llu bytes in chunks of %llu: %llu are needed",
                         s.chunkHashes.size(), ull(s.bytes), ull(s.chunkBytes),
                         ull(s.chunkCount())));
  if (s.kind > SegmentKind::Text && !s.skippable)
    return broken(kSegmentId, place,
                  format("kind %u is unknown and not skippable; a newer runtime may know it",
                         static_cast<unsigned>(s.kind)));
  return Status::ok();
}

Status checkSegments(const Manifest &m, uint64_t manifestOffset) {
  if (m.files.size() != 1 || !m.files[0].name.empty() || m.files[0].bytes != 0 ||
      m.files[0].hash != 0)
    return broken(
        "artifact-files", {"files"},
        format("%zu files; this runtime reads artifacts of one file (empty name, size and hash 0)",
               m.files.size()));
  std::vector<Interval> intervals;
  std::unordered_set<std::string_view> names;
  for (size_t i = 0; i < m.segments.size(); ++i) {
    const Segment &s = m.segments[i];
    const Place place{"segments", static_cast<int64_t>(i)};
    INGOT_TRY(checkSegment(s, manifestOffset, place));
    if (s.name.empty() || !names.insert(s.name).second)
      return broken(kSegmentId, place,
                    format("name \"%s\" is empty or used twice", s.name.c_str()));
    intervals.push_back({s.offset, s.offset + s.bytes, i});
  }
  if (const auto overlap = findOverlap(intervals))
    return broken(kSegmentId, {"segments", static_cast<int64_t>(overlap->second.owner)},
                  format("begins at %llu, before segments[%zu] ends at %llu",
                         ull(overlap->second.begin), overlap->first.owner,
                         ull(overlap->first.end)));
  const int32_t tokenizer = m.tokenizerSegment;
  if (tokenizer < -1 || (tokenizer >= 0 && static_cast<size_t>(tokenizer) >= m.segments.size()) ||
      (tokenizer >= 0 && m.segments[static_cast<size_t>(tokenizer)].kind != SegmentKind::Tokenizer))
    return broken(kSegmentId, {"tokenizer_segment"},
                  format("%d is neither -1 nor a tokenizer segment", tokenizer));
  return Status::ok();
}

// ---- Parameters
// -----------------------------------------------------------------------------------

/// Bytes of weights over all programs; their sum bounds what is generated.
static CheckedU64 contractedWeights(const Manifest &m) {
  CheckedU64 sum(m.memory.weightsBytes);
  for (const TargetProgram &program : m.programs)
    sum = sum + CheckedU64(program.memory.weightsBytes);
  return sum;
}

static Status checkParamPlace(const Manifest &m, const Param &p, const Place &place) {
  const Place data{"data", -1, &place};
  if (p.data.offset % kParamAlign != 0)
    return broken(
        kParamId, data,
        format("offset %llu is not a multiple of %llu", ull(p.data.offset), ull(kParamAlign)));
  const CheckedU64 end = CheckedU64(p.data.offset) + CheckedU64(p.data.bytes);
  if (p.generator) {
    const CheckedU64 most = contractedWeights(m);
    if (p.data.segment != kGeneratedSegment || !most.ok() || !end.atMost(most.valueOrMax()))
      return broken(
          kParamId, data,
          format("generated: segment %u (should be %u), %llu bytes at offset %llu of %llu bytes of "
                 "weights",
                 p.data.segment, kGeneratedSegment, ull(p.data.bytes), ull(p.data.offset),
                 ull(most.valueOrMax())));
    return Status::ok();
  }
  if (p.data.segment >= m.segments.size() ||
      m.segments[p.data.segment].kind != SegmentKind::Weights)
    return broken(kParamId, data, format("segment %u is not a weight segment", p.data.segment));
  if (!end.atMost(m.segments[p.data.segment].bytes))
    return broken(kParamId, data,
                  format("%llu bytes at offset %llu of a segment of %llu", ull(p.data.bytes),
                         ull(p.data.offset), ull(m.segments[p.data.segment].bytes)));
  return Status::ok();
}

static Status checkSources(const Param &p, const WeightLayout &layout, const Place &place) {
  for (size_t i = 0; i < p.sources.size(); ++i) {
    const SourceRows &s = p.sources[i];
    if (s.rows == 0 || !(CheckedU64(s.rowBegin) + CheckedU64(s.rows)).atMost(layout.rows))
      return broken(kParamId, {"sources", static_cast<int64_t>(i), &place},
                    format("%llu rows from row %llu of a parameter of %llu rows", ull(s.rows),
                           ull(s.rowBegin), ull(layout.rows)));
  }
  return Status::ok();
}

static Status checkParam(const Manifest &m, const Param &p, const Place &place) {
  const Result<WeightLayout> layout =
      WeightLayout::make(p.format, p.layout, p.shape, p.group, p.interleave);
  if (!layout)
    return broken(kParamId, place, layout.status().message());
  if (p.data.bytes != layout->bytes)
    return broken(kParamId, {"data", -1, &place},
                  format("%llu bytes, its shape in %s %s takes %llu", ull(p.data.bytes),
                         p.format.c_str(), p.layout.c_str(), ull(layout->bytes)));
  INGOT_TRY(checkParamPlace(m, p, place));
  if (p.generator)
    if (Status status = checkGenerator(*layout, *p.generator); !status.isOk())
      return broken(kParamId, {"generator", -1, &place}, status.message());
  return checkSources(p, *layout, place);
}

Status checkParams(const Manifest &m) {
  // With several targets a parameter may be there once per layout.
  std::unordered_set<std::string> names;
  // Segment after segment, generated memory last, on one axis per segment.
  std::vector<std::vector<Interval>> intervals(m.segments.size() + 1);
  for (size_t i = 0; i < m.params.size(); ++i) {
    const Param &p = m.params[i];
    const Place place{"params", static_cast<int64_t>(i)};
    if (p.name.empty() ||
        !names.insert(m.programs.empty() ? p.name : p.layout + ' ' + p.name).second)
      return broken(kParamId, place, format("name \"%s\" is empty or used twice", p.name.c_str()));
    INGOT_TRY(checkParam(m, p, place));
    intervals[p.generator ? m.segments.size() : p.data.segment].push_back(
        {p.data.offset, p.data.offset + p.data.bytes, i});
  }
  for (std::vector<Interval> &axis : intervals)
    if (const auto overlap = findOverlap(axis))
      return broken(kParamId, {"params", static_cast<int64_t>(overlap->second.owner)},
                    format("begins at %llu, before params[%zu] ends at %llu",
                           ull(overlap->second.begin), overlap->first.owner,
                           ull(overlap->first.end)));
  return Status::ok();
}

// ---- Kernels and images
// -----------------------------------------------------------------------------

/// Most that any GPU has: threads of a block, bytes of its shared memory.
static constexpr uint32_t kMaxThreads = 1024, kMaxSharedBytes = 227 * 1024;

static Status checkGrid(const GridShape &k, const Place &place) {
  if (k.threads % 32 != 0 || k.threads > kMaxThreads || k.sharedBytes > kMaxSharedBytes)
    return broken("artifact-kernel", place,
                  format("blocks of %u threads with %u bytes of shared memory: a multiple of 32 up "
                         "to %u, at most %u bytes",
                         k.threads, k.sharedBytes, kMaxThreads, kMaxSharedBytes));
  if (k.itemsPerBlock == 0 || k.blocksPerItem == 0)
    return broken("artifact-kernel", place,
                  format("%u items per block, %u blocks per item: each at least 1", k.itemsPerBlock,
                         k.blocksPerItem));
  return Status::ok();
}

/// Limits of the driver's tensor maps.
static Status checkTensorMap(const TensorMap &map, const Place &place) {
  constexpr uint64_t kMost = uint64_t(1) << 32, kMostPitch = uint64_t(1) << 40;
  constexpr uint32_t kMostSlots = abi::kMaxSlots, kMostBox = 256, kSwizzleBytes = 128;
  const auto refuse = [&](std::string why) {
    return broken("artifact-kernel", place, std::move(why));
  };
  const bool isSize = map.elementBytes == 1 || map.elementBytes == 2 || map.elementBytes == 4 ||
                      map.elementBytes == 8;
  if (map.slot >= kMostSlots || map.offset % 16 != 0 || map.offset > kMostPitch || !isSize)
    return refuse(format("elements of %u bytes from byte %llu of slot %u: sizes are 1, 2, 4, 8, "
                         "the byte is a multiple of 16, slots are below %u",
                         map.elementBytes, ull(map.offset), map.slot, kMostSlots));
  if (map.columns == 0 || map.columns > kMost || map.pitchBytes % 16 != 0 ||
      map.pitchBytes >= kMostPitch || map.pitchBytes < map.columns * map.elementBytes)
    return refuse(format("rows of %llu elements of %u bytes at a pitch of %llu bytes: at least the "
                         "row, a multiple of 16, below 2^40",
                         ull(map.columns), map.elementBytes, ull(map.pitchBytes)));
  const uint32_t boxBytes = map.boxColumns * map.elementBytes;
  if (map.boxColumns == 0 || map.boxColumns > kMostBox || map.boxRows == 0 ||
      map.boxRows > kMostBox || boxBytes % 16 != 0 || (map.swizzle && boxBytes > kSwizzleBytes))
    return refuse(format("a box of %u x %u elements of %u bytes: each side 1..%u, its rows "
                         "multiples of 16 bytes, at most %u with swizzle",
                         map.boxRows, map.boxColumns, map.elementBytes, kMostBox, kSwizzleBytes));
  return Status::ok();
}

static Status checkLevels(const Kernel &k, const Place &parent) {
  std::unordered_set<std::string_view> seen;
  for (size_t i = 0; i < k.levels.size(); ++i) {
    const LevelShape &shape = k.levels[i];
    const Place place{"levels", static_cast<int64_t>(i), &parent};
    if (shape.level.empty() || !seen.insert(shape.level).second)
      return broken("artifact-kernel", place,
                    format("level \"%s\" is empty or used twice", shape.level.c_str()));
    if (k.threads == 0 || shape.threads == 0)
      return broken("artifact-kernel", place, "a level's own grid where the kernel has none");
    INGOT_TRY(checkGrid(shape, place));
    if (shape.maps.size() > abi::kMaxTensorMaps)
      return broken("artifact-kernel", place,
                    format("%zu tensor maps, at most %d", shape.maps.size(), abi::kMaxTensorMaps));
    for (size_t j = 0; j < shape.maps.size(); ++j)
      INGOT_TRY(checkTensorMap(shape.maps[j], {"maps", static_cast<int64_t>(j), &place}));
  }
  return Status::ok();
}

Status checkKernels(const Manifest &m) {
  std::unordered_set<std::string_view> names;
  for (size_t i = 0; i < m.kernels.size(); ++i) {
    const Kernel &k = m.kernels[i];
    const Place place{"kernels", static_cast<int64_t>(i)};
    if (k.name.empty() || !names.insert(k.name).second)
      return broken("artifact-kernel", place,
                    format("name \"%s\" is empty or used twice", k.name.c_str()));
    if (k.signature != hash64(k.spec))
      return broken(
          "artifact-kernel", {"signature", -1, &place},
          format("%016llx, the hash of spec is %016llx", ull(k.signature), ull(hash64(k.spec))));
    INGOT_TRY(checkGrid(k, place));
    INGOT_TRY(checkLevels(k, place));
  }
  return Status::ok();
}

/// Kind of segment that the image of a GPU level lies in.
static SegmentKind gpuSegmentKind(const std::string &level) {
  return level.starts_with("compute_") ? SegmentKind::Ptx : SegmentKind::Cubin;
}

static Status checkHasImage(const Manifest &m, const TargetProgram &program) {
  if (program.kernels.empty() ||
      std::any_of(m.images.begin(), m.images.end(),
                  [&](const Image &image) { return image.target == program.target; }))
    return Status::ok();
  return broken(kImageId, {"images"},
                format("no code for %zu kernels of target %s", program.kernels.size(),
                       program.target.c_str()));
}

Status checkImages(const Manifest &m) {
  INGOT_TRY(checkHasImage(m, m));
  for (const TargetProgram &program : m.programs)
    INGOT_TRY(checkHasImage(m, program));
  std::unordered_set<std::string> seen;
  std::unordered_set<uint32_t> segments;
  for (size_t i = 0; i < m.images.size(); ++i) {
    const Image &image = m.images[i];
    const Place place{"images", static_cast<int64_t>(i)};
    if (image.segment >= m.segments.size() || !segments.insert(image.segment).second)
      return broken(kImageId, place,
                    format("segment %u of %zu, or shared with another image", image.segment,
                           m.segments.size()));
    if (image.target != "cpu" && image.target != "cuda")
      continue; // a target of a newer runtime: never chosen
    if (image.target == "cuda") {
      if (m.segments[image.segment].kind != gpuSegmentKind(image.level))
        return broken(
            kImageId, place,
            format("segment %u holds no %s", image.segment, nameOf(gpuSegmentKind(image.level))));
      if (image.level.empty() || !seen.insert("cuda " + image.level).second)
        return broken(kImageId, place,
                      format("level \"%s\" is empty or used twice", image.level.c_str()));
      continue;
    }
    if (m.segments[image.segment].kind != SegmentKind::CpuImage)
      return broken(kImageId, place, format("segment %u holds no CPU image", image.segment));
    if (!parseLevel(image.level) || !seen.insert(image.level).second)
      return broken(kImageId, place,
                    format("level \"%s\" is unknown or used twice", image.level.c_str()));
  }
  return Status::ok();
}

} // namespace ingot::artifact
