// What devices that compute in the host's address space have in common: memory that is the host's,
// nothing to prepare, nothing that travels, one step at a time.
#pragma once

#include "runtime/base/MappedFile.h"
#include "runtime/device/Device.h"

#include <cassert>
#include <cstring>

namespace ingot {

inline uint64_t hostAddress(const void *pointer) { return reinterpret_cast<uint64_t>(pointer); }

class HostMemory final : public Memory, public StepMemory {
public:
  explicit HostMemory(AnonymousMemory storage) : storage_(std::move(storage)) {}
  uint64_t address() const override { return hostAddress(storage_.data()); }
  uint8_t *host() override { return storage_.data(); }
  uint8_t *host([[maybe_unused]] uint32_t slot) override {
    assert(slot == 0 && "one step at a time");
    return storage_.data();
  }
  uint64_t bytes() const override { return storage_.size(); }

private:
  AnonymousMemory storage_;
};

class HostDevice : public Device {
public:
  bool sharesHostMemory() const override { return true; }
  uint32_t stepsInFlight() const override { return 1; }

  Result<std::unique_ptr<Memory>> allocate(uint64_t bytes, std::string_view) override {
    INGOT_ASSIGN(AnonymousMemory storage, AnonymousMemory::allocate(bytes));
    return std::unique_ptr<Memory>(new HostMemory(std::move(storage)));
  }
  Result<std::unique_ptr<StepMemory>> allocateStep(uint64_t bytes, std::string_view) override {
    INGOT_ASSIGN(AnonymousMemory storage, AnonymousMemory::allocate(bytes));
    return std::unique_ptr<StepMemory>(new HostMemory(std::move(storage)));
  }
  Result<PlacedBytes> place(std::span<const std::span<const uint8_t>> pieces,
                            std::string_view) override {
    PlacedBytes placed;
    for (const std::span<const uint8_t> piece : pieces)
      placed.addresses.push_back(hostAddress(piece.data()));
    return placed;
  }
  Status write(Memory &to, uint64_t offset, std::span<const uint8_t> from) override {
    std::memcpy(to.host() + offset, from.data(), from.size());
    return Status::ok();
  }
  Status read(Memory &from, uint64_t offset, std::span<uint8_t> to) override {
    std::memcpy(to.data(), from.host() + offset, to.size());
    return Status::ok();
  }
  Status prepare(Program &) override { return Status::ok(); }
  void drain() override {}
};

} // namespace ingot
