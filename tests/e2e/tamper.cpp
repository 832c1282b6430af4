// Changes one thing in an artifact and computes every hash anew: what only a run can notice.
//
//   ingot-tamper weight PARAMETER BYTE IN OUT   flips the top bit of that byte of the parameter
//   ingot-tamper model IN OUT                   adds 1/1024 to a logit of the whole model's vector
//   ingot-tamper probe IN OUT                   the same in the vector of the first layer
#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/ContainerWriter.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

using namespace ingot;

namespace {

/// Where in the file's segments a bit is flipped.
struct Flip {
  uint32_t segment = ~0u;
  uint64_t offset = 0;
};

Status rewrite(const Artifact &source, const Flip &flip, artifact::Manifest manifest,
               const char *path) {
  INGOT_ASSIGN(ContainerWriter writer, ContainerWriter::create(path));
  for (uint32_t i = 0; i < manifest.segments.size(); ++i) {
    const artifact::Segment &s = source.manifest().segments[i];
    const auto bytes = source.segment(i);
    std::vector<uint8_t> copy(bytes.begin(), bytes.end());
    if (i == flip.segment)
      copy[flip.offset] ^= 0x80;
    INGOT_TRY(writer.beginSegment(s.kind, s.name, s.align, s.chunkBytes, s.skippable));
    INGOT_TRY(writer.append(copy));
    INGOT_TRY(writer.endSegment());
  }
  return writer.finish(manifest).status();
}

Status findByte(const artifact::Manifest &manifest, std::string_view name, uint64_t byte,
                Flip &flip) {
  for (const artifact::Param &param : manifest.params)
    if (param.name == name && !param.generator && byte < param.data.bytes) {
      flip = {param.data.segment, param.data.offset + byte};
      return Status::ok();
    }
  return {ErrorClass::Usage, "tamper-parameter", std::string(name) + ": no such stored byte"};
}

Status tamper(int argc, char **argv) {
  const std::string_view what = argv[1];
  INGOT_ASSIGN(const std::unique_ptr<Artifact> source, Artifact::open(argv[argc - 2]));
  artifact::Manifest manifest = source->manifest();
  Flip flip;
  if (what == "weight" && argc == 6)
    INGOT_TRY(findByte(manifest, argv[2], std::strtoull(argv[3], nullptr, 10), flip));
  else if (what == "model" && argc == 4 && !manifest.knownAnswers.empty())
    manifest.knownAnswers[0].logits[0] += 0x1p-10f;
  else if (what == "probe" && argc == 4 && !manifest.probes.empty())
    manifest.probes[0].answer.logits[0] += 0x1p-10f;
  else
    return {ErrorClass::Usage, "usage", "weight PARAMETER BYTE, model or probe, then IN and OUT"};
  return rewrite(*source, flip, std::move(manifest), argv[argc - 1]);
}

} // namespace

int main(int argc, char **argv) {
  const Status status =
      argc < 4 ? Status(ErrorClass::Usage, "usage", "too few arguments") : tamper(argc, argv);
  if (!status.isOk())
    std::fprintf(stderr, "%s\n", status.toString().c_str());
  return status.isOk() ? 0 : status.exitCode();
}
