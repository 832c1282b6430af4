#include "runtime/kv/BlockPool.h"

#include "runtime/base/Format.h"

#include <cassert>
#include <numeric>

namespace ingot {

BlockPool::BlockPool(uint32_t count) : references_(count, 0), queue_(count), freeCount_(count) {
  std::iota(queue_.begin(), queue_.end(), 0u);
}

BlockPool::BlockPool(std::span<const BlockId> order)
    : references_(order.size(), 0), queue_(order.begin(), order.end()),
      freeCount_(static_cast<uint32_t>(order.size())) {
  assert(checkInvariants().isOk() && "the order must be a permutation");
}

std::optional<BlockId> BlockPool::tryAllocate() {
  if (freeCount_ == 0)
    return std::nullopt;
  const BlockId id = queue_[head_];
  head_ = head_ + 1 == totalBlocks() ? 0 : head_ + 1;
  --freeCount_;
  references_[id] = 1;
  return id;
}

void BlockPool::retain(BlockId id) {
  assert(id < totalBlocks() && references_[id] > 0 && "only a used block can be shared");
  ++references_[id];
}

void BlockPool::release(BlockId id) {
  assert(id < totalBlocks() && references_[id] > 0 && "block released twice");
  if (--references_[id] > 0)
    return;
  const uint64_t tail = uint64_t(head_) + freeCount_;
  queue_[tail % totalBlocks()] = id;
  ++freeCount_;
}

Status BlockPool::checkInvariants() const {
  std::vector<uint8_t> listed(totalBlocks(), 0);
  for (uint32_t i = 0; i < freeCount_; ++i) {
    const BlockId id = queue_[(uint64_t(head_) + i) % totalBlocks()];
    if (id >= totalBlocks() || listed[id] || references_[id] != 0)
      return {ErrorClass::Internal, "block-pool-corrupt",
              format("entry %u of the free queue is block %u: out of range, listed twice or owned",
                     i, id)};
    listed[id] = 1;
  }
  for (BlockId id = 0; id < totalBlocks(); ++id)
    if (!listed[id] && references_[id] == 0)
      return {
          ErrorClass::Internal, "block-pool-leak",
          format("block %u of %u has no owner and is not in the free queue", id, totalBlocks())};
  return Status::ok();
}

} // namespace ingot
