#include "runtime/artifact/Container.h"

#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace ingot {

static_assert(std::endian::native == std::endian::little,
              "headers are copied as they lie in memory");

static constexpr size_t kVersionAt = 8, kFlagsAt = 12, kManifestOffsetAt = 16,
                        kManifestBytesAt = 24;
static constexpr size_t kFileBytesAt = 32, kManifestHashAt = 40, kSignatureAt = 48, kHashAt = 56;

template <typename T>
static T load(std::span<const uint8_t> bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

static Status refuse(const char *id, std::string why) {
  return Status(ErrorClass::Data, id, std::move(why));
}

std::array<uint8_t, kHeaderBytes> encodeHeader(const Header &header) {
  std::array<uint8_t, kHeaderBytes> bytes{};
  const auto store = [&](size_t at, const auto &value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  store(kVersionAt, header.formatVersion);
  store(kFlagsAt, header.flags);
  store(kManifestOffsetAt, header.manifestOffset);
  store(kManifestBytesAt, header.manifestBytes);
  store(kFileBytesAt, header.fileBytes);
  store(kManifestHashAt, header.manifestHash);
  store(kSignatureAt, header.signature);
  store(kHashAt, hash64(bytes.data(), kHashAt));
  return bytes;
}

static Status checkMagic(std::span<const uint8_t> file) {
  if (file.size() < kHeaderBytes)
    return refuse("artifact-truncated",
                  format("the file has %zu bytes, an artifact at least %llu: copy it again",
                         file.size(), ull(kHeaderBytes)));
  if (std::equal(kMagic.begin(), kMagic.end(), file.begin()))
    return Status::ok();
  if (std::equal(kMagic.begin(), kMagic.begin() + 5, file.begin()))
    return refuse("artifact-magic",
                  "bytes 0..7 (magic) are damaged, as by a transfer in text mode: "
                  "copy the file again in binary mode");
  return refuse("artifact-magic", "bytes 0..7 (magic) are not those of an .ingot artifact: give a "
                                  "file written by ingotc");
}

static Status checkVersion(const Header &header) {
  if (header.formatVersion != kFormatVersion)
    return refuse("artifact-version",
                  format("format version %u at byte %zu; this runtime reads version %u: use the "
                         "runtime that belongs to the artifact, or compile it again",
                         header.formatVersion, kVersionAt, kFormatVersion));
  if (header.flags != 0 || header.signature != 0)
    return refuse("artifact-version", format("header flags 0x%x, signature slot 0x%llx: both are 0 "
                                             "in format version %u; use a newer runtime",
                                             header.flags, ull(header.signature), kFormatVersion));
  return Status::ok();
}

static Status checkManifestPlace(const Header &header, uint64_t fileBytes) {
  if (header.fileBytes != fileBytes)
    return refuse(fileBytes < header.fileBytes ? "artifact-truncated" : "artifact-size",
                  format("the file has %llu bytes, its header says %llu: copy it again",
                         ull(fileBytes), ull(header.fileBytes)));
  const bool fits = header.manifestOffset >= kHeaderBytes && header.manifestOffset <= fileBytes &&
                    header.manifestBytes == fileBytes - header.manifestOffset &&
                    header.manifestBytes > 0;
  if (!fits || header.manifestOffset % kPageBytes != 0)
    return refuse(
        "artifact-header",
        format("the manifest should end the file and begin at a multiple of %llu; the header "
               "puts %llu bytes at offset %llu of %llu",
               ull(kPageBytes), ull(header.manifestBytes), ull(header.manifestOffset),
               ull(fileBytes)));
  return Status::ok();
}

Result<Header> decodeHeader(std::span<const uint8_t> file) {
  INGOT_TRY(checkMagic(file));
  const uint64_t hash = hash64(file.data(), kHashAt), stored = load<uint64_t>(file, kHashAt);
  Header header;
  header.formatVersion = load<uint32_t>(file, kVersionAt);
  header.flags = load<uint32_t>(file, kFlagsAt);
  header.manifestOffset = load<uint64_t>(file, kManifestOffsetAt);
  header.manifestBytes = load<uint64_t>(file, kManifestBytesAt);
  header.fileBytes = load<uint64_t>(file, kFileBytesAt);
  header.manifestHash = load<uint64_t>(file, kManifestHashAt);
  header.signature = load<uint64_t>(file, kSignatureAt);
  if (hash != stored)
    return refuse("artifact-header-hash",
                  format("header (bytes 0..63) is damaged: its hash is %016llx, stored is %016llx; "
                         "copy the file again",
                         ull(hash), ull(stored)));
  INGOT_TRY(checkVersion(header));
  INGOT_TRY(checkManifestPlace(header, file.size()));
  const uint64_t manifestHash = hash64(file.subspan(header.manifestOffset));
  if (manifestHash != header.manifestHash)
    return refuse(
        "artifact-manifest-hash",
        format("manifest (bytes %llu..%llu) is damaged: its hash is %016llx, the header has "
               "%016llx; copy the file again",
               ull(header.manifestOffset), ull(file.size() - 1), ull(manifestHash),
               ull(header.manifestHash)));
  return header;
}

size_t firstNonZero(std::span<const uint8_t> bytes) {
  size_t i = 0;
  for (uint64_t word; i + 8 <= bytes.size(); i += 8) {
    std::memcpy(&word, bytes.data() + i, 8);
    if (word != 0)
      break;
  }
  while (i < bytes.size() && bytes[i] == 0)
    ++i;
  return i;
}

} // namespace ingot
