// A read-only memory mapping of a whole file.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>

namespace ingot {

/// True for a regular file, or a link to one.
bool isFile(const std::string &path);
/// True when the name is taken by anything, such as a directory or a link to nothing.
bool isThere(const std::string &path);

class MappedFile {
public:
  /// Maps `path`; an empty file gives an empty span. Directories, pipes and devices are refused.
  static Result<MappedFile> open(const std::string &path);

  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept { swap(other); }
  MappedFile &operator=(MappedFile &&other) noexcept {
    swap(other);
    return *this;
  }
  ~MappedFile();

  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  /// The open descriptor, for mapping parts of the file again; owned by this object.
  int descriptor() const { return descriptor_; }

private:
  void swap(MappedFile &other) noexcept;

  const uint8_t *data_ = nullptr;
  size_t size_ = 0;
  int descriptor_ = -1;
};

/// Anonymous zeroed memory, huge pages where the system offers them; for weights that are generated
/// instead of mapped and for arenas.
class AnonymousMemory {
public:
  static Result<AnonymousMemory> allocate(uint64_t bytes);

  AnonymousMemory() = default;
  AnonymousMemory(AnonymousMemory &&other) noexcept { swap(other); }
  AnonymousMemory &operator=(AnonymousMemory &&other) noexcept {
    swap(other);
    return *this;
  }
  ~AnonymousMemory();

  uint8_t *data() { return data_; }
  const uint8_t *data() const { return data_; }
  size_t size() const { return size_; }

private:
  void swap(AnonymousMemory &other) noexcept;

  uint8_t *data_ = nullptr;
  size_t size_ = 0;
};

} // namespace ingot
