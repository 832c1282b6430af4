// An .ingot file, opened, checked and mapped.
#pragma once

#include "runtime/artifact/CodeImage.h"
#include "runtime/artifact/Container.h"
#include "runtime/artifact/Manifest.h"
#include "runtime/base/CpuFeatures.h"
#include "runtime/base/MappedFile.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ingot {

/// How the hashes of weight segments are checked; everything else is always checked.
enum class VerifyMode : uint8_t {
  Auto,       ///< Full below 4 GiB of file, Background from there
  Full,       ///< before open returns
  Background, ///< by a later call of verifyWeights, which the caller may run on its own thread
  Off,
};

Result<VerifyMode> parseVerifyMode(std::string_view text); ///< "auto", "full", "background", "off"

struct OpenOptions {
  VerifyMode verify = VerifyMode::Auto;
  /// Threads for hashing weights and filling generated ones; more than one are started and joined
  /// inside open.
  unsigned threads = 1;
  /// False leaves generated parameters empty: for tools that only look at the manifest, and for who
  /// fills those of one target later.
  bool fillGenerated = true;
};

class Artifact {
public:
  /// Every failure says what is wrong and where; nothing is left behind.
  static Result<std::unique_ptr<Artifact>> open(const std::string &path,
                                                const OpenOptions &options = {});

  const std::string &path() const { return path_; }
  const Header &header() const { return header_; }
  /// Its own program is that of the first target.
  const artifact::Manifest &manifest() const { return manifest_; }
  /// The manifest with the program of `target` as its own; null when the artifact has none for it.
  const artifact::Manifest *manifestFor(std::string_view target) const;
  /// The whole file.
  std::span<const uint8_t> bytes() const { return file_.bytes(); }
  std::span<const uint8_t> segment(uint32_t index) const;
  /// Fills the generated parameters that the program of `target` names; not while others read them.
  Status fillGenerated(std::string_view target, unsigned threads);
  /// Packed bytes of a parameter, 64-byte aligned: inside the mapping, or generated.
  std::span<const uint8_t> param(uint32_t index) const;
  /// Empty when the artifact has no tokenizer.
  std::span<const uint8_t> tokenizer() const;

  /// True when the weights' hashes have not been checked yet.
  bool weightsPending() const { return weightsPending_; }
  /// Checks the hashes of all weight segments; const and free of locks, so any thread may call it.
  Status verifyWeights(unsigned threads = 1) const;

  /// Index of the image of target "cpu" with the highest level that `host` runs and whose features
  /// it has; `forced` (a level name or empty) asks for one level. Ids "cpu-level",
  /// "cpu-unsupported".
  Result<uint32_t> chooseImage(const CpuFeatures &host, std::string_view forced = {}) const;
  /// Loads image `index` and checks that it exports every kernel of the manifest.
  Result<CodeImage> loadImage(uint32_t index) const;

private:
  Artifact() = default;
  Status checkStored(const OpenOptions &options);
  Status checkPadding() const;
  Status fillGenerated(const std::vector<bool> &wanted, unsigned threads);

  std::string path_;
  MappedFile file_;
  Header header_;
  artifact::Manifest manifest_;
  std::vector<artifact::Manifest> others_; ///< one per further target
  AnonymousMemory generated_;
  bool weightsPending_ = false;
};

} // namespace ingot
