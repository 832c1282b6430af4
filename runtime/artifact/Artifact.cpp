#include "runtime/artifact/Artifact.h"

#include "runtime/artifact/RandomWeights.h"
#include "runtime/artifact/WeightLayout.h"
#include "runtime/base/CheckedMath.h"
#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <sys/mman.h>
#include <system_error>
#include <thread>

namespace ingot {

using artifact::Segment;
using artifact::SegmentKind;

/// Artifacts from this size on are not hashed before open returns unless asked for.
static constexpr uint64_t kFullVerifyBytes = uint64_t(4) << 30;
/// Bytes of generated weights per piece of work.
static constexpr uint64_t kFillBytes = 8u << 20;

Result<VerifyMode> parseVerifyMode(std::string_view text) {
  constexpr std::string_view kNames[] = {"auto", "full", "background", "off"};
  for (size_t i = 0; i < 4; ++i)
    if (text == kNames[i])
      return static_cast<VerifyMode>(i);
  return Status(ErrorClass::Usage, "verify-mode",
                format("unknown verify mode \"%.*s\"; known are auto, full, background and off",
                       static_cast<int>(text.size()), text.data()));
}

/// Runs work(0..count) on up to `threads` threads, in no order, until one item fails.
static Status forEach(size_t count, unsigned threads, const std::function<Status(size_t)> &work) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Status first;
  const auto run = [&] {
    for (size_t i; (i = next.fetch_add(1)) < count;) {
      Status status = work(i);
      if (status.isOk())
        continue;
      next = count;
      const std::lock_guard lock(mutex);
      if (first.isOk())
        first = std::move(status);
    }
  };
  std::vector<std::thread> team;
  try {
    for (unsigned t = 1; t < threads && t < count; ++t)
      team.emplace_back(run);
  } catch (const std::system_error &) {
    // The system grants no more threads: those that run do the work.
  }
  run();
  for (std::thread &thread : team)
    thread.join();
  return first;
}

/// Checks one hash chunk of a segment.
static Status checkChunk(std::span<const uint8_t> file, const Segment &segment, size_t index,
                         uint64_t chunk) {
  const uint64_t chunkBytes = segment.chunkBytes == 0 ? segment.bytes : segment.chunkBytes;
  const uint64_t begin = chunk * chunkBytes;
  const uint64_t bytes = std::min(chunkBytes, segment.bytes - begin);
  const uint64_t hash = hash64(file.subspan(segment.offset + begin, bytes), index);
  if (hash == segment.chunkHashes[chunk])
    return Status::ok();
  return Status(
      ErrorClass::Data, "artifact-hash",
      format("segments[%zu] (%s) is damaged in bytes %llu..%llu of the file: hash %016llx, "
             "expected %016llx; copy the file again",
             index, segment.name.c_str(), ull(segment.offset + begin),
             ull(segment.offset + begin + bytes - 1), ull(hash), ull(segment.chunkHashes[chunk])));
}

Result<std::unique_ptr<Artifact>> Artifact::open(const std::string &path,
                                                 const OpenOptions &options) {
  std::unique_ptr<Artifact> a(new Artifact());
  a->path_ = path;
  INGOT_ASSIGN(a->file_, MappedFile::open(path));
  Result<Header> header = decodeHeader(a->bytes());
  if (!header)
    return std::move(header).status().at(path);
  a->header_ = *header;
  auto manifest = artifact::decodeManifest(a->bytes().subspan(a->header_.manifestOffset));
  if (!manifest)
    return std::move(manifest).status().at(path);
  a->manifest_ = *std::move(manifest);
  INGOT_TRY(artifact::checkManifest(a->manifest_, a->header_.manifestOffset).at(path));
  INGOT_TRY(a->checkPadding().at(path));
  INGOT_TRY(a->checkStored(options).at(path));
  for (const artifact::TargetProgram &program : a->manifest_.programs)
    a->others_.push_back(a->manifest_.withProgram(program.target));
  if (options.fillGenerated)
    INGOT_TRY(a->fillGenerated(std::vector<bool>(a->manifest_.params.size(), true), options.threads)
                  .at(path));
  return a;
}

const artifact::Manifest *Artifact::manifestFor(std::string_view target) const {
  if (manifest_.target == target)
    return &manifest_;
  for (const artifact::Manifest &other : others_)
    if (other.target == target)
      return &other;
  return nullptr;
}

