#include "runtime/tools/Inspect.h"

#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot::tools {

using namespace artifact;

/// Parameters of a weight segment in file order and what lies between them.
static void splitSegment(const Manifest &m, uint32_t index, std::vector<ByteRange> &ranges) {
  const Segment &segment = m.segments[index];
  std::vector<const Param *> params;
  for (const Param &param : m.params)
    if (param.data.segment == index)
      params.push_back(&param);
  std::sort(params.begin(), params.end(),
            [](const Param *a, const Param *b) { return a->data.offset < b->data.offset; });
  uint64_t at = 0;
  for (const Param *param : params) {
    if (param->data.offset > at)
      ranges.push_back({segment.offset + at, param->data.offset - at, "gap", segment.name});
    ranges.push_back(
        {segment.offset + param->data.offset, param->data.bytes, "param", param->name});
    at = param->data.offset + param->data.bytes;
  }
  if (at < segment.bytes)
    ranges.push_back({segment.offset + at, segment.bytes - at, "gap", segment.name});
}

std::vector<ByteRange> byteRanges(const Artifact &artifact, bool splitWeights) {
  const Manifest &m = artifact.manifest();
  std::vector<uint32_t> order(m.segments.size());
  for (uint32_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return m.segments[a].offset < m.segments[b].offset; });
  std::vector<ByteRange> ranges = {{0, kHeaderBytes, "header", ""}};
  uint64_t at = kHeaderBytes;
  const auto pad = [&](uint64_t until) {
    if (until > at)
      ranges.push_back({at, until - at, "padding", ""});
  };
  for (uint32_t index : order) {
    const Segment &segment = m.segments[index];
    pad(segment.offset);
    if (splitWeights && segment.kind == SegmentKind::Weights)
      splitSegment(m, index, ranges);
    else
      ranges.push_back({segment.offset, segment.bytes, nameOf(segment.kind), segment.name});
    at = segment.offset + segment.bytes;
  }
  pad(artifact.header().manifestOffset);
  ranges.push_back(
      {artifact.header().manifestOffset, artifact.header().manifestBytes, "manifest", ""});
  return ranges;
}

std::string describeParam(const Param &param) {
  std::string text = "[";
  for (size_t i = 0; i < param.shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(param.shape[i]);
  text += "] " + param.format + " " + param.layout;
  if (param.format.rfind("int", 0) == 0)
    text += param.group ? " group " + std::to_string(param.group) : " per channel";
  if (param.interleave)
    text += " interleave " + std::to_string(param.interleave);
  return text;
}

std::string describeExtent(const Extent &extent) {
  std::string text = extent.base || extent.terms.empty() ? std::to_string(extent.base) : "";
  for (const Term &term : extent.terms) {
    text += text.empty() ? "" : " + ";
    if (term.coefficient != 1)
      text += std::to_string(term.coefficient) + " * ";
    text += term.ceilDiv == 1 ? nameOf(term.symbol)
                              : format("ceil(%s / %u)", nameOf(term.symbol), term.ceilDiv);
  }
  return text;
}

Status inspectCommand(const InspectOptions &options, std::ostream &out) {
  OpenOptions open;
  open.verify = VerifyMode::Off;
  open.fillGenerated = false;
  INGOT_ASSIGN(const std::unique_ptr<Artifact> artifact, Artifact::open(options.path, open));
  uint64_t sum = 0;
  for (const ByteRange &range : byteRanges(*artifact, true))
    sum += range.bytes;
  if (sum != artifact->bytes().size())
    return Status(ErrorClass::Internal, "inspect-sum",
                  format("the ranges add up to %llu of %zu bytes",
                         static_cast<unsigned long long>(sum), artifact->bytes().size()));
  if (options.json)
    inspectAsJson(*artifact, out);
  else
    inspectAsText(*artifact, options, out);
  return Status::ok();
}

} // namespace ingot::tools
