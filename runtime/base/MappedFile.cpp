#include "runtime/base/MappedFile.h"

#include "runtime/base/Format.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ingot {

bool isFile(const std::string &path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

bool isThere(const std::string &path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

Result<MappedFile> MappedFile::open(const std::string &path) {
  MappedFile file;
  file.descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.descriptor_ < 0)
    return Status(ErrorClass::NoInput, errno == ENOENT ? "file-missing" : "file-unreadable",
                  format("cannot open %s: %s; check the path and its permissions", path.c_str(),
                         std::strerror(errno)));
  struct stat info;
  if (::fstat(file.descriptor_, &info) != 0)
    return Status(ErrorClass::NoInput, "file-unreadable",
                  format("cannot examine %s: %s", path.c_str(), std::strerror(errno)));
  if (!S_ISREG(info.st_mode))
    return Status(ErrorClass::NoInput, "file-not-regular",
                  format("%s is %s, not a regular file; give the path of a file", path.c_str(),
                         S_ISDIR(info.st_mode) ? "a directory" : "a pipe or device"));
  if (info.st_size == 0)
    return file;
  const size_t size = static_cast<size_t>(info.st_size);
  void *data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.descriptor_, 0);
  if (data == MAP_FAILED)
    return Status(
        ErrorClass::Os, "file-map",
        format("cannot map the %zu bytes of %s: %s", size, path.c_str(), std::strerror(errno)));
  file.data_ = static_cast<const uint8_t *>(data);
  file.size_ = size;
  return file;
}

MappedFile::~MappedFile() {
  if (data_)
    ::munmap(const_cast<uint8_t *>(data_), size_);
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

void MappedFile::swap(MappedFile &other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(descriptor_, other.descriptor_);
}

Result<AnonymousMemory> AnonymousMemory::allocate(uint64_t bytes) {
  AnonymousMemory memory;
  if (bytes == 0)
    return memory;
  // The kernel may promise more than the machine has and then end the process on first touch.
  const uint64_t physical = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                            static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  void *data = bytes > physical ? MAP_FAILED
                                : ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return Status(ErrorClass::Os, "memory-exhausted",
                  format("cannot get %s of memory; this machine has %s", formatBytes(bytes).c_str(),
                         formatBytes(physical).c_str()));
  ::madvise(data, bytes, MADV_HUGEPAGE);
  memory.data_ = static_cast<uint8_t *>(data);
  memory.size_ = bytes;
  return memory;
}

AnonymousMemory::~AnonymousMemory() {
  if (data_)
    ::munmap(data_, size_);
}

void AnonymousMemory::swap(AnonymousMemory &other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
}

} // namespace ingot
