// Small printf-style formatting into std::string, so that error messages carry their numbers.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <string>

namespace ingot {

/// snprintf into a string of the right size.
[[gnu::format(printf, 1, 2)]] std::string format(const char *pattern, ...);

/// printf's %llu for uint64_t.
inline unsigned long long ull(uint64_t value) { return value; }

/// Bytes for people: "512 B", "1.5 KiB", "803.2 MiB".
std::string formatBytes(unsigned long long bytes);

} // namespace ingot
