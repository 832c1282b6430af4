#include "runtime/artifact/CodeImage.h"

#include "runtime/artifact/Container.h"
#include "runtime/base/Format.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace ingot {

/// Address space for the whole image, no access.
static uint8_t *reserve(uint64_t bytes) {
  void *base =
      ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return base == MAP_FAILED ? nullptr : static_cast<uint8_t *>(base);
}

static int protectionOf(const ImagePart &part) {
  return part.executable ? PROT_READ | PROT_EXEC : PROT_READ;
}

/// Maps the pages of the file over the reserved addresses. False when a part is not page-aligned in
/// the file, needs zeros behind its bytes, or the mount forbids execution.
static bool mapParts(const ImageLayout &layout, int descriptor, uint64_t offset, uint8_t *base) {
  for (const ImagePart &part : layout.parts) {
    const uint64_t within = part.address % kPageBytes;
    const bool plain = (offset + part.fileOffset) % kPageBytes == within &&
                       part.fileOffset >= within && part.fileBytes == part.memoryBytes;
    if (!plain || ::mmap(base + part.address - within, part.fileBytes + within, protectionOf(part),
                         MAP_PRIVATE | MAP_FIXED, descriptor,
                         static_cast<off_t>(offset + part.fileOffset - within)) == MAP_FAILED)
      return false;
  }
  return true;
}

static bool copyParts(const ImageLayout &layout, std::span<const uint8_t> bytes, uint8_t *base) {
  if (::mmap(base, layout.memoryBytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
    return false;
  for (const ImagePart &part : layout.parts)
    std::memcpy(base + part.address, bytes.data() + part.fileOffset, part.fileBytes);
  if (::mprotect(base, layout.memoryBytes, PROT_READ) != 0)
    return false;
  for (const ImagePart &part : layout.parts) {
    const uint64_t within = part.address % kPageBytes;
    if (::mprotect(base + part.address - within, part.memoryBytes + within, protectionOf(part)) !=
        0)
      return false;
  }
  return true;
}

Result<CodeImage> CodeImage::load(std::span<const uint8_t> bytes, int descriptor, uint64_t offset) {
  INGOT_ASSIGN(ImageLayout layout, parseImage(bytes));
  CodeImage image;
  image.bytes_ = layout.memoryBytes;
  image.base_ = reserve(image.bytes_);
  const bool mapped =
      image.base_ && descriptor >= 0 && mapParts(layout, descriptor, offset, image.base_);
  if (!image.base_ || (!mapped && !copyParts(layout, bytes, image.base_)))
    return Status(
        ErrorClass::Os, "image-map",
        format("cannot make %llu bytes of code executable: %s; a security policy may forbid it",
               static_cast<unsigned long long>(image.bytes_), std::strerror(errno)));
  image.source_ = mapped ? Source::Mapped : Source::Copied;
  image.symbols_ = std::move(layout.symbols);
  return image;
}

CodeImage::~CodeImage() {
  if (base_)
    ::munmap(base_, bytes_);
}

void CodeImage::swap(CodeImage &other) noexcept {
  std::swap(base_, other.base_);
  std::swap(bytes_, other.bytes_);
  std::swap(source_, other.source_);
  std::swap(symbols_, other.symbols_);
}

const void *CodeImage::find(std::string_view name) const {
  const auto it = std::lower_bound(
      symbols_.begin(), symbols_.end(), name,
      [](const ImageSymbol &symbol, std::string_view wanted) { return symbol.name < wanted; });
  return it != symbols_.end() && it->name == name ? base_ + it->address : nullptr;
}

Result<abi::KernelFn> CodeImage::kernel(std::string_view name) const {
  const void *address = find(name);
  if (!address)
    return Status(ErrorClass::Data, "image-symbol",
                  format("the code image exports no function \"%.*s\"; compile the artifact again",
                         static_cast<int>(name.size()), name.data()));
  return reinterpret_cast<abi::KernelFn>(const_cast<void *>(address));
}

} // namespace ingot
