#include "ir/ParamReader.h"

#include "runtime/base/Format.h"
#include "runtime/base/Numerics.h"

#include <algorithm>

namespace ingot {
namespace {

uint64_t bytesOf(WeightType type) { return type == WeightType::F32 ? 4 : 2; }

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Status checkSource(const ParamSpec &spec, const ParamSource &source, const WeightView *view) {
  if (!view)
    return {
        ErrorClass::Data, "weight-missing",
        format(
            "parameter %s needs the tensor %s, which the checkpoint lacks; check that all shards "
            "are there",
            spec.name.c_str(), source.tensor.c_str())};
  std::vector<int64_t> expected{source.rows};
  if (!spec.isVector)
    expected.push_back(spec.columns);
  if (view->shape != expected)
    return {
        ErrorClass::Data, "weight-shape",
        format("tensor %s has shape %s, parameter %s expects %s; config and weights do not belong "
               "together",
               source.tensor.c_str(), shapeText(view->shape).c_str(), spec.name.c_str(),
               shapeText(expected).c_str())};
  const uint64_t bytes = uint64_t(source.rows) * uint64_t(spec.columns) * bytesOf(view->type);
  if (view->bytes != bytes || !view->data)
    return {ErrorClass::Data, "weight-size",
            format("tensor %s has %llu bytes, its shape needs %llu", source.tensor.c_str(),
                   static_cast<unsigned long long>(view->bytes),
                   static_cast<unsigned long long>(bytes))};
  return Status::ok();
}

/// True when no value has an exponent of all ones. Written as a reduction so that it vectorizes.
bool allFinite(const float *values, int64_t count) {
  uint32_t bad = 0;
  for (int64_t i = 0; i < count; ++i)
    bad |= (numerics::bitsOf(values[i]) & 0x7f800000u) == 0x7f800000u ? 1u : 0u;
  return bad == 0;
}

} // namespace

void widen(const WeightView &view, int64_t first, int64_t count, float *out) {
  const uint8_t *from = view.data + uint64_t(first) * bytesOf(view.type);
  if (view.type == WeightType::F32) {
    std::memcpy(out, from, uint64_t(count) * 4);
    return;
  }
  const auto each = [&](auto widened) { // one loop per type: vectors
    for (int64_t i = 0; i < count; ++i) {
      uint16_t half;
      std::memcpy(&half, from + 2 * i, 2);
      out[i] = widened(half);
    }
  };
  if (view.type == WeightType::BF16)
    each([](uint16_t half) { return numerics::fromBf16(half); });
  else
    each([](uint16_t half) { return numerics::fromF16(half); });
}

Result<ParamReader> ParamReader::open(const WeightSource &weights, ParamSpec spec) {
  ParamReader reader;
  int64_t rows = 0;
  for (const ParamSource &source : spec.sources) {
    const WeightView *view = weights.find(source.tensor);
    INGOT_TRY(checkSource(spec, source, view));
    reader.views_.push_back(view);
    rows += source.rows;
  }
  const bool evenHalves = spec.sources.size() == 2 &&
                          spec.sources[0].rows == spec.sources[1].rows && spec.interleave > 0 &&
                          spec.sources[0].rows % spec.interleave == 0;
  if (rows != spec.rows || (spec.interleave != 0 && !evenHalves))
    return Status(ErrorClass::Internal, "param-spec",
                  format("parameter %s: %lld rows in its sources, %lld of its own, interleave %lld",
                         spec.name.c_str(), static_cast<long long>(rows),
                         static_cast<long long>(spec.rows),
                         static_cast<long long>(spec.interleave)));
  reader.spec_ = std::move(spec);
  return reader;
}

ParamReader::Place ParamReader::placeOf(int64_t row) const {
  if (const int64_t n = spec_.interleave)
    return {static_cast<size_t>(row / n % 2), row / (2 * n) * n + row % n};
  size_t source = 0;
  while (row >= spec_.sources[source].rows)
    row -= spec_.sources[source++].rows;
  return {source, row};
}

Status ParamReader::readRows(int64_t first, int64_t count, float *out) const {
  assert(first >= 0 && count >= 0 && first + count <= spec_.rows && "rows of the parameter");
  const int64_t columns = spec_.columns;
  for (int64_t done = 0; done < count;) {
    const Place place = placeOf(first + done);
    const int64_t left = spec_.interleave ? spec_.interleave - place.row % spec_.interleave
                                          : spec_.sources[place.source].rows - place.row;
    const int64_t run = std::min(left, count - done); // rows that lie together in the source
    float *to = out + done * columns;
    widen(*views_[place.source], place.row * columns, run * columns, to);
    if (!allFinite(to, run * columns))
      return notFinite(place.source);
    done += run;
  }
  return Status::ok();
}

/// Counts over the whole tensor, so that the message does not depend on which rows were asked for.
Status ParamReader::notFinite(size_t source) const {
  const WeightView &view = *views_[source];
  const int64_t columns = spec_.columns;
  std::vector<float> row(columns);
  long long bad = 0, firstBad = -1;
  for (int64_t r = 0; r < spec_.sources[source].rows; ++r) {
    widen(view, r * columns, columns, row.data());
    for (int64_t c = 0; c < columns; ++c)
      if (!allFinite(&row[c], 1)) {
        ++bad;
        firstBad = firstBad < 0 ? r * columns + c : firstBad;
      }
  }
  return {
      ErrorClass::Data, "weight-not-finite",
      format("tensor %s holds %lld values that are NaN or infinite, the first at row %lld column "
             "%lld; the checkpoint is damaged",
             spec_.sources[source].tensor.c_str(), bad, static_cast<long long>(firstBad / columns),
             static_cast<long long>(firstBad % columns))};
}

} // namespace ingot
