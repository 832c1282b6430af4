#include "runtime/kv/BlockTable.h"

namespace ingot {

bool BlockTable::tryGrow(uint32_t blocks, BlockPool &pool) {
  if (blocks <= size())
    return true;
  if (blocks - size() > pool.freeBlocks())
    return false;
  ids_.reserve(blocks);
  while (size() < blocks)
    ids_.push_back(*pool.tryAllocate());
  return true;
}

void BlockTable::releaseAll(BlockPool &pool) {
  for (const BlockId id : ids_)
    pool.release(id);
  ids_.clear();
}

} // namespace ingot
