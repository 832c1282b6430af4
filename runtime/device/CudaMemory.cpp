#include "runtime/device/CudaMemory.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

namespace ingot::cuda {

// ---- Context
// ---------------------------------------------------------------------------------------

Result<std::shared_ptr<GpuContext>> GpuContext::create(std::shared_ptr<const Driver> driver,
                                                       const Gpu &gpu) {
  std::shared_ptr<GpuContext> context(new GpuContext(std::move(driver), gpu));
  INGOT_TRY(context->check(context->calls().contextRetain(&context->context_, gpu.ordinal),
                           "opening " + gpu.describe()));
  INGOT_TRY(context->makeCurrent());
  return context;
}

GpuContext::~GpuContext() {
  if (context_)
    calls().contextRelease(gpu_.ordinal);
}

Status GpuContext::makeCurrent() const {
  return check(calls().contextSetCurrent(context_), "using the GPU from this thread");
}

uint64_t GpuContext::freeBytes() const {
  size_t free = 0, total = 0;
  const bool known = makeCurrent().isOk() && calls().memGetInfo(&free, &total) == kSuccess;
  return known ? free : 0;
}

Result<OwnStream> OwnStream::create(const SharedContext &context) {
  OwnStream stream;
  stream.context_ = context;
  INGOT_TRY(context->check(context->calls().streamCreate(&stream.stream_, kStreamNonBlocking),
                           "making a stream"));
  return stream;
}

OwnStream::~OwnStream() {
  if (stream_ && context_->makeCurrent().isOk())
    context_->calls().streamDestroy(stream_);
}

Status OwnStream::synchronize(std::string_view what) const {
  return context_->check(context_->calls().streamSynchronize(stream_), what);
}

Result<OwnEvent> OwnEvent::create(const SharedContext &context) {
  OwnEvent event;
  event.context_ = context;
  INGOT_TRY(context->check(context->calls().eventCreate(&event.event_, kEventNoTiming),
                           "making an event"));
  return event;
}

OwnEvent::~OwnEvent() {
  if (event_ && context_->makeCurrent().isOk())
    context_->calls().eventDestroy(event_);
}

// ---- Memory
// ----------------------------------------------------------------------------------------

Result<std::unique_ptr<GpuMemory>> GpuMemory::allocate(const SharedContext &context, uint64_t bytes,
                                                       std::string_view what) {
  std::unique_ptr<GpuMemory> memory(new GpuMemory(context, bytes));
  INGOT_TRY(context->makeCurrent());
  const Code code = context->calls().memAlloc(&memory->pointer_, std::max<uint64_t>(1, bytes));
  if (code == kOutOfMemory)
    return Status(ErrorClass::Os, "device-memory",
                  format("%s for %.*s: cuda:%d has %s free of %s; use fewer --kv-blocks, or a "
                         "larger or less used --device",
                         formatBytes(bytes).c_str(), static_cast<int>(what.size()), what.data(),
                         context->gpu().index, formatBytes(context->freeBytes()).c_str(),
                         formatBytes(context->gpu().totalBytes).c_str()));
  INGOT_TRY(context->check(code, format("allocating %s for %.*s", formatBytes(bytes).c_str(),
                                        static_cast<int>(what.size()), what.data())));
  return memory;
}

GpuMemory::~GpuMemory() {
  if (pointer_ && context_->makeCurrent().isOk())
    context_->calls().memFree(pointer_);
}

Result<std::unique_ptr<PinnedMemory>>
PinnedMemory::allocate(const SharedContext &context, uint64_t bytes, std::string_view what) {
  std::unique_ptr<PinnedMemory> memory(new PinnedMemory(context));
  INGOT_TRY(context->makeCurrent());
  void *pointer = nullptr;
  const Code code =
      context->calls().hostAlloc(&pointer, std::max<uint64_t>(1, bytes), kHostPortable);
  if (code == kOutOfMemory)
    return Status(ErrorClass::Os, "pinned-memory",
                  format("%s of the machine's memory, not swappable, for %.*s: there is not enough "
                         "left; fewer --max-seqs need less",
                         formatBytes(bytes).c_str(), static_cast<int>(what.size()), what.data()));
  INGOT_TRY(context->check(code, format("pinning %s of the machine's memory for %.*s",
                                        formatBytes(bytes).c_str(), static_cast<int>(what.size()),
                                        what.data())));
  memory->data_ = static_cast<uint8_t *>(pointer);
  std::memset(memory->data_, 0, bytes);
  return memory;
}

PinnedMemory::~PinnedMemory() {
  if (data_ && context_->makeCurrent().isOk())
    context_->calls().hostFree(data_);
}

Result<std::unique_ptr<GpuStepMemory>>
GpuStepMemory::allocate(const SharedContext &context, uint64_t bytes, std::string_view what) {
  std::unique_ptr<GpuStepMemory> memory(new GpuStepMemory);
  INGOT_ASSIGN(memory->device_, GpuMemory::allocate(context, bytes, what));
  for (std::unique_ptr<PinnedMemory> &host : memory->host_) {
    INGOT_ASSIGN(host, PinnedMemory::allocate(context, bytes, what));
  }
  return memory;
}

// ---- Upload
// ----------------------------------------------------------------------------------------

namespace {

/// Members that copy: a few fill the bus.
constexpr uint32_t kUploaders = 4;
constexpr uint32_t kStagingBuffers = 2;

struct Chunk {
  uint64_t to;
  std::span<const uint8_t> from;
};

std::vector<Chunk> cutChunks(std::span<const std::span<const uint8_t>> pieces,
                             std::span<const uint64_t> addresses) {
  std::vector<Chunk> chunks;
  for (size_t i = 0; i < pieces.size(); ++i)
    for (uint64_t at = 0; at < pieces[i].size(); at += kStagingBytes)
      chunks.push_back(
          {addresses[i] + at,
           pieces[i].subspan(at, std::min<uint64_t>(kStagingBytes, pieces[i].size() - at))});
  return chunks;
}

/// One member's stream and staging.
struct Lane {
  OwnStream stream;
  OwnEvent fetched[kStagingBuffers];
  std::unique_ptr<PinnedMemory> staging[kStagingBuffers];

