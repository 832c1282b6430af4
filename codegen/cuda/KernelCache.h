// Compiled kernels by the hash of everything they depend on, kept between runs of the compiler.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::cuda {

/// A folder of blobs named by their key. Several processes may share it: entries appear by rename.
/// A missing, damaged or unwritable folder makes everything slower and nothing fail.
class KernelCache {
public:
  /// The folder $XDG_CACHE_HOME/ingot/kernels, else ~/.cache/ingot/kernels; none of them: no cache.
  static KernelCache standard();
  explicit KernelCache(std::string folder, uint64_t maxBytes = kMaxBytes)
      : folder_(std::move(folder)), maxBytes_(maxBytes) {}

  /// Most bytes the folder may hold; the entries used longest ago make room.
  static constexpr uint64_t kMaxBytes = uint64_t(256) << 20;

  /// 32 hex digits from the parts, whose borders count.
  static std::string keyOf(std::span<const std::string_view> parts);

  std::optional<std::vector<uint8_t>> find(const std::string &key) const;
  void store(const std::string &key, std::span<const uint8_t> bytes) const;
  /// Removes the oldest entries until the folder is below its limit; after a run.
  void trim() const;

private:
  std::string folder_; ///< empty: no cache
  uint64_t maxBytes_;
};

} // namespace ingot::cuda
