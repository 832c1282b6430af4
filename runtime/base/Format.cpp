#include "runtime/base/Format.h"

#include <cstdio>

namespace ingot {

std::string format(const char *pattern, ...) {
  va_list args, copy;
  va_start(args, pattern);
  va_copy(copy, args);
  const int length = std::vsnprintf(nullptr, 0, pattern, args);
  va_end(args);
  std::string text(length > 0 ? static_cast<size_t>(length) : 0, '\0');
  if (length > 0)
    std::vsnprintf(text.data(), text.size() + 1, pattern, copy);
  va_end(copy);
  return text;
}

std::string formatBytes(unsigned long long bytes) {
  static const char *const kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1024.0 && unit < 4) {
    value /= 1024.0;
    ++unit;
  }
  return unit == 0 ? format("%llu B", bytes) : format("%.1f %s", value, kUnits[unit]);
}

} // namespace ingot
