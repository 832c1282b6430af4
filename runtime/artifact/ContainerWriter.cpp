#include "runtime/artifact/ContainerWriter.h"

#include "runtime/base/CheckedMath.h"
#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ingot {

using artifact::Segment;
using artifact::SegmentKind;

/// Bytes gathered before a system call; bytes that the disk is told to begin with together.
static constexpr size_t kBufferBytes = 1u << 20;
static constexpr uint64_t kWritebackBytes = 16u << 20;

uint64_t segmentAlign(SegmentKind kind, uint64_t bytes) {
  constexpr uint64_t kHugePage = 2u << 20, kLargePage = 64u << 10;
  if (kind == SegmentKind::CpuImage)
    return kPageBytes;
  return kind == SegmentKind::Weights && bytes >= kHugePage ? kHugePage : kLargePage;
}

struct ContainerWriter::State {
  std::string path;
  std::string temporary; ///< name of the file while it is written; empty where it has none
  int descriptor = -1;
  std::vector<uint8_t> buffer;
  uint64_t offset = 0; ///< bytes of the file so far, buffered ones included
  uint64_t begun = 0;  ///< bytes that the disk was told to begin with
  std::vector<Segment> segments;
  bool inSegment = false;
  Segment current;
  StreamHash hash;
  uint64_t chunkFill = 0; ///< bytes in the current chunk

  ~State();
  Status failed(const char *doing) const;
  Status flush();
  void beginWriteback();
  Status write(std::span<const uint8_t> bytes);
  Status writeZeros(uint64_t count);
  bool openUnnamed();
  Status openNamed();
  Status name();
  Status install(const Header &header);
};

/// The directory of a path, such that names can be appended to it.
static std::string directoryOf(const std::string &path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "./" : path.substr(0, slash + 1);
}

ContainerWriter::State::~State() {
  if (descriptor >= 0)
    ::close(descriptor);
  if (!temporary.empty())
    ::unlink(temporary.c_str());
}

/// errno as a Status; the three causes people can do something about have their own ids.
Status ContainerWriter::State::failed(const char *doing) const {
  const int error = errno;
  const char *reason = std::strerror(error);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG)
    return Status(ErrorClass::Io, "output-disk-full",
                  format("no room for %s: %s after %llu bytes; free space or choose another place",
                         path.c_str(), reason, static_cast<unsigned long long>(offset)));
  if (error == EACCES || error == EPERM || error == EROFS)
    return Status(ErrorClass::CantCreate, "output-permission",
                  format("cannot %s %s: %s; choose a directory that you may write to", doing,
                         path.c_str(), reason));
  return Status(
      error == EIO ? ErrorClass::Io : ErrorClass::CantCreate, "output-create",
      format("cannot %s %s: %s; check that its directory exists", doing, path.c_str(), reason));
}

Status ContainerWriter::State::flush() {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count = ::write(descriptor, buffer.data() + done, buffer.size() - done);
    if (count < 0 && errno != EINTR)
      return failed("write");
    done += count > 0 ? static_cast<size_t>(count) : 0;
  }
  buffer.clear();
  beginWriteback();
  return Status::ok();
}

/// The disk writes while the next parameters are packed: little is left to wait for at the end.
void ContainerWriter::State::beginWriteback() {
  if (offset - begun < kWritebackBytes)
    return;
  // A hint: where it fails, fsync does all of it.
  (void)::sync_file_range(descriptor, static_cast<off64_t>(begun),
                          static_cast<off64_t>(offset - begun), SYNC_FILE_RANGE_WRITE);
  begun = offset;
}

Status ContainerWriter::State::write(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const size_t count = std::min(bytes.size(), kBufferBytes - buffer.size());
    buffer.insert(buffer.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
    offset += count;
    bytes = bytes.subspan(count);
    if (buffer.size() == kBufferBytes)
      INGOT_TRY(flush());
  }
  return Status::ok();
}

