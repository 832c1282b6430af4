// Printing and comparing what runs gave (ir/reference/Harness.h).
#include "ir/reference/Harness.h"

#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <cmath>

using namespace mlir;

namespace ingot::reference {
namespace {

const char *kindName(RowKind kind) {
  switch (kind) {
  case RowKind::F32:
    return "f32";
  case RowKind::Bf16:
    return "bf16";
  case RowKind::Int8Pow2:
    return "qact<pow2>";
  case RowKind::Int8F32:
    return "qact<f32>";
  case RowKind::Int:
    return "int";
  case RowKind::F16:
    return "f16";
  case RowKind::Int8Row:
    return "qact<row>";
  case RowKind::E4m3Row:
    return "qact<row_e4m3>";
  }
  return "";
}

uint64_t hashOf(const Rows &rows) {
  uint64_t hash = hash64(rows.floats.data(), rows.floats.size() * sizeof(float));
  hash = hash64(rows.ints.data(), rows.ints.size() * sizeof(int64_t), hash);
  hash = hash64(rows.int8.data(), rows.int8.size(), hash);
  if (rows.isRowScaled())
    hash = hash64(rows.rowScales.data(), rows.rowScales.size() * sizeof(float), hash);
  return hash64(rows.meta.data(), rows.meta.size() * sizeof(numerics::ActGroupMeta), hash);
}

bool sameBits(const Rows &a, const Rows &b) {
  return a.kind == b.kind && a.rows == b.rows && a.columns == b.columns && hashOf(a) == hashOf(b);
}

std::string nameOf(const EntryOutputs &outputs, size_t index) {
  return "@" + outputs.entry + " result " + std::to_string(index);
}

std::string valueText(const Rows &rows, int64_t r, int64_t c) {
  if (rows.kind == RowKind::Int)
    return std::to_string(rows.ints[r * rows.columns + c]);
  return format("%.9g", static_cast<double>(rows.valueAt(r, c)));
}

/// Largest difference and where; not a number counts as infinite.
struct Difference {
  double largest = 0;
  int64_t row = 0, column = 0;
};

template <typename Expected>
Difference largestDifference(const Rows &rows, Expected expected) {
  Difference result;
  for (int64_t r = 0; r < rows.rows; ++r)
    for (int64_t c = 0; c < rows.columns; ++c) {
      double d = std::fabs(expected(r, c) - static_cast<double>(rows.valueAt(r, c)));
      d = std::isnan(d) ? HUGE_VAL : d;
      if (d > result.largest)
        result = {d, r, c};
    }
  return result;
}

double standardDeviation(const Rows &rows) {
  double sum = 0, squares = 0;
  const double count = static_cast<double>(rows.rows) * static_cast<double>(rows.columns);
  for (int64_t r = 0; r < rows.rows; ++r)
    for (int64_t c = 0; c < rows.columns; ++c) {
      const double x = rows.valueAt(r, c);
      sum += x;
      squares += x * x;
    }
  const double variance = squares / count - sum / count * (sum / count);
  return variance > 0 ? std::sqrt(variance) : 1.0;
}

/// One dense attribute against one result.
Status checkResult(const Rows &rows, DenseElementsAttr expected, double tolerance,
                   const std::string &name, llvm::raw_ostream &out) {
  ShapedType type = expected.getType();
  if (type.getRank() != 2 || type.getDimSize(0) != rows.rows || type.getDimSize(1) != rows.columns)
    return {ErrorClass::Data, "expectation",
            format("%s has shape [%lld, %lld], which is not that of its expectation", name.c_str(),
                   static_cast<long long>(rows.rows), static_cast<long long>(rows.columns))};
  std::vector<double> values;
  if (isa<FloatType>(type.getElementType()))
    for (APFloat value : expected.getValues<APFloat>())
      values.push_back(value.convertToDouble());
  else
    for (const APInt &value : expected.getValues<APInt>())
      values.push_back(static_cast<double>(value.getSExtValue()));
  const Difference difference = largestDifference(
      rows, [&](int64_t r, int64_t c) { return values[size_t(r * rows.columns + c)]; });
  if (difference.largest > tolerance)
    return {ErrorClass::Data, "expectation",
            format("%s row %lld column %lld is %s, expected %.9g (tolerance %g)", name.c_str(),
                   static_cast<long long>(difference.row),
                   static_cast<long long>(difference.column),
                   valueText(rows, difference.row, difference.column).c_str(),
                   values[size_t(difference.row * rows.columns + difference.column)], tolerance)};
  out << format("%s as expected, largest difference %.3g\n", name.c_str(), difference.largest);
  return Status::ok();
}

Status compareResult(const Rows &before, const Rows &after, double tolerance,
                     const std::string &name, llvm::raw_ostream &out) {
  if (sameBits(before, after)) {
    out << name << ": bit-equal\n";
    return Status::ok();
  }
  if (before.rows != after.rows || before.columns != after.columns)
    return {ErrorClass::Data, "tolerance",
            format("%s: [%lld, %lld] before, [%lld, %lld] after", name.c_str(),
                   static_cast<long long>(before.rows), static_cast<long long>(before.columns),
                   static_cast<long long>(after.rows), static_cast<long long>(after.columns))};
  const Difference difference = largestDifference(
      after, [&](int64_t r, int64_t c) { return static_cast<double>(before.valueAt(r, c)); });
  const double share = difference.largest / standardDeviation(before);
  out << format("%s: largest difference %.3g, %.3g of the standard deviation, at row %lld column "
                "%lld\n",
                name.c_str(), difference.largest, share, static_cast<long long>(difference.row),
                static_cast<long long>(difference.column));
  const bool integers = before.kind == RowKind::Int;
  if (share > tolerance || (integers && difference.largest > 0) || tolerance == 0)
    return {ErrorClass::Data, "tolerance",
            format("%s differs by %.3g of its standard deviation, allowed are %g", name.c_str(),
                   share, integers ? 0.0 : tolerance)};
  return Status::ok();
}

} // namespace

void printOutputs(const std::vector<EntryOutputs> &outputs, bool values, llvm::raw_ostream &out) {
  for (const EntryOutputs &entry : outputs)
    for (size_t i = 0; i < entry.results.size(); ++i) {
      const Rows &rows = entry.results[i];
      out << format("%s: %s [%lld, %lld], hash %016llx\n", nameOf(entry, i).c_str(),
                    kindName(rows.kind), static_cast<long long>(rows.rows),
                    static_cast<long long>(rows.columns),
                    static_cast<unsigned long long>(hashOf(rows)));
      for (int64_t r = 0; values && r < rows.rows; ++r) {
        out << "  " << r << ":";
        for (int64_t c = 0; c < rows.columns; ++c)
          out << " " << valueText(rows, r, c);
        out << "\n";
      }
    }
}

Status checkExpectations(ModuleOp module, const std::vector<EntryOutputs> &outputs,
                         llvm::raw_ostream &out) {
  for (const EntryOutputs &entry : outputs) {
    auto function = module.lookupSymbol<func::FuncOp>(entry.entry);
    auto tolerance = function->getAttrOfType<FloatAttr>("ingot.tolerance");
    size_t result = 0;
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      if (!isa<RankedTensorType>(function.getResultTypes()[i]))
        continue;
      if (auto expected = function.getResultAttrOfType<DenseElementsAttr>(i, "ingot.expected"))
        INGOT_TRY(checkResult(entry.results[result], expected,
                              tolerance ? tolerance.getValueAsDouble() : 0.0, nameOf(entry, result),
                              out));
      ++result;
    }
  }
  return Status::ok();
}

Status compareOutputs(const std::vector<EntryOutputs> &before,
                      const std::vector<EntryOutputs> &after, double tolerance,
                      llvm::raw_ostream &out) {
  for (const EntryOutputs &entry : before) {
    const auto other = llvm::find_if(
        after, [&](const EntryOutputs &candidate) { return candidate.entry == entry.entry; });
    if (other == after.end() || other->results.size() < entry.results.size())
      return {ErrorClass::Data, "tolerance",
              format("@%s is gone or has lost results", entry.entry.c_str())};
    for (size_t i = 0; i < entry.results.size(); ++i)
      INGOT_TRY(
          compareResult(entry.results[i], other->results[i], tolerance, nameOf(entry, i), out));
  }
  return Status::ok();
}

} // namespace ingot::reference
