// Mutants of manifests with all hashes recomputed: whatever the bytes say, opening them ends in a
// Status or in an artifact that can be used. Run under sanitizers.
//
//   manifest_mutants COUNT [SEED]
//
// Prints how the mutants ended and fails when too few of them got past the decoder, because then
// the semantic checks were not tried.

#include "runtime/artifact/Artifact.h"
#include "runtime/base/Random.h"
#include "runtime/tools/Inspect.h"
#include "tests/support/SmallArtifact.h"
#include "tests/support/TempDir.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>

using namespace ingot;

namespace {

/// Random numbers of one mutant.
class Dice {
public:
  Dice(uint64_t seed, uint64_t mutant) : key_(randomKey(seed, mutant)) {}
  uint64_t bits() { return randomBits(key_, counter_++); }
  uint64_t below(uint64_t limit) { return bits() % limit; }

private:
  uint64_t key_, counter_ = 0;
};

/// Numbers at which arithmetic goes wrong.
uint64_t interesting(Dice &dice) {
  constexpr uint64_t kNumbers[] = {0,
                                   1,
                                   2,
                                   31,
                                   33,
                                   63,
                                   65,
                                   4095,
                                   0x7fffffff,
                                   0x80000000,
                                   1u << 20,
                                   0xffffffff,
                                   0x100000000,
                                   ~uint64_t(0),
                                   ~uint64_t(0) - 63,
                                   uint64_t(1) << 63,
                                   (uint64_t(1) << 63) - 1,
                                   uint64_t(1) << 48};
  return kNumbers[dice.below(std::size(kNumbers))];
}

void overwrite(std::vector<uint8_t> &bytes, uint64_t at, const void *data, size_t count) {
  if (count > 0 && at + count <= bytes.size())
    std::memcpy(bytes.data() + at, data, count);
}

void mutateOnce(std::vector<uint8_t> &bytes, Dice &dice) {
  const uint64_t at = dice.below(bytes.size()), number = interesting(dice);
  switch (dice.below(7)) {
  case 0:
    bytes[at] ^= static_cast<uint8_t>(1u << dice.below(8));
    return;
  case 1:
    bytes[at] = static_cast<uint8_t>(dice.bits());
    return;
  case 2:
    return overwrite(bytes, at / 4 * 4, &number, 4);
  case 3:
    return overwrite(bytes, at / 8 * 8, &number, 8);
  case 4: { // small steps: indices and sizes that are almost right
    uint32_t value = 0;
    if (at / 4 * 4 + 4 <= bytes.size())
      std::memcpy(&value, bytes.data() + at / 4 * 4, 4);
    value += static_cast<uint32_t>(dice.below(5)) - 2;
    return overwrite(bytes, at / 4 * 4, &value, 4);
  }
  case 5: { // a piece of one place at another
    const uint64_t from = dice.below(bytes.size()) / 4 * 4;
    const uint64_t count = std::min<uint64_t>(dice.below(32), bytes.size() - from);
    const std::vector<uint8_t> piece(bytes.begin() + static_cast<ptrdiff_t>(from),
                                     bytes.begin() + static_cast<ptrdiff_t>(from + count));
    return overwrite(bytes, at / 4 * 4, piece.data(), piece.size());
  }
  default:
    if (dice.below(8) == 0) // rare: almost never gets past the verifier
      bytes.resize(std::max<uint64_t>(1, at));
    else
      bytes[at] = 0;
  }
}

/// Uses everything an accepted artifact offers.
void useArtifact(const Artifact &artifact) {
  std::ostringstream out;
  tools::inspectAsText(artifact, {"", false, true, true}, out);
  tools::inspectAsJson(artifact, out);
  uint64_t sum = 0;
  for (const tools::ByteRange &range : tools::byteRanges(artifact, true))
    sum += range.bytes;
  if (sum != artifact.bytes().size()) {
    std::fprintf(stderr, "accepted, but the ranges add up to %llu of %zu bytes\n",
                 static_cast<unsigned long long>(sum), artifact.bytes().size());
    std::exit(1);
  }
  volatile uint8_t sink = 0;
  for (uint32_t i = 0; i < artifact.manifest().params.size(); ++i) {
    const auto bytes = artifact.param(i);
    sink = sink ^ bytes.front() ^ bytes.back();
  }
  const auto image = artifact.chooseImage(CpuFeatures::ofLevel(CpuLevel::V4VnniBf16));
  if (image)
    (void)artifact.loadImage(*image).isOk();
}

struct Base {
  std::vector<uint8_t> file, manifest;
  uint64_t manifestOffset = 0;
};

Base makeBase(const test::TempDir &dir, ArtifactInput input) {
  Base base;
  if (const auto written = writeArtifact(dir.file("base"), std::move(input)); !written) {
    std::fprintf(stderr, "%s\n", written.status().toString().c_str());
    std::exit(1);
  }
  base.file = test::readFile(dir.file("base"));
  base.manifestOffset = decodeHeader(base.file)->manifestOffset;
  base.manifest.assign(base.file.begin() + static_cast<ptrdiff_t>(base.manifestOffset),
                       base.file.end());
  return base;
}

/// The whole way: a file with the mutant inside is opened and used.
Status openMutant(const test::TempDir &dir, const Base &base, const std::vector<uint8_t> &mutant) {
  test::writeFile(dir.file("mutant"), test::replaceManifest(base.file, mutant));
  const auto opened = Artifact::open(dir.file("mutant"));
  if (opened)
    useArtifact(**opened);
  return opened.status();
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: manifest_mutants COUNT [SEED]\n");
    return 64;
  }
  const uint64_t count = std::strtoull(argv[1], nullptr, 10);
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const test::TempDir dir;
  const Base bases[] = {makeBase(dir, test::smallInput(false)),
                        makeBase(dir, test::smallInput(true)),
                        makeBase(dir, test::smallGpuInput())};
  std::map<std::string, uint64_t> outcomes;
  uint64_t made = 0;
  for (uint64_t reached = 0; reached < count; ++made) {
    const Base &base = bases[made % std::size(bases)];
    Dice dice(seed, made);
    std::vector<uint8_t> mutant = base.manifest;
    for (uint64_t i = dice.below(4) + 1; i > 0; --i)
      mutateOnce(mutant, dice);
    const auto manifest = artifact::decodeManifest(mutant);
    if (!manifest)
      continue;
    ++reached;
    Status status = artifact::checkManifest(*manifest, base.manifestOffset);
    if (status.isOk())
      status = openMutant(dir, base, mutant);
    ++outcomes[std::string(status.id())];
  }
  for (const auto &[id, times] : outcomes)
    std::printf("%8llu  %s\n", static_cast<unsigned long long>(times), id.c_str());
  std::printf("%8llu  mutants reached the semantic checks, of %llu made\n",
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(made));
  // Both ways must have been walked, else the driver does not test what it claims.
  return outcomes.size() >= 10 && outcomes["ok"] > 0 ? 0 : 1;
}
