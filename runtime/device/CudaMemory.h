// Memory of a GPU and the way of the weights into it.
#pragma once

#include "runtime/device/CudaDriver.h"
#include "runtime/device/Device.h"
#include "runtime/device/ThreadTeam.h"

namespace ingot::cuda {

/// Steps that may be launched and not yet waited for.
inline constexpr uint32_t kSlots = 2;

/// The GPU in use by this process, held as long as anything lives on it.
class GpuContext {
public:
  static Result<std::shared_ptr<GpuContext>> create(std::shared_ptr<const Driver> driver,
                                                    const Gpu &gpu);
  ~GpuContext();
  GpuContext(const GpuContext &) = delete;
  GpuContext &operator=(const GpuContext &) = delete;

  const Driver &driver() const { return *driver_; }
  const Calls &calls() const { return driver_->calls(); }
  const Gpu &gpu() const { return gpu_; }
  Context handle() const { return context_; }
  /// Every thread must do this before it calls the driver.
  Status makeCurrent() const;
  uint64_t freeBytes() const;
  Status check(Code code, std::string_view what) const { return driver_->check(code, what); }

private:
  GpuContext(std::shared_ptr<const Driver> driver, const Gpu &gpu)
      : driver_(std::move(driver)), gpu_(gpu) {}
  std::shared_ptr<const Driver> driver_;
  Gpu gpu_;
  Context context_ = nullptr;
};

using SharedContext = std::shared_ptr<GpuContext>;

/// A stream that is destroyed with its owner.
class OwnStream {
public:
  static Result<OwnStream> create(const SharedContext &context);
  OwnStream() = default;
  OwnStream(OwnStream &&other) noexcept { swap(other); }
  OwnStream &operator=(OwnStream &&other) noexcept {
    swap(other);
    return *this;
  }
  ~OwnStream();
  Stream get() const { return stream_; }
  Status synchronize(std::string_view what) const;

private:
  void swap(OwnStream &other) noexcept {
    std::swap(context_, other.context_);
    std::swap(stream_, other.stream_);
  }
  SharedContext context_;
  Stream stream_ = nullptr;
};

/// An event without times that is destroyed with its owner.
class OwnEvent {
public:
  static Result<OwnEvent> create(const SharedContext &context);
  OwnEvent() = default;
  OwnEvent(OwnEvent &&other) noexcept { swap(other); }
  OwnEvent &operator=(OwnEvent &&other) noexcept {
    swap(other);
    return *this;
  }
  ~OwnEvent();
  Event get() const { return event_; }

private:
  void swap(OwnEvent &other) noexcept {
    std::swap(context_, other.context_);
    std::swap(event_, other.event_);
  }
  SharedContext context_;
  Event event_ = nullptr;
};

class GpuMemory final : public Memory {
public:
  /// Not zeroed. Id "device-memory" names what was asked, by `what`, and what is free.
  static Result<std::unique_ptr<GpuMemory>> allocate(const SharedContext &context, uint64_t bytes,
                                                     std::string_view what);
  ~GpuMemory() override;
  uint64_t address() const override { return pointer_; }
  uint8_t *host() override { return nullptr; }
  uint64_t bytes() const override { return bytes_; }

private:
  GpuMemory(SharedContext context, uint64_t bytes) : context_(std::move(context)), bytes_(bytes) {}
  SharedContext context_;
  Pointer pointer_ = 0;
  uint64_t bytes_;
};

/// Host memory that the GPU copies from and to without the processor. Zeroed.
class PinnedMemory {
public:
  static Result<std::unique_ptr<PinnedMemory>> allocate(const SharedContext &context,
                                                        uint64_t bytes, std::string_view what);
  ~PinnedMemory();
  PinnedMemory(const PinnedMemory &) = delete;
  PinnedMemory &operator=(const PinnedMemory &) = delete;
  uint8_t *data() { return data_; }

private:
  explicit PinnedMemory(SharedContext context) : context_(std::move(context)) {}
  SharedContext context_;
  uint8_t *data_ = nullptr;
};

/// One place on the GPU, a pinned one per slot.
class GpuStepMemory final : public StepMemory {
public:
  static Result<std::unique_ptr<GpuStepMemory>> allocate(const SharedContext &context,
                                                         uint64_t bytes, std::string_view what);
  uint64_t address() const override { return device_->address(); }
  uint8_t *host(uint32_t slot) override { return host_[slot]->data(); }
  uint64_t bytes() const override { return device_->bytes(); }

private:
  std::unique_ptr<GpuMemory> device_;
  std::unique_ptr<PinnedMemory> host_[kSlots];
};

/// Bytes of one staging buffer: large enough for the full speed of the bus.
inline constexpr uint64_t kStagingBytes = 8u << 20;

/// Copies pieces to their addresses through pinned staging: each of a few members of the team reads
/// ahead into one of its two buffers while the GPU fetches the other. Returns when all is there.
Status uploadPieces(const SharedContext &context, ThreadTeam &team,
                    std::span<const std::span<const uint8_t>> pieces,
                    std::span<const uint64_t> addresses);

} // namespace ingot::cuda