Status Artifact::checkPadding() const {
  std::vector<std::pair<uint64_t, uint64_t>> used = {{0, kHeaderBytes}};
  for (const Segment &segment : manifest_.segments)
    used.emplace_back(segment.offset, segment.offset + segment.bytes);
  used.emplace_back(header_.manifestOffset, header_.fileBytes);
  std::sort(used.begin(), used.end());
  for (size_t i = 1; i < used.size(); ++i) {
    const uint64_t begin = used[i - 1].second, end = used[i].first;
    const size_t at = firstNonZero(bytes().subspan(begin, end - begin));
    if (at != end - begin)
      return Status(
          ErrorClass::Data, "artifact-padding",
          format("byte %llu is 0x%02x, but bytes %llu..%llu are padding and must be zero; copy "
                 "the file again",
                 ull(begin + at), bytes()[begin + at], ull(begin), ull(end - 1)));
  }
  return Status::ok();
}

Status Artifact::checkStored(const OpenOptions &options) {
  for (size_t i = 0; i < manifest_.segments.size(); ++i) {
    const Segment &segment = manifest_.segments[i];
    if (segment.kind == SegmentKind::Weights)
      weightsPending_ = true;
    for (uint64_t c = 0; segment.kind != SegmentKind::Weights && c < segment.chunkHashes.size();
         ++c)
      INGOT_TRY(checkChunk(bytes(), segment, i, c));
  }
  const bool full = options.verify == VerifyMode::Full ||
                    (options.verify == VerifyMode::Auto && bytes().size() < kFullVerifyBytes);
  if (full && weightsPending_) {
    INGOT_TRY(verifyWeights(options.threads));
    weightsPending_ = false;
  }
  // Nobody has touched the weights yet: let the system read them ahead of the first step.
  for (const Segment &segment : manifest_.segments)
    if (weightsPending_ && segment.kind == SegmentKind::Weights)
      ::madvise(const_cast<uint8_t *>(bytes().data()) + segment.offset, segment.bytes,
                MADV_WILLNEED);
  return Status::ok();
}

Status Artifact::verifyWeights(unsigned threads) const {
  std::vector<std::pair<size_t, uint64_t>> chunks; // segment, chunk
  for (size_t i = 0; i < manifest_.segments.size(); ++i)
    for (uint64_t c = 0; c < manifest_.segments[i].chunkHashes.size(); ++c)
      if (manifest_.segments[i].kind == SegmentKind::Weights)
        chunks.emplace_back(i, c);
  return forEach(chunks.size(), threads, [&](size_t n) {
    const auto [segment, chunk] = chunks[n];
    return checkChunk(bytes(), manifest_.segments[segment], segment, chunk);
  });
}

std::span<const uint8_t> Artifact::segment(uint32_t index) const {
  const Segment &s = manifest_.segments[index];
  return bytes().subspan(s.offset, s.bytes);
}

std::span<const uint8_t> Artifact::param(uint32_t index) const {
  const artifact::Range &range = manifest_.params[index].data;
  if (range.segment != artifact::kGeneratedSegment)
    return segment(range.segment).subspan(range.offset, range.bytes);
  return generated_.size() == 0 ? std::span<const uint8_t>()
                                : std::span(generated_.data() + range.offset, range.bytes);
}

std::span<const uint8_t> Artifact::tokenizer() const {
  return manifest_.tokenizerSegment < 0
             ? std::span<const uint8_t>()
             : segment(static_cast<uint32_t>(manifest_.tokenizerSegment));
}

// ---- Generated weights
// --------------------------------------------------------------------------------

/// A run of units of one parameter.
struct FillPiece {
  size_t param;
  WeightLayout layout;
  uint64_t firstUnit, units;
};

static Status checkFirstMib(const artifact::Param &param, size_t index, const uint8_t *data) {
  const uint64_t bytes = std::min<uint64_t>(uint64_t(1) << 20, param.data.bytes);
  const uint64_t hash = hash64(data, bytes);
  if (hash == param.generator->firstMibHash)
    return Status::ok();
  return Status(
      ErrorClass::Data, "random-weights",
      format(
          "params[%zu] (%s): the first %llu generated bytes have hash %016llx, expected %016llx; "
          "this runtime generates other weights than the compiler meant",
          index, param.name.c_str(), ull(bytes), ull(hash), ull(param.generator->firstMibHash)));
}

