#include "runtime/artifact/ModuleBundle.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <cstring>

namespace ingot {

namespace {

constexpr uint32_t kBundleMagic = 0x424d4749; // "IGMB"
constexpr uint64_t kBundleHeadBytes = 8, kBundleEntryBytes = 20, kBundleAlign = 64;
/// Far above any plan; keeps a damaged count from asking for memory.
constexpr uint32_t kMaxModules = 1u << 16, kMaxKernels = 1u << 16;

template <typename Int>
Int readBundle(std::span<const uint8_t> bytes, uint64_t offset) {
  Int value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <typename Int>
void append(std::vector<uint8_t> &out, Int value) {
  const auto *bytes = reinterpret_cast<const uint8_t *>(&value);
  out.insert(out.end(), bytes, bytes + sizeof value);
}

Status badBundle(std::string why) {
  return Status(ErrorClass::Data, "code-bundle", std::move(why));
}

uint64_t bundleAligned(uint64_t bytes) {
  return (bytes + kBundleAlign - 1) / kBundleAlign * kBundleAlign;
}

} // namespace

Result<std::vector<CodeModule>> readModuleBundle(std::span<const uint8_t> bytes) {
  if (bytes.size() < kBundleHeadBytes || readBundle<uint32_t>(bytes, 0) != kBundleMagic)
    return badBundle("the image is no bundle of modules");
  const uint32_t count = readBundle<uint32_t>(bytes, 4);
  if (count == 0 || count > kMaxModules ||
      bytes.size() < kBundleHeadBytes + count * kBundleEntryBytes)
    return badBundle(format("%u modules do not fit an image of %zu bytes", count, bytes.size()));
  std::vector<CodeModule> modules(count);
  std::vector<std::string_view> names;
  uint64_t text = kBundleHeadBytes + count * kBundleEntryBytes;
  for (uint32_t m = 0; m < count; ++m) {
    const uint32_t kernels =
        readBundle<uint32_t>(bytes, kBundleHeadBytes + m * kBundleEntryBytes + 16);
    if (kernels == 0 || kernels > kMaxKernels)
      return badBundle(format("module %u claims %u kernels", m, kernels));
    for (uint32_t k = 0; k < kernels; ++k) {
      const auto end = std::find(bytes.begin() + static_cast<ptrdiff_t>(text), bytes.end(), 0);
      const uint64_t length = static_cast<uint64_t>(end - bytes.begin()) - text;
      if (end == bytes.end() || length == 0)
        return badBundle(format("module %u: the name of kernel %u has no end", m, k));
      names.emplace_back(reinterpret_cast<const char *>(bytes.data()) + text, length);
      modules[m].kernels.push_back(names.back());
      text += length + 1;
    }
  }
  uint64_t expected = text;
  for (uint32_t m = 0; m < count; ++m) {
    const uint64_t offset = readBundle<uint64_t>(bytes, kBundleHeadBytes + m * kBundleEntryBytes);
    const uint64_t size = readBundle<uint64_t>(bytes, kBundleHeadBytes + m * kBundleEntryBytes + 8);
    if (offset != bundleAligned(expected) || size == 0 || offset > bytes.size() ||
        size > bytes.size() - offset)
      return badBundle(format("module %u: bytes %llu..+%llu do not follow byte %llu of an image of "
                              "%zu bytes",
                              m, ull(offset), ull(size), ull(expected), bytes.size()));
    if (std::any_of(bytes.begin() + static_cast<ptrdiff_t>(expected),
                    bytes.begin() + static_cast<ptrdiff_t>(offset),
                    [](uint8_t byte) { return byte != 0; }))
      return badBundle(format("module %u: the padding in front of it is not zero", m));
    modules[m].bytes = bytes.subspan(offset, size);
    expected = offset + size;
  }
  if (expected != bytes.size())
    return badBundle(format("%llu bytes follow the last module", ull(bytes.size() - expected)));
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    return badBundle("kernel " + std::string(*twice) + " is defined twice");
  return modules;
}

std::vector<uint8_t> writeModuleBundle(std::span<const CodeModule> modules) {
  uint64_t text = kBundleHeadBytes + modules.size() * kBundleEntryBytes;
  for (const CodeModule &module : modules)
    for (std::string_view name : module.kernels)
      text += name.size() + 1;
  std::vector<uint8_t> out;
  append(out, kBundleMagic);
  append(out, static_cast<uint32_t>(modules.size()));
  uint64_t offset = text;
  for (const CodeModule &module : modules) {
    offset = bundleAligned(offset);
    append(out, offset);
    append(out, static_cast<uint64_t>(module.bytes.size()));
    append(out, static_cast<uint32_t>(module.kernels.size()));
    offset += module.bytes.size();
  }
  for (const CodeModule &module : modules)
    for (std::string_view name : module.kernels) {
      out.insert(out.end(), name.begin(), name.end());
      out.push_back(0);
    }
  for (const CodeModule &module : modules) {
    out.resize(bundleAligned(out.size()), 0);
    out.insert(out.end(), module.bytes.begin(), module.bytes.end());
  }
  return out;
}

} // namespace ingot
