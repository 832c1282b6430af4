// Reads and, where the program says so, quantizes the parameters of a program once each.
#pragma once

#include "ir/IngotDialect.h"
#include "ir/WeightSource.h"
#include "ir/reference/Values.h"
#include "runtime/base/Status.h"

#include <map>
#include <memory>

namespace ingot::reference {

using WeightRef = std::shared_ptr<const Weight>;

/// `values` as a parameter of that static type would hold them; vectors are one row.
Weight weightOf(const Rows &values, mlir::RankedTensorType type);

/// What rows with elements of that type hold.
RowKind rowKindOf(QActType type);

/// Where an evaluation gets its parameters from.
class WeightProvider {
public:
  virtual ~WeightProvider() = default;
  virtual Result<WeightRef> load(ParamOp param) = 0;
};

class WeightLoader : public WeightProvider {
public:
  explicit WeightLoader(const WeightSource &source) : source_(source) {}
  Result<WeightRef> load(ParamOp param) override;

private:
  const WeightSource &source_;
  /// By attributes and type, which are unique in a context: equal parameters are read once.
  std::map<std::pair<const void *, const void *>, WeightRef> loaded_;
};

} // namespace ingot::reference
