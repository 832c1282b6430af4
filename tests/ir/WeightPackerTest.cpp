#include "compiler/WeightPacker.h"

#include "runtime/artifact/Panel32.h"
#include "runtime/base/Numerics.h"
#include "runtime/base/Random.h"

#include <catch2/catch.hpp>

#include <limits>
#include <map>

using namespace ingot;

namespace {

/// float32 tensors held by the test itself.
class FloatWeights : public WeightSource {
public:
  std::vector<float> &add(const std::string &name, int64_t rows, int64_t columns) {
    std::vector<float> &values = data_[name];
    for (int64_t i = 0; i < rows * columns; ++i)
      values.push_back(
          static_cast<float>(static_cast<int64_t>(mix64(name.size() + i) % 2001) - 1000) * 1e-3f);
    views_[name] = {WeightType::F32,
                    {rows, columns},
                    reinterpret_cast<const uint8_t *>(values.data()),
                    values.size() * 4};
    return values;
  }
  const WeightView *find(std::string_view name) const override {
    const auto it = views_.find(std::string(name));
    return it == views_.end() ? nullptr : &it->second;
  }

private:
  std::map<std::string, std::vector<float>> data_;
  std::map<std::string, WeightView> views_;
};

struct Case {
  const char *format, *layout;
  int64_t rows, columns; ///< of all sources
  uint32_t group, interleave;
};

/// Wide ones take several pieces of 2 M values.
const Case kCases[] = {
    {"int4", "mma16", 33, 172, 32, 0},         {"int4", "panel32", 200, 40960, 128, 0},
    {"int8", "panel32", 80, 100, 0, 16},       {"bf16", "mma16", 200, 40961, 0, 0},
    {"bf16", "panel32", 80, 100, 0, 16},       {"fp16", "mma16", 70, 65, 0, 0},
    {"fp8", "mma16", 2 * 100, 40960, 128, 16}, {"int8", "mma16", 192, 64, 32, 96}};

PackJob jobOf(const Case &c) {
  PackJob job;
  job.spec = {"w", {{"first", c.rows / 2}, {"second one", c.rows - c.rows / 2}}, c.rows, c.columns};
  const uint64_t shape[] = {static_cast<uint64_t>(c.rows), static_cast<uint64_t>(c.columns)};
  job.layout = *WeightLayout::make(c.format, c.layout, shape, c.group, c.interleave);
  if (job.layout.isQuantized())
    job.quantize = QuantizeSpec{job.layout.format == WeightFormat::Int4 ? 4 : 8, c.group, false,
                                job.layout.format == WeightFormat::E4m3};
  return job;
}

void addSources(FloatWeights &weights, const Case &c) {
  weights.add("first", c.rows / 2, c.columns);
  weights.add("second one", c.rows - c.rows / 2, c.columns);
}

Status packInto(const WeightSource &weights, const PackJob &job, unsigned threads,
                std::vector<uint8_t> &bytes) {
  return packParam(weights, job, threads, [&](std::span<const uint8_t> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return Status::ok();
  });
}

/// The parameter quantized and packed as a whole.
std::vector<uint8_t> packedWhole(const WeightSource &weights, const PackJob &job) {
  std::vector<float> values(job.layout.rows * job.layout.columns);
  const auto reader = ParamReader::open(weights, job.spec);
  REQUIRE(reader->readRows(0, job.spec.rows, values.data()).isOk());
  std::vector<uint8_t> bytes(job.layout.bytes);
  if (job.quantize) {
    const QuantizedRows q = quantizeRows(values, job.spec.rows, job.spec.columns, *job.quantize);
    packPanels(job.layout, {q.values, q.scales}, 0, job.layout.units, bytes.data());
    return bytes;
  }
  std::vector<uint16_t> halves;
  for (float value : values)
    halves.push_back(job.layout.format == WeightFormat::F16 ? numerics::toF16(value)
                                                            : numerics::toBf16(value));
  packPanelsBf16(job.layout, halves, 0, job.layout.units, bytes.data());
  return bytes;
}

} // namespace

TEST_CASE("pieces of a parameter are those of the whole, with any number of threads") {
  for (const Case &c : kCases) {
    INFO(c.format << " " << c.layout << " " << c.rows << "x" << c.columns);
    FloatWeights weights;
    addSources(weights, c);
    const PackJob job = jobOf(c);
    const std::vector<uint8_t> expected = packedWhole(weights, job);
    for (unsigned threads : {1u, 2u, 7u}) {
      std::vector<uint8_t> bytes;
      REQUIRE(packInto(weights, job, threads, bytes).isOk());
      CHECK(bytes == expected);
    }
  }
}

TEST_CASE("a bad value and a sink that fails end the packing") {
  const Case &wide = kCases[1]; // of several pieces
  FloatWeights weights;
  weights.add("first", wide.rows / 2, wide.columns);
  weights.add("second one", wide.rows / 2, wide.columns)[7 * wide.columns + 5] =
      std::numeric_limits<float>::infinity();
  std::vector<uint8_t> bytes;
  const Status bad = packInto(weights, jobOf(wide), 2, bytes);
  CHECK(bad.id() == "weight-not-finite");
  CHECK(bad.message().find("second one holds 1 values") != std::string::npos);
  CHECK(bad.message().find("row 7 column 5") != std::string::npos);

  int calls = 0;
  const Status full = packParam(weights, jobOf(wide), 2, [&](std::span<const uint8_t>) {
    ++calls;
    return Status(ErrorClass::Io, "output-disk-full", "no room");
  });
  CHECK(full.id() == "output-disk-full");
  CHECK(calls == 1);
}
