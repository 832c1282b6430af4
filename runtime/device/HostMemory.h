// Memory of devices that compute in the host's address space.
#pragma once

#include "runtime/base/MappedFile.h"
#include "runtime/device/Device.h"

namespace ingot {

class HostMemory final : public Memory {
public:
  static Result<std::unique_ptr<Memory>> allocate(uint64_t bytes) {
    INGOT_ASSIGN(AnonymousMemory storage, AnonymousMemory::allocate(bytes));
    return std::unique_ptr<Memory>(new HostMemory(std::move(storage)));
  }
  uint8_t *data() override { return storage_.data(); }
  uint64_t bytes() const override { return storage_.size(); }

private:
  explicit HostMemory(AnonymousMemory storage) : storage_(std::move(storage)) {}
  AnonymousMemory storage_;
};

} // namespace ingot