Status ContainerWriter::State::writeZeros(uint64_t count) {
  static constexpr uint8_t kZeros[4096] = {};
  while (count > 0) {
    const uint64_t piece = std::min<uint64_t>(count, sizeof kZeros);
    INGOT_TRY(write({kZeros, piece}));
    count -= piece;
  }
  return Status::ok();
}

/// A file without a name vanishes with the process, however that ends. Not every file system has
/// them, and giving the name later takes /proc.
bool ContainerWriter::State::openUnnamed() {
  const std::string later = path + format(".part-%d-%d", INT32_MAX, INT32_MAX);
  struct stat info;
  if (::lstat(later.c_str(), &info) == 0 || errno != ENOENT)
    return false; // the name may be too long
  descriptor = ::open(directoryOf(path).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  if (descriptor < 0)
    return false;
  if (::access(format("/proc/self/fd/%d", descriptor).c_str(), F_OK) == 0)
    return true;
  ::close(descriptor);
  descriptor = -1;
  return false;
}

/// rw-rw-rw- without the bits of the process's umask: mkstemp itself gives rw-------.
static mode_t ordinaryMode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

Status ContainerWriter::State::openNamed() {
  std::string pattern = path + ".part-XXXXXX";
  descriptor = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (descriptor < 0)
    return failed("create");
  temporary = pattern;
  return ::fchmod(descriptor, ordinaryMode()) == 0 ? Status::ok() : failed("create");
}

/// Gives a complete file without a name one of its own, from which it can be renamed.
Status ContainerWriter::State::name() {
  if (!temporary.empty())
    return Status::ok();
  const std::string source = format("/proc/self/fd/%d", descriptor);
  const std::string target = path + format(".part-%d-%d", ::getpid(), descriptor);
  ::unlink(target.c_str()); // of a process of this number that ended within these lines
  if (::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, target.c_str(), AT_SYMLINK_FOLLOW) != 0)
    return failed("create");
  temporary = target;
  return Status::ok();
}

