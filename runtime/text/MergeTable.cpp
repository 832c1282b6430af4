#include "runtime/text/MergeTable.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace ingot {

namespace {

uint32_t hashPair(uint32_t left, uint32_t right) {
  uint64_t h = (static_cast<uint64_t>(left) << 32 | right) * 0x9e3779b97f4a7c15u;
  h ^= h >> 29;
  return static_cast<uint32_t>((h * 0xbf58476d1ce4e5b9u) >> 32);
}

} // namespace

uint32_t MergeTable::build(const std::vector<TokenMerge> &merges) {
  merges_ = merges.data();
  const size_t slots = std::bit_ceil(std::max<size_t>(16, merges.size() * 2));
  slots_.assign(slots, kNone);
  mask_ = static_cast<uint32_t>(slots - 1);
  for (uint32_t i = 0; i < merges.size(); ++i) {
    uint32_t slot = hashPair(merges[i].left, merges[i].right) & mask_;
    for (; slots_[slot] != kNone; slot = (slot + 1) & mask_) {
      const TokenMerge &other = merges[slots_[slot]];
      if (other.left == merges[i].left && other.right == merges[i].right)
        return i;
    }
    slots_[slot] = i;
  }
  return kNone;
}

uint32_t MergeTable::rank(uint32_t left, uint32_t right) const {
  for (uint32_t slot = hashPair(left, right) & mask_; slots_[slot] != kNone;
       slot = (slot + 1) & mask_) {
    const TokenMerge &merge = merges_[slots_[slot]];
    if (merge.left == left && merge.right == right)
      return slots_[slot];
  }
  return kNone;
}

void Merger::consider(uint32_t left, uint32_t right) {
  const uint32_t rank = table_.rank(list_[left].id, list_[right].id);
  if (rank == MergeTable::kNone)
    return;
  heap_.push_back(static_cast<uint64_t>(rank) << 32 | left);
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

void Merger::join(uint32_t left, uint32_t rank) {
  Symbol &symbol = list_[left];
  const uint32_t right = symbol.next;
  symbol.id = table_.result(rank);
  symbol.next = list_[right].next;
  list_[right].id = kEnd;
  if (symbol.next != kEnd)
    list_[symbol.next].previous = left;
  if (symbol.previous != kEnd)
    consider(symbol.previous, left);
  if (symbol.next != kEnd)
    consider(left, symbol.next);
}

void Merger::merge(const std::vector<uint32_t> &symbols, std::vector<uint32_t> &out) {
  const uint32_t count = static_cast<uint32_t>(symbols.size());
  list_.clear();
  heap_.clear();
  for (uint32_t i = 0; i < count; ++i)
    list_.push_back({symbols[i], i == 0 ? kEnd : i - 1, i + 1 == count ? kEnd : i + 1});
  for (uint32_t i = 0; i + 1 < count; ++i)
    consider(i, i + 1);

  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const uint64_t top = heap_.back();
    heap_.pop_back();
    const uint32_t left = static_cast<uint32_t>(top);
    if (list_[left].id == kEnd || list_[left].next == kEnd)
      continue;
    // The pair may have changed since it was queued. An entry counts as current while the pair
    // there makes the same token, even by another merge: the rule of the Hugging Face
    // implementation.
    const uint32_t current = table_.rank(list_[left].id, list_[list_[left].next].id);
    if (current == MergeTable::kNone ||
        table_.result(current) != table_.result(static_cast<uint32_t>(top >> 32)))
      continue;
    join(left, current);
  }
  for (uint32_t i = 0; i != kEnd && i < count; i = list_[i].next)
    out.push_back(list_[i].id);
}

} // namespace ingot
