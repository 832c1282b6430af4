#include "codegen/cuda/KernelCache.h"

#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace ingot::cuda {

namespace fs = std::filesystem;

namespace {

/// An entry: the hash of what follows, then the bytes.
constexpr size_t kHashBytes = 8;
constexpr const char *kSuffix = ".kernel";

} // namespace

KernelCache KernelCache::standard() {
  const auto variable = [](const char *name) {
    const char *value = std::getenv(name);
    return std::string(value ? value : "");
  };
  // The specification wants relative paths ignored.
  if (const std::string base = variable("XDG_CACHE_HOME"); base.starts_with("/"))
    return KernelCache(base + "/ingot/kernels");
  if (const std::string home = variable("HOME"); home.starts_with("/"))
    return KernelCache(home + "/.cache/ingot/kernels");
  return KernelCache("");
}

std::string KernelCache::keyOf(std::span<const std::string_view> parts) {
  StreamHash low, high;
  low.begin(1);
  high.begin(2);
  for (std::string_view part : parts) {
    const uint64_t bytes = part.size();
    for (StreamHash *hash : {&low, &high}) {
      hash->add({reinterpret_cast<const uint8_t *>(&bytes), sizeof bytes});
      hash->add({reinterpret_cast<const uint8_t *>(part.data()), part.size()});
    }
  }
  return format("%016llx%016llx", ull(high.digest()), ull(low.digest()));
}

/// The bytes of a regular file of at most `most`; anything else has none.
static std::vector<uint8_t> readEntry(const fs::path &path, uint64_t most) {
  std::error_code error;
  if (!fs::is_regular_file(path, error))
    return {};
  const uint64_t size = fs::file_size(path, error);
  if (error || size > most)
    return {};
  std::ifstream file(path, std::ios::binary);
  std::vector<uint8_t> bytes(size);
  file.read(reinterpret_cast<char *>(bytes.data()), static_cast<std::streamsize>(size));
  return file ? bytes : std::vector<uint8_t>();
}

std::optional<std::vector<uint8_t>> KernelCache::find(const std::string &key) const {
  if (folder_.empty())
    return std::nullopt;
  const fs::path path = fs::path(folder_) / (key + kSuffix);
  std::vector<uint8_t> bytes = readEntry(path, maxBytes_);
  uint64_t stored = 0;
  if (bytes.size() < kHashBytes)
    return std::nullopt;
  std::memcpy(&stored, bytes.data(), kHashBytes);
  bytes.erase(bytes.begin(), bytes.begin() + kHashBytes);
  if (hash64(std::span<const uint8_t>(bytes)) != stored)
    return std::nullopt;
  std::error_code ignored; // used now: the last to be trimmed
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
  return bytes;
}

void KernelCache::store(const std::string &key, std::span<const uint8_t> bytes) const {
  if (folder_.empty())
    return;
  std::error_code error;
  fs::create_directories(folder_, error);
  static std::atomic<uint64_t> count{0};
  const fs::path path = fs::path(folder_) / (key + kSuffix);
  const fs::path draft =
      fs::path(folder_) / format("%s.%ld.%llu.tmp", key.c_str(), static_cast<long>(::getpid()),
                                 ull(count.fetch_add(1)));
  const uint64_t hash = hash64(bytes);
  std::ofstream file(draft, std::ios::binary);
  file.write(reinterpret_cast<const char *>(&hash), sizeof hash);
  file.write(reinterpret_cast<const char *>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (file)
    fs::rename(draft, path, error);
  if (!file || error)
    fs::remove(draft, error);
}

void KernelCache::trim() const {
  if (folder_.empty())
    return;
  struct Entry {
    fs::file_time_type used;
    fs::path path;
    uint64_t bytes;
  };
  std::vector<Entry> entries;
  uint64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone; // another process may trim at the same time
    const Entry entry{it->last_write_time(gone), it->path(), it->file_size(gone)};
    if (gone)
      continue;
    total += entry.bytes;
    entries.push_back(entry);
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry &a, const Entry &b) { return a.used < b.used; });
  for (const Entry &entry : entries) {
    if (total <= maxBytes_)
      return;
    fs::remove(entry.path, error);
    total -= entry.bytes;
  }
}

} // namespace ingot::cuda
