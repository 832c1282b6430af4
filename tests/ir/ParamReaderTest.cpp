#include "ir/ParamReader.h"

#include "runtime/base/Numerics.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <map>

using namespace ingot;

namespace {

/// Tensors held by the test itself.
class OwnedWeights : public WeightSource {
public:
  void add(const std::string &name, WeightType type, std::vector<int64_t> shape,
           const std::vector<float> &values) {
    std::vector<uint8_t> &bytes = data_[name];
    for (float value : values) {
      const uint32_t bits = type == WeightType::F32    ? numerics::bitsOf(value)
                            : type == WeightType::BF16 ? numerics::toBf16(value)
                                                       : numerics::toF16(value);
      for (int i = 0; i < (type == WeightType::F32 ? 4 : 2); ++i)
        bytes.push_back(static_cast<uint8_t>(bits >> (8 * i)));
    }
    views_[name] = {type, std::move(shape), bytes.data(), bytes.size()};
  }
  const WeightView *find(std::string_view name) const override {
    const auto it = views_.find(std::string(name));
    return it == views_.end() ? nullptr : &it->second;
  }
  WeightView &view(const std::string &name) { return views_[name]; }

private:
  std::map<std::string, std::vector<uint8_t>> data_;
  std::map<std::string, WeightView> views_;
};

/// rows x 2 values: 100 * base + row, then its negative.
std::vector<float> ramp(float base, int rows) {
  std::vector<float> values;
  for (int row = 0; row < rows; ++row) {
    values.push_back(100 * base + static_cast<float>(row));
    values.push_back(-values.back());
  }
  return values;
}

ParamSpec merged(int64_t rowsEach, int64_t interleave) {
  ParamSpec spec{"gate_up", {{"gate", rowsEach}, {"up", rowsEach}}, 2 * rowsEach, 2};
  spec.interleave = interleave;
  return spec;
}

OwnedWeights gateUp(int rows) {
  OwnedWeights weights;
  weights.add("gate", WeightType::F32, {rows, 2}, ramp(1, rows));
  weights.add("up", WeightType::BF16, {rows, 2}, ramp(2, rows));
  return weights;
}

std::vector<float> firstColumn(const ParamReader &reader, int64_t first, int64_t count) {
  std::vector<float> rows(count * 2), column;
  REQUIRE(reader.readRows(first, count, rows.data()).isOk());
  for (int64_t i = 0; i < count; ++i) {
    CHECK(rows[2 * i + 1] == -rows[2 * i]);
    column.push_back(rows[2 * i]);
  }
  return column;
}

} // namespace

TEST_CASE("the three checkpoint types widen to the same values") {
  OwnedWeights weights;
  for (WeightType type : {WeightType::F32, WeightType::F16, WeightType::BF16})
    weights.add("w" + std::to_string(static_cast<int>(type)), type, {3}, {1.5f, -0.25f, 96.0f});
  for (const char *name : {"w0", "w1", "w2"}) {
    ParamSpec spec{name, {{name, 3}}, 3, 1, true};
    auto reader = ParamReader::open(weights, spec);
    REQUIRE(reader);
    std::vector<float> values(3);
    REQUIRE(reader->readRows(0, 3, values.data()).isOk());
    CHECK(values == std::vector<float>{1.5f, -0.25f, 96.0f});
  }
}

TEST_CASE("sources follow each other, whatever range of rows is read") {
  const OwnedWeights weights = gateUp(3);
  auto reader = ParamReader::open(weights, merged(3, 0));
  REQUIRE(reader);
  const std::vector<float> all{100, 101, 102, 200, 201, 202};
  for (int64_t first = 0; first < 6; ++first)
    for (int64_t count = 0; first + count <= 6; ++count)
      CHECK(firstColumn(*reader, first, count) ==
            std::vector<float>(all.begin() + first, all.begin() + first + count));
}

TEST_CASE("interleaved sources alternate in runs") {
  const OwnedWeights weights = gateUp(4);
  auto reader = ParamReader::open(weights, merged(4, 2));
  REQUIRE(reader);
  const std::vector<float> all{100, 101, 200, 201, 102, 103, 202, 203};
  for (int64_t first = 0; first < 8; ++first)
    for (int64_t count = 0; first + count <= 8; ++count)
      CHECK(firstColumn(*reader, first, count) ==
            std::vector<float>(all.begin() + first, all.begin() + first + count));
}

TEST_CASE("a missing tensor is named") {
  const OwnedWeights weights = gateUp(4);
  ParamSpec spec{"p", {{"gate", 4}, {"down", 4}}, 8, 2};
  const Status status = ParamReader::open(weights, spec).status();
  CHECK(status.id() == "weight-missing");
  CHECK(status.message().find("down") != std::string::npos);
}

TEST_CASE("a wrong shape is shown beside the expected one") {
  const OwnedWeights weights = gateUp(4);
  const Status status = ParamReader::open(weights, merged(5, 0)).status();
  CHECK(status.id() == "weight-shape");
  CHECK(status.message().find("[4, 2]") != std::string::npos);
  CHECK(status.message().find("[5, 2]") != std::string::npos);
}

TEST_CASE("bytes that do not match the shape are refused") {
  OwnedWeights weights = gateUp(4);
  weights.view("up").bytes -= 2;
  CHECK(ParamReader::open(weights, merged(4, 0)).status().id() == "weight-size");
}

TEST_CASE("an impossible interleave is refused") {
  const OwnedWeights weights = gateUp(4);
  CHECK(ParamReader::open(weights, merged(4, 3)).status().id() == "param-spec");
}

TEST_CASE("values that are not finite are counted and located") {
  OwnedWeights weights;
  std::vector<float> values = ramp(1, 4);
  values[5] = std::nanf("");
  values[6] = std::numeric_limits<float>::infinity();
  weights.add("gate", WeightType::F32, {4, 2}, values);
  weights.add("up", WeightType::F32, {4, 2}, ramp(2, 4));
  auto reader = ParamReader::open(weights, merged(4, 0));
  REQUIRE(reader);
  std::vector<float> rows(16);
  CHECK(reader->readRows(0, 2, rows.data()).isOk());
  CHECK(reader->readRows(4, 4, rows.data()).isOk());
  const Status status = reader->readRows(3, 1, rows.data());
  CHECK(status.id() == "weight-not-finite");
  CHECK(status.message().find("gate holds 2 values") != std::string::npos);
  CHECK(status.message().find("row 2 column 1") != std::string::npos);
}
