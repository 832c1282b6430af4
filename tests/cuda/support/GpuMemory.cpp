// operator new of the kernels' tests: with INGOT_TEST_GPU all their memory is managed memory, so
// that a kernel reaches every buffer and every table that a test has on the heap.
#include "tests/cuda/support/GpuImage.h"

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

#ifndef __SANITIZE_ADDRESS__

namespace {

/// Blocks of powers of two from one range; freed ones are kept by size.
class Arena {
public:
  void *allocate(size_t bytes) {
    if (!isReady())
      return nullptr;
    const std::lock_guard lock(mutex_);
    const int order = orderOf(bytes);
    if (Free *block = free_[order]) {
      free_[order] = block->next;
      return block;
    }
    if (size_t(begin_ + kBytes - next_) < size_t(1) << order)
      return nullptr;
    void *block = next_;
    next_ += size_t(1) << order;
    return block;
  }
  bool owns(const void *block) const {
    return begin_ && block >= begin_ && block < begin_ + kBytes;
  }
  void release(void *block, size_t bytes) {
    const std::lock_guard lock(mutex_);
    Free *const freed = static_cast<Free *>(block);
    freed->next = free_[orderOf(bytes)];
    free_[orderOf(bytes)] = freed;
  }

private:
  /// Gets the range; what the driver allocates meanwhile is not from it.
  bool isReady() {
    static thread_local bool starting = false;
    if (starting)
      return false;
    starting = true;
    static uint8_t *const range = static_cast<uint8_t *>(ingot::test::allocateManaged(kBytes));
    starting = false;
    const std::lock_guard lock(mutex_);
    if (!begin_)
      begin_ = next_ = range;
    return true;
  }

  struct Free {
    Free *next;
  };
  static constexpr size_t kBytes = size_t(8) << 30;
  static int orderOf(size_t bytes) { return std::bit_width((bytes < 64 ? 64 : bytes) - 1); }

  std::mutex mutex_;
  uint8_t *begin_ = nullptr, *next_ = nullptr;
  Free *free_[64] = {};
};

constinit Arena arena;
/// In front of every block: its size. A block keeps the alignment of 64 that rows want.
constexpr size_t kHeader = 64;

void *obtain(size_t bytes) {
  static const bool wanted = ingot::test::gpuWanted();
  void *block = wanted ? arena.allocate(bytes + kHeader) : nullptr;
  if (!block)
    block = std::aligned_alloc(64, (bytes + kHeader + 63) / 64 * 64);
  if (!block)
    throw std::bad_alloc();
  *static_cast<size_t *>(block) = bytes + kHeader;
  return static_cast<uint8_t *>(block) + kHeader;
}

void giveBack(void *memory) {
  if (!memory)
    return;
  void *block = static_cast<uint8_t *>(memory) - kHeader;
  if (arena.owns(block))
    arena.release(block, *static_cast<size_t *>(block));
  else
    std::free(block);
}

} // namespace

void *operator new(size_t bytes) { return obtain(bytes); }
void *operator new[](size_t bytes) { return obtain(bytes); }
void *operator new(size_t bytes, std::align_val_t) { return obtain(bytes); } // at most 64
void operator delete(void *memory, std::align_val_t) noexcept { giveBack(memory); }
void operator delete(void *memory, size_t, std::align_val_t) noexcept { giveBack(memory); }
void operator delete(void *memory) noexcept { giveBack(memory); }
void operator delete[](void *memory) noexcept { giveBack(memory); }
void operator delete(void *memory, size_t) noexcept { giveBack(memory); }
void operator delete[](void *memory, size_t) noexcept { giveBack(memory); }

#endif
