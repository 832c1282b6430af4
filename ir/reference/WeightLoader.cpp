#include "ir/reference/WeightLoader.h"

#include "ir/ParamSpec.h"

using namespace mlir;

namespace ingot::reference {
namespace {

/// [rows][columns] to [columns][rows].
template <typename From, typename To>
void transpose(const From &from, int64_t rows, int64_t columns, To &to) {
  to.resize(from.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      to[c * rows + r] = from[r * columns + c];
}

/// The values as the type of the parameter stores them.
WeightKind roundTo(mlir::Type element, std::vector<float> &values) {
  if (element.isF32())
    return WeightKind::F32;
  const bool bf16 = element.isBF16();
  for (float &value : values)
    value = bf16 ? numerics::fromBf16(numerics::toBf16(value))
                 : numerics::fromF16(numerics::toF16(value));
  return bf16 ? WeightKind::Bf16 : WeightKind::F16;
}

void quantize(const std::vector<float> &values, const QuantizeSpec &spec, Weight &weight) {
  const QuantizedRows q = quantizeRows(values, weight.rows, weight.columns, spec);
  weight.kind = spec.e4m3 ? WeightKind::E4m3 : WeightKind::Int;
  weight.group = spec.group;
  transpose(q.values, weight.rows, weight.columns, weight.ints);
  if (spec.e4m3) {
    for (int8_t bits : weight.ints)
      weight.floats.push_back(numerics::fromE4m3(static_cast<uint8_t>(bits)));
    weight.ints.clear();
  }
  std::vector<float> scales;
  for (uint16_t bits : q.scales)
    scales.push_back(numerics::fromF16(bits));
  transpose(scales, weight.rows, scaleGroups(spec, weight.columns), weight.scales);
}

/// [rows][columns] values to the form the parameter's type asks for.
Weight makeWeight(std::vector<float> values, RankedTensorType type, bool clipSearch) {
  Weight weight;
  weight.rows = type.getDimSize(0);
  weight.columns = type.getRank() == 1 ? 1 : type.getDimSize(1);
  if (auto element = dyn_cast<QWeightType>(type.getElementType())) {
    quantize(values,
             {static_cast<int>(element.getBits()), element.getGroup(), clipSearch,
              element.getNumber() == WeightNumber::e4m3},
             weight);
    return weight;
  }
  weight.kind = roundTo(type.getElementType(), values);
  transpose(values, weight.rows, weight.columns, weight.floats);
  return weight;
}

} // namespace

RowKind rowKindOf(QActType type) {
  switch (type.getScale()) {
  case ActScale::pow2:
    return RowKind::Int8Pow2;
  case ActScale::f32:
    return RowKind::Int8F32;
  case ActScale::row:
    return RowKind::Int8Row;
  case ActScale::row_e4m3:
    break;
  }
  return RowKind::E4m3Row;
}

Weight weightOf(const Rows &values, RankedTensorType type) {
  return makeWeight(values.floats, type, /*clipSearch=*/false);
}

Result<WeightRef> WeightLoader::load(ParamOp param) {
  auto type = cast<RankedTensorType>(param.getResult().getType());
  const std::pair<const void *, const void *> key{param->getAttrDictionary().getAsOpaquePointer(),
                                                  type.getAsOpaquePointer()};
  if (auto it = loaded_.find(key); it != loaded_.end())
    return it->second;
  INGOT_ASSIGN(const ParamReader reader, ParamReader::open(source_, paramSpecOf(param)));
  std::vector<float> values(size_t(reader.spec().rows * reader.spec().columns));
  INGOT_TRY(reader.readRows(0, reader.spec().rows, values.data()));
  auto weight =
      std::make_shared<const Weight>(makeWeight(std::move(values), type, param.getClipSearch()));
  loaded_[key] = weight;
  return WeightRef(weight);
}

} // namespace ingot::reference
