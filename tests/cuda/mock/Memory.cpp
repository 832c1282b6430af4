#include "tests/cuda/mock/State.h"

#include <cstdlib>
#include <sys/mman.h>

namespace ingot::mock {

static constexpr uint64_t kPage = 4096, kAlign = 256;

static uint64_t rounded(uint64_t bytes, uint64_t to) { return (bytes + to - 1) / to * to; }

uint64_t State::usedBytes() const {
  uint64_t used = 0;
  for (const auto &[begin, allocation] : memory)
    used += allocation.bytes;
  return used;
}

uint64_t State::live() const {
  return memory.size() + pinned.size() + streams.size() + events.size() + modules.size() +
         graphsAlive.size() + execs.size() + static_cast<uint64_t>(contextUses);
}

bool State::isPinned(const void *pointer, uint64_t bytes) const {
  const auto address = reinterpret_cast<uint64_t>(pointer);
  const auto after = pinned.upper_bound(address);
  if (after == pinned.begin())
    return false;
  const auto &[begin, size] = *std::prev(after);
  return address - begin <= size && bytes <= size - (address - begin);
}

bool State::isDevice(uint64_t pointer, uint64_t bytes) const {
  const auto after = memory.upper_bound(pointer);
  if (after == memory.begin())
    return false;
  const Allocation &allocation = std::prev(after)->second;
  const uint64_t offset = pointer - allocation.begin;
  return offset <= allocation.bytes && bytes <= allocation.bytes - offset;
}

/// The bytes end at an unmapped page, as far as alignment allows, and hold no zeros.
Code allocate(Pointer *pointer, size_t bytes) {
  State &s = state();
  if (bytes == 0)
    return kInvalidValue;
  if (bytes > s.machine.memoryBytes - s.usedBytes())
    return kOutOfMemory;
  const uint64_t inner = rounded(rounded(bytes, kAlign), kPage);
  void *map = ::mmap(nullptr, inner + 2 * kPage, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED)
    return kOutOfMemory;
  Allocation allocation{static_cast<uint8_t *>(map), inner + 2 * kPage, 0, bytes};
  allocation.begin = reinterpret_cast<uint64_t>(map) + kPage + inner - rounded(bytes, kAlign);
  constexpr uint64_t kMostDirtied = 64u << 20;
  if (bytes <= kMostDirtied) {
    ::mprotect(allocation.map + kPage, inner, PROT_READ | PROT_WRITE);
    for (uint64_t i = 0; i < inner; ++i)
      allocation.map[kPage + i] = 0xcd;
    ::mprotect(allocation.map + kPage, inner, PROT_NONE);
  }
  if (!s.machine.guarded)
    ::mprotect(allocation.map + kPage, inner, PROT_READ | PROT_WRITE);
  *pointer = allocation.begin;
  s.memory.emplace(allocation.begin, allocation);
  return kSuccess;
}

Code release(Pointer pointer) {
  State &s = state();
  const auto found = s.memory.find(pointer);
  if (found == s.memory.end())
    return kInvalidValue;
  const Code code = runAll(); // as the real one waits
  ::munmap(found->second.map, found->second.mapBytes);
  s.memory.erase(found);
  return code;
}

void forgetObjects(State &s) {
  for (const auto &[begin, allocation] : s.memory)
    ::munmap(allocation.map, allocation.mapBytes);
  for (const auto &[begin, bytes] : s.pinned)
    std::free(reinterpret_cast<void *>(begin));
  s.memory.clear();
  s.pinned.clear();
  s.streams.clear();
  s.events.clear();
  s.execs.clear();
  s.graphsAlive.clear();
  s.modules.clear();
  s.contextUses = 0;
}

void Opened::protect(bool open) {
  if (!state().machine.guarded)
    return;
  for (const auto &[begin, allocation] : state().memory)
    ::mprotect(allocation.map + kPage, allocation.mapBytes - 2 * kPage,
               open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

} // namespace ingot::mock
