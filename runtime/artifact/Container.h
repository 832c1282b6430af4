// The outer form of an .ingot file:
//
//   0       header, 64 bytes, little endian
//           zero padding
//   S0      segment 0: bytes of any kind, at a multiple of its alignment
//           zero padding
//   ...
//   M       manifest: a FlatBuffers table (ingot.fbs) that describes the segments; ends the file
//
// Every byte lies in exactly one hashed range (header, segment chunk, manifest) or is padding that
// the reader checks to be zero.
#pragma once

#include "runtime/base/Status.h"

#include <array>
#include <cstdint>
#include <span>

namespace ingot {

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr std::array<uint8_t, 8> kMagic = {'I', 'N', 'G', 'O', 'T', '\r', '\n', 0x1a};
inline constexpr uint64_t kHeaderBytes = 64;
/// Alignment of the manifest and least alignment of a segment: one page, so that no page that is
/// mapped executable holds bytes of a neighbour.
inline constexpr uint64_t kPageBytes = 4096;

/// The header; byte offsets in the file on the right.
struct Header {
  uint32_t formatVersion = kFormatVersion; ///< 8
  uint32_t flags = 0;                      ///< 12, no bit is defined
  uint64_t manifestOffset = 0;             ///< 16
  uint64_t manifestBytes = 0;              ///< 24
  uint64_t fileBytes = 0;                  ///< 32
  uint64_t manifestHash = 0;               ///< 40, hash64 of the manifest
  uint64_t signature = 0;                  ///< 48, reserved for the place of a signature; 0
                                           ///< 56, hash64 of bytes 0..55
};

std::array<uint8_t, kHeaderBytes> encodeHeader(const Header &header);

/// Reads and checks the header of a file of `file.size()` bytes: magic, own hash, version, file
/// size, place and hash of the manifest.
Result<Header> decodeHeader(std::span<const uint8_t> file);

/// Offset of the first nonzero byte in `bytes`, or bytes.size().
size_t firstNonZero(std::span<const uint8_t> bytes);

} // namespace ingot
