// cp.async: the bytes are read at the issue and written at the wait that requires them; between the
// two the destination holds NaN.
#include "codegen/cuda/host/State.h"

#include <algorithm>

namespace ingot::gpu::host {

void issueCopy(void *shared, const void *global, u32 bytes, bool valid, Where where) {
  sharedOffset(shared, bytes, bytes, "cp.async to", where);
  checkAligned(global, bytes, "cp.async from", where);
  AsyncCopy copy = {static_cast<u8 *>(shared), {}, bytes, where};
  if (valid)
    std::memcpy(copy.data, global, bytes);
  std::memset(shared, kPoisonByte, bytes);
  Thread &thread = self();
  thread.copies.push_back(copy);
  ++thread.uncommitted;
}

void commitCopies() {
  Thread &thread = self();
  thread.groups.push_back(thread.uncommitted);
  thread.uncommitted = 0;
}

void waitCopies(u32 youngest) {
  Thread &thread = self();
  if (thread.groups.size() <= youngest)
    return;
  const size_t groups = thread.groups.size() - youngest;
  size_t count = 0;
  for (size_t i = 0; i < groups; ++i)
    count += thread.groups[i];
  const auto write = [](const AsyncCopy &copy) { std::memcpy(copy.to, copy.data, copy.bytes); };
  if (block().launch.order == Order::Forward)
    std::for_each(thread.copies.begin(), thread.copies.begin() + count, write);
  else
    std::for_each(thread.copies.rend() - count, thread.copies.rend(), write);
  thread.copies.erase(thread.copies.begin(), thread.copies.begin() + count);
  thread.groups.erase(thread.groups.begin(), thread.groups.begin() + groups);
}

void checkThreadLeaves(Thread &thread) {
  if (!thread.copies.empty())
    fail(thread.copies.front().where,
         "thread %u leaves with %zu asynchronous copies that it did not wait for",
         thread.threadIndex, thread.copies.size());
}

} // namespace ingot::gpu::host