Status Artifact::fillGenerated(std::string_view target, unsigned threads) {
  const artifact::Manifest *program = manifestFor(target);
  if (!program)
    return Status::ok();
  return fillGenerated(usedParams(*program, manifest_.params.size()), threads).at(path_);
}

Status Artifact::fillGenerated(const std::vector<bool> &wanted, unsigned threads) {
  uint64_t total = 0; // of all: untouched memory costs nothing
  std::vector<FillPiece> pieces;
  for (size_t i = 0; i < manifest_.params.size(); ++i) {
    const artifact::Param &p = manifest_.params[i];
    if (!p.generator)
      continue;
    total = std::max(total, p.data.offset + p.data.bytes);
    if (!wanted[i])
      continue;
    INGOT_ASSIGN(const WeightLayout layout,
                 WeightLayout::make(p.format, p.layout, p.shape, p.group, p.interleave));
    const uint64_t step = std::max<uint64_t>(1, kFillBytes / layout.unitBytes);
    for (uint64_t unit = 0; unit < layout.units; unit += step)
      pieces.push_back({i, layout, unit, std::min(step, layout.units - unit)});
  }
  if (total == 0)
    return Status::ok();
  if (generated_.size() == 0) {
    INGOT_ASSIGN(generated_, AnonymousMemory::allocate(total));
  }
  INGOT_TRY(forEach(pieces.size(), threads, [&](size_t n) {
    const FillPiece &piece = pieces[n];
    const artifact::Param &p = manifest_.params[piece.param];
    fillRandomUnits(piece.layout, *p.generator, piece.firstUnit, piece.units,
                    generated_.data() + p.data.offset + piece.firstUnit * piece.layout.unitBytes);
    return Status::ok();
  }));
  for (size_t i = 0; i < manifest_.params.size(); ++i)
    if (manifest_.params[i].generator && wanted[i])
      INGOT_TRY(checkFirstMib(manifest_.params[i], i,
                              generated_.data() + manifest_.params[i].data.offset));
  return Status::ok();
}

// ---- Code
// -----------------------------------------------------------------------------------------------

/// All features that the image names, not only those of its level.
static bool hasFeatures(const CpuFeatures &host, const artifact::Image &image) {
  return std::all_of(image.features.begin(), image.features.end(),
                     [&](const std::string &name) { return host.has(name); });
}

Result<uint32_t> Artifact::chooseImage(const CpuFeatures &host, std::string_view forced) const {
  std::optional<CpuLevel> wanted;
  if (!forced.empty()) {
    INGOT_ASSIGN(wanted, parseLevel(forced));
  }
  std::optional<uint32_t> best;
  CpuLevel bestLevel = CpuLevel::V3;
  std::string present;
  for (uint32_t i = 0; i < manifest_.images.size(); ++i) {
    const artifact::Image &image = manifest_.images[i];
    const Result<CpuLevel> level = parseLevel(image.level);
    if (image.target != "cpu" || !level)
      continue;
    present += (present.empty() ? "" : ", ") + image.level;
    if ((wanted && *level != *wanted) || !host.runs(*level) || !hasFeatures(host, image))
      continue;
    if (!best || *level > bestLevel) {
      best = i;
      bestLevel = *level;
    }
  }
  if (best)
    return *best;
  return Status(
      ErrorClass::Unavailable, "cpu-unsupported",
      format("%s: it has code for %s; this machine (%s) %s %s; choose another --cpu or compile "
             "for this machine",
             path_.c_str(), present.empty() ? "no CPU" : present.c_str(), host.toString().c_str(),
             wanted ? "cannot run" : "runs none of it,",
             wanted ? levelName(*wanted) : "not even x86-64-v3"));
}

Result<CodeImage> Artifact::loadImage(uint32_t index) const {
  const artifact::Image &image = manifest_.images[index];
  const uint64_t offset = manifest_.segments[image.segment].offset;
  auto loaded = CodeImage::load(segment(image.segment), file_.descriptor(), offset);
  if (!loaded)
    return std::move(loaded).status().at(path_ + ": " + image.level);
  for (const artifact::Kernel &kernel : manifest_.programOf("cpu")->kernels)
    if (auto entry = loaded->kernel(kernel.name); !entry)
      return std::move(entry).status().at(path_ + ": " + image.level);
  return loaded;
}

} // namespace ingot
