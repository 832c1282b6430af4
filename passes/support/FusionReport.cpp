#include "passes/support/FusionReport.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace ingot;

static constexpr const char kCategory[] = "fusion";

void FusionReport::fired(Location loc, StringRef label, int64_t rowBytesSaved) {
  ++tally_.fired;
  tally_.rowBytesSaved += rowBytesSaved;
  remark::passed(loc, remark::RemarkOpts::name(tally_.name).category(kCategory))
      << remark::metric("label", label.str()) << remark::metric("row_bytes_saved", rowBytesSaved);
}

void FusionReport::missed(Location loc, StringRef label, StringRef reason) {
  ++tally_.missed;
  if (!StringRef(tally_.reason).contains(reason))
    tally_.reason += (tally_.reason.empty() ? "" : "; ") + reason.str();
  remark::missed(loc, remark::RemarkOpts::name(tally_.name).category(kCategory))
      << remark::metric("label", label.str()) << remark::metric("Reason", reason.str());
}

static DictionaryAttr attributeOf(Builder &builder, const FusionTally &tally) {
  return builder.getDictionaryAttr({
      builder.getNamedAttr("name", builder.getStringAttr(tally.name)),
      builder.getNamedAttr("fired", builder.getI64IntegerAttr(tally.fired)),
      builder.getNamedAttr("missed", builder.getI64IntegerAttr(tally.missed)),
      builder.getNamedAttr("reason", builder.getStringAttr(tally.reason)),
      builder.getNamedAttr("row_bytes_saved", builder.getI64IntegerAttr(tally.rowBytesSaved)),
  });
}

void FusionReport::commit() {
  std::vector<FusionTally> rows = readFusions(module_);
  auto known = llvm::find_if(rows, [&](const FusionTally &row) { return row.name == tally_.name; });
  if (known == rows.end()) {
    rows.push_back(tally_);
  } else {
    known->fired += tally_.fired;
    known->missed += tally_.missed;
    known->rowBytesSaved += tally_.rowBytesSaved;
    if (!StringRef(known->reason).contains(tally_.reason))
      known->reason += (known->reason.empty() ? "" : "; ") + tally_.reason;
  }
  Builder builder(module_.getContext());
  SmallVector<Attribute> attributes;
  for (const FusionTally &row : rows)
    attributes.push_back(attributeOf(builder, row));
  module_->setAttr(kFusionsAttr, builder.getArrayAttr(attributes));
}

std::vector<FusionTally> ingot::readFusions(ModuleOp module) {
  std::vector<FusionTally> rows;
  auto attributes = module->getAttrOfType<ArrayAttr>(kFusionsAttr);
  if (!attributes)
    return rows;
  for (auto row : attributes.getAsRange<DictionaryAttr>()) {
    auto number = [&](StringRef key) {
      auto attribute = row.getAs<IntegerAttr>(key);
      return attribute ? attribute.getInt() : 0;
    };
    auto text = [&](StringRef key) {
      auto attribute = row.getAs<StringAttr>(key);
      return attribute ? attribute.getValue().str() : std::string();
    };
    rows.push_back({text("name"), static_cast<uint32_t>(number("fired")),
                    static_cast<uint32_t>(number("missed")), text("reason"),
                    number("row_bytes_saved")});
  }
  return rows;
}
