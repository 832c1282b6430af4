// What host execution tells AddressSanitizer: poisoned memory and switches of stacks. Nothing
// without it.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define INGOT_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#include <cstddef>

namespace ingot::gpu::host {

inline void poison([[maybe_unused]] const void *at, [[maybe_unused]] size_t bytes) {
#ifdef INGOT_ASAN
  ASAN_POISON_MEMORY_REGION(at, bytes);
#endif
}
inline void unpoison([[maybe_unused]] const void *at, [[maybe_unused]] size_t bytes) {
#ifdef INGOT_ASAN
  ASAN_UNPOISON_MEMORY_REGION(at, bytes);
#endif
}

/// Before leaving a stack for [bottom, bottom + bytes); *fake keeps the left one's (null: it ends).
inline void startSwitch([[maybe_unused]] void **fake, [[maybe_unused]] const void *bottom,
                        [[maybe_unused]] size_t bytes) {
#ifdef INGOT_ASAN
  __sanitizer_start_switch_fiber(fake, bottom, bytes);
#endif
}
/// After coming back to a stack.
inline void finishSwitch([[maybe_unused]] void *fake) {
#ifdef INGOT_ASAN
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
}
/// First on a new stack; tells the bounds of the stack it came from, where asked for.
inline void finishSwitchFirst([[maybe_unused]] const void **bottom,
                              [[maybe_unused]] size_t *bytes) {
#ifdef INGOT_ASAN
  size_t unused;
  const void *other;
  __sanitizer_finish_switch_fiber(nullptr, bottom ? bottom : &other, bottom ? bytes : &unused);
#endif
}

} // namespace ingot::gpu::host