  static Result<Lane> create(const SharedContext &context) {
    Lane lane;
    INGOT_ASSIGN(lane.stream, OwnStream::create(context));
    for (uint32_t i = 0; i < kStagingBuffers; ++i) {
      INGOT_ASSIGN(lane.fetched[i], OwnEvent::create(context));
      INGOT_ASSIGN(lane.staging[i],
                   PinnedMemory::allocate(context, kStagingBytes, "the upload of the weights"));
    }
    return lane;
  }

  Status copy(const GpuContext &context, const std::vector<Chunk> &chunks,
              std::atomic<size_t> &next) {
    INGOT_TRY(context.makeCurrent());
    Status status = enqueue(context, chunks, next);
    // Also after a failure: staging must not go while the GPU reads it.
    Status ended = stream.synchronize(what);
    return status.isOk() ? ended : status;
  }

private:
  static constexpr std::string_view what = "uploading the weights";

  Status enqueue(const GpuContext &context, const std::vector<Chunk> &chunks,
                 std::atomic<size_t> &next) {
    const Calls &calls = context.calls();
    size_t taken = 0;
    for (size_t i; (i = next.fetch_add(1)) < chunks.size(); ++taken) {
      const uint32_t buffer = taken % kStagingBuffers;
      if (taken >= kStagingBuffers)
        INGOT_TRY(context.check(calls.eventSynchronize(fetched[buffer].get()), what));
      const Chunk &chunk = chunks[i];
      std::memcpy(staging[buffer]->data(), chunk.from.data(), chunk.from.size());
      INGOT_TRY(context.check(calls.copyToDeviceAsync(chunk.to, staging[buffer]->data(),
                                                      chunk.from.size(), stream.get()),
                              what));
      INGOT_TRY(context.check(calls.eventRecord(fetched[buffer].get(), stream.get()), what));
    }
    return Status::ok();
  }
};

} // namespace

Status uploadPieces(const SharedContext &context, ThreadTeam &team,
                    std::span<const std::span<const uint8_t>> pieces,
                    std::span<const uint64_t> addresses) {
  const std::vector<Chunk> chunks = cutChunks(pieces, addresses);
  INGOT_TRY(context->makeCurrent());
  std::vector<Lane> lanes;
  while (lanes.size() < std::min<size_t>({kUploaders, team.size(), chunks.size()})) {
    INGOT_ASSIGN(Lane lane, Lane::create(context));
    lanes.push_back(std::move(lane));
  }
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Status first;
  team.run([&](uint32_t member) {
    if (member >= lanes.size())
      return;
    Status status = lanes[member].copy(*context, chunks, next);
    if (status.isOk())
      return;
    next = chunks.size();
    const std::lock_guard lock(mutex);
    if (first.isOk())
      first = std::move(status);
  });
  return first;
}

} // namespace ingot::cuda
