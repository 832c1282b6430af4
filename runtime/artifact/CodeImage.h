// Strict loader of native code: an import-free, relocation-free shared object (ET_DYN, x86-64)
// mapped straight out of the artifact. No dynamic linker takes part: what is not plain is refused.
#pragma once

#include "runtime/artifact/KernelAbi.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ingot {

/// One exported function of an image: offset from the load address.
struct ImageSymbol {
  std::string_view name; ///< points into the image's file bytes
  uint64_t address = 0;
  uint64_t size = 0;
};

/// One PT_LOAD.
struct ImagePart {
  uint64_t fileOffset = 0, fileBytes = 0; ///< inside the image
  uint64_t address = 0, memoryBytes = 0;  ///< from the load address
  bool executable = false;
};

/// The parsed and checked form of an image; points into the bytes it was read from.
struct ImageLayout {
  std::vector<ImagePart> parts;
  std::vector<ImageSymbol> symbols; ///< exported functions inside executable parts
  uint64_t memoryBytes = 0;         ///< from address 0 to the end of the last part, whole pages
};

/// Checks an ELF file held in memory. Refused with id "image-...": other machines and types,
/// headers out of range, imports, relocations, constructors, thread-local data, an interpreter,
/// parts that overlap or are both writable and executable, an executable stack.
Result<ImageLayout> parseImage(std::span<const uint8_t> bytes);

/// Native code ready to be called.
class CodeImage {
public:
  enum class Source { Mapped, Copied };

  /// Maps the image at `offset` of the open file `descriptor`; `bytes` are the same bytes, already
  /// mapped. Falls back to a private copy when the file cannot be mapped executable (a mount with
  /// noexec, parts not page-aligned); `descriptor` -1 always copies.
  /// Parts that ask for write permission are mapped readable only: kernels hold no mutable state.
  static Result<CodeImage> load(std::span<const uint8_t> bytes, int descriptor, uint64_t offset);

  CodeImage() = default;
  CodeImage(CodeImage &&other) noexcept { swap(other); }
  CodeImage &operator=(CodeImage &&other) noexcept {
    swap(other);
    return *this;
  }
  ~CodeImage();

  /// The address of an exported function, null when there is none.
  const void *find(std::string_view name) const;
  /// The same as a kernel; fails with id "image-symbol".
  Result<abi::KernelFn> kernel(std::string_view name) const;
  Source source() const { return source_; }
  const std::vector<ImageSymbol> &symbols() const { return symbols_; }

private:
  void swap(CodeImage &other) noexcept;

  uint8_t *base_ = nullptr;
  uint64_t bytes_ = 0;
  Source source_ = Source::Copied;
  std::vector<ImageSymbol> symbols_; ///< sorted by name; names point into the bytes given to load
};

} // namespace ingot
