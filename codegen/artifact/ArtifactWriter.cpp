#include "codegen/artifact/ArtifactWriter.h"

#include "runtime/artifact/ContainerWriter.h"
#include "runtime/artifact/KernelAbi.h"
#include "runtime/artifact/RandomWeights.h"
#include "runtime/artifact/WeightLayout.h"
#include "runtime/base/CheckedMath.h"
#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"
#include "runtime/base/Version.h"

#include <algorithm>

namespace ingot {

using artifact::Manifest;
using artifact::Param;
using artifact::SegmentKind;

Status placeParams(Manifest &manifest) {
  CheckedU64 stored(0), generated(0);
  for (Param &p : manifest.params) {
    const auto layout = WeightLayout::make(p.format, p.layout, p.shape, p.group, p.interleave);
    if (!layout)
      return layout.status().at(p.name);
    CheckedU64 &end = p.generator ? generated : stored;
    const CheckedU64 begin = alignUp(end, kParamAlign);
    end = begin + CheckedU64(layout->bytes);
    if (!end.ok())
      return Status(ErrorClass::Config, "weights-size", p.name + ": the weights exceed 2^64 bytes");
    // The segment index follows when the segments are known.
    p.data = {p.generator ? artifact::kGeneratedSegment : 0, begin.valueOrMax(), layout->bytes};
  }
  if (!(stored + generated).ok())
    return Status(ErrorClass::Config, "weights-size", "the weights exceed 2^64 bytes");
  manifest.memory.weightsBytes = weightBytes(manifest, manifest.params);
  for (artifact::TargetProgram &program : manifest.programs)
    program.memory.weightsBytes = weightBytes(program, manifest.params);
  return Status::ok();
}

/// Bytes of the weight segment: the end of its last parameter.
static uint64_t storedBytes(const Manifest &manifest) {
  uint64_t bytes = 0;
  for (const Param &p : manifest.params)
    if (!p.generator)
      bytes = std::max(bytes, p.data.offset + p.data.bytes);
  return bytes;
}

static void fillSignatures(artifact::TargetProgram &program) {
  for (artifact::Kernel &kernel : program.kernels)
    if (kernel.signature == 0)
      kernel.signature = hash64(kernel.spec);
  artifact::Plan &plan = program.plan;
  if (plan.signature == 0 && !plan.signatureText.empty())
    plan.signature = hash64(plan.signatureText);
  for (artifact::Schedule &schedule : plan.schedules)
    if (schedule.signature == 0)
      schedule.signature = plan.signature;
}

/// Hashes and versions that follow from the rest.
static Status fillDerived(Manifest &manifest) {
  manifest.kernelAbi = abi::kKernelAbiVersion;
  manifest.minimumRuntime = versionText();
  std::sort(manifest.provenance.begin(), manifest.provenance.end(),
            [](const auto &a, const auto &b) { return a.key < b.key; });
  fillSignatures(manifest);
  for (artifact::TargetProgram &program : manifest.programs)
    fillSignatures(program);
  for (Param &p : manifest.params) {
    if (!p.generator || p.generator->firstMibHash != 0)
      continue;
    INGOT_ASSIGN(const WeightLayout layout,
                 WeightLayout::make(p.format, p.layout, p.shape, p.group, p.interleave));
    INGOT_TRY(checkGenerator(layout, *p.generator).at(p.name));
    p.generator->firstMibHash = randomFirstMibHash(layout, *p.generator);
  }
  return Status::ok();
}

static Status addSegment(ContainerWriter &writer, SegmentKind kind, std::string name,
                         std::span<const uint8_t> bytes) {
  INGOT_TRY(writer.beginSegment(kind, std::move(name), segmentAlign(kind, bytes.size())));
  INGOT_TRY(writer.append(bytes));
  return writer.endSegment();
}

static Status writeImages(ContainerWriter &writer, ArtifactInput &input) {
  for (ImageInput &image : input.images) {
    const auto segment = static_cast<uint32_t>(writer.segments().size());
    const SegmentKind kind = image.target == "cpu"                 ? SegmentKind::CpuImage
                             : image.level.starts_with("compute_") ? SegmentKind::Ptx
                                                                   : SegmentKind::Cubin;
    INGOT_TRY(addSegment(writer, kind, image.target + " " + image.level, image.bytes));
    input.manifest.images.push_back({image.target, image.level, image.features, segment});
  }
  return Status::ok();
}

static Status writeParam(ContainerWriter &writer, const ParamPacker &source, uint32_t index,
                         const Param &param) {
  INGOT_TRY(writer.alignWithin(kParamAlign));
  const uint64_t begin = writer.segmentOffset();
  INGOT_TRY(source(index, [&](std::span<const uint8_t> bytes) { return writer.append(bytes); }));
  const uint64_t written = writer.segmentOffset() - begin;
  if (written == param.data.bytes && begin == param.data.offset)
    return Status::ok();
  return Status(ErrorClass::Internal, "param-bytes",
                format("%s: %llu bytes were packed, its layout takes %llu", param.name.c_str(),
                       static_cast<unsigned long long>(written),
                       static_cast<unsigned long long>(param.data.bytes)));
}

static Status writeWeights(ContainerWriter &writer, ArtifactInput &input) {
  const uint64_t bytes = storedBytes(input.manifest);
  if (bytes == 0)
    return Status::ok();
  const auto segment = static_cast<uint32_t>(writer.segments().size());
  INGOT_TRY(writer.beginSegment(SegmentKind::Weights, "weights",
                                segmentAlign(SegmentKind::Weights, bytes), kWeightChunkBytes));
  for (uint32_t i = 0; i < input.manifest.params.size(); ++i) {
    Param &param = input.manifest.params[i];
    if (param.generator)
      continue;
    param.data.segment = segment;
    INGOT_TRY(writeParam(writer, input.paramBytes, i, param));
  }
  return writer.endSegment();
}

Result<WrittenArtifact> writeArtifact(const std::string &path, ArtifactInput input) {
  INGOT_ASSIGN(ContainerWriter writer, ContainerWriter::create(path));
  INGOT_TRY(placeParams(input.manifest));
  INGOT_TRY(fillDerived(input.manifest));
  input.manifest.images.clear();
  input.manifest.tokenizerSegment = -1;
  INGOT_TRY(writeImages(writer, input));
  if (!input.tokenizer.empty()) {
    input.manifest.tokenizerSegment = static_cast<int32_t>(writer.segments().size());
    INGOT_TRY(addSegment(writer, SegmentKind::Tokenizer, "tokenizer", input.tokenizer));
  }
  INGOT_TRY(writeWeights(writer, input));
  WrittenArtifact written;
  INGOT_ASSIGN(written.fileBytes, writer.finish(input.manifest));
  written.manifest = std::move(input.manifest);
  return written;
}

} // namespace ingot