Status ContainerWriter::State::install(const Header &header) {
  const auto bytes = encodeHeader(header);
  if (::pwrite(descriptor, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return failed("write");
  if (::fsync(descriptor) != 0)
    return failed("write");
  INGOT_TRY(name());
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return failed("create");
  temporary.clear();
  // The new name, too, survives a crash; a directory that cannot be synced is no error.
  if (const int fd = ::open(directoryOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      fd >= 0) {
    ::fsync(fd);
    ::close(fd);
  }
  return Status::ok();
}

ContainerWriter::ContainerWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ContainerWriter::ContainerWriter(ContainerWriter &&) noexcept = default;
ContainerWriter &ContainerWriter::operator=(ContainerWriter &&) noexcept = default;
ContainerWriter::~ContainerWriter() = default;

/// Only artifacts and empty files are replaced: a slip such as `-o config.json` costs nothing.
static bool mayReplace(const std::string &path) {
  std::array<uint8_t, kMagic.size()> start = {};
  std::FILE *file = std::fopen(path.c_str(), "rb");
  const size_t count = file ? std::fread(start.data(), 1, start.size(), file) : 1;
  if (file)
    std::fclose(file);
  return count == 0 || start == kMagic;
}

Result<ContainerWriter> ContainerWriter::create(const std::string &path) {
  struct stat info;
  const bool exists = ::stat(path.c_str(), &info) == 0;
  if (path.empty() || path.back() == '/' || (exists && S_ISDIR(info.st_mode)))
    return Status(ErrorClass::CantCreate, "output-directory",
                  format("output path \"%s\" is a directory; give the name of a file, such as "
                         "model.ingot",
                         path.c_str()));
  if (exists && !S_ISREG(info.st_mode)) // renaming over /dev/null would replace it
    return Status(
        ErrorClass::CantCreate, "output-not-regular",
        format("output path \"%s\" is a device or pipe; give the name of a file", path.c_str()));
  if (exists && !mayReplace(path))
    return Status(ErrorClass::CantCreate, "output-not-artifact",
                  format("output path \"%s\" is a file of %llu bytes that is no artifact and would "
                         "be lost; give another name, or remove it",
                         path.c_str(), static_cast<unsigned long long>(info.st_size)));
  auto state = std::make_unique<State>();
  state->path = path;
  if (!state->openUnnamed())
    INGOT_TRY(state->openNamed());
  state->buffer.reserve(kBufferBytes);
  INGOT_TRY(state->writeZeros(kHeaderBytes));
  return ContainerWriter(std::move(state));
}

Status ContainerWriter::beginSegment(SegmentKind kind, std::string name, uint64_t align,
                                     uint64_t chunkBytes, bool skippable) {
  State &s = *state_;
  assert(!s.inSegment && isPowerOfTwo(align) && align >= kPageBytes);
  INGOT_TRY(s.writeZeros(alignUp(s.offset, align).valueOrMax() - s.offset));
  s.current = Segment();
  s.current.kind = kind;
  s.current.name = std::move(name);
  s.current.offset = s.offset;
  s.current.align = align;
  s.current.chunkBytes = chunkBytes;
  s.current.skippable = skippable;
  s.inSegment = true;
  s.chunkFill = 0;
  s.hash.begin(s.segments.size());
  return Status::ok();
}

Status ContainerWriter::append(std::span<const uint8_t> bytes) {
  State &s = *state_;
  assert(s.inSegment);
  while (!bytes.empty()) {
    uint64_t count = bytes.size();
    if (s.current.chunkBytes != 0)
      count = std::min(count, s.current.chunkBytes - s.chunkFill);
    const auto piece = bytes.first(count);
    s.hash.add(piece);
    INGOT_TRY(s.write(piece));
    s.chunkFill += count;
    s.current.bytes += count;
    bytes = bytes.subspan(count);
    if (s.chunkFill == s.current.chunkBytes) {
      s.current.chunkHashes.push_back(s.hash.digest());
      s.hash.begin(s.segments.size());
      s.chunkFill = 0;
    }
  }
  return Status::ok();
}

Status ContainerWriter::alignWithin(uint64_t align) {
  assert(isPowerOfTwo(align) && align <= 4096);
  static constexpr uint8_t kZeros[4096] = {};
  const uint64_t bytes = state_->current.bytes;
  return append({kZeros, alignUp(bytes, align).valueOrMax() - bytes});
}

uint64_t ContainerWriter::segmentOffset() const { return state_->current.bytes; }
const std::vector<Segment> &ContainerWriter::segments() const { return state_->segments; }

Status ContainerWriter::endSegment() {
  State &s = *state_;
  assert(s.inSegment);
  s.inSegment = false;
  if (s.current.bytes == 0)
    return Status(ErrorClass::Internal, "segment-empty",
                  format("segment \"%s\" has no bytes", s.current.name.c_str()));
  if (s.chunkFill > 0)
    s.current.chunkHashes.push_back(s.hash.digest());
  s.segments.push_back(std::move(s.current));
  return Status::ok();
}

Result<uint64_t> ContainerWriter::finish(artifact::Manifest &manifest) {
  State &s = *state_;
  assert(!s.inSegment);
  INGOT_TRY(s.writeZeros(alignUp(s.offset, kPageBytes).valueOrMax() - s.offset));
  manifest.formatVersion = kFormatVersion;
  manifest.files = {artifact::File()};
  manifest.segments = s.segments;
  INGOT_TRY(artifact::checkManifest(manifest, s.offset).at("the artifact to be written"));
  INGOT_ASSIGN(const std::vector<uint8_t> bytes, artifact::encodeManifest(manifest));
  Header header;
  header.manifestOffset = s.offset;
  header.manifestBytes = bytes.size();
  header.manifestHash = hash64(std::span(bytes));
  INGOT_TRY(s.write(bytes));
  header.fileBytes = s.offset;
  INGOT_TRY(s.flush());
  INGOT_TRY(s.install(header));
  return header.fileBytes;
}

} // namespace ingot
