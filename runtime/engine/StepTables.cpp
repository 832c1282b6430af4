#include "runtime/engine/StepTables.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <cstring>

namespace ingot {
namespace {

/// Of every table inside the block.
constexpr uint64_t kTableAlign = 16;
/// The batch view's place inside the block.
constexpr uint64_t kBatchViewBytes = 128;
static_assert(sizeof(abi::BatchView) <= kBatchViewBytes);
/// Tables of a step: nine of BatchView and the block table.
constexpr uint64_t kTables = 10;

constexpr uint64_t aligned(uint64_t bytes) {
  return (bytes + kTableAlign - 1) / kTableAlign * kTableAlign;
}

/// Bytes of all tables at the limits: ids, three planes of positions, sequence, cache position, two
/// ends of the visible range and at most one attention item of two words, each per token.
uint64_t tableBytes(const TableLimits &limits) {
  const uint64_t words =
      limits.tokens * (1 + 3 + 1 + 1 + 2 + 2) + limits.rows + limits.sequences * limits.tablePitch;
  return words * sizeof(uint32_t) + limits.rows * sizeof(abi::SampleParams) + kTables * kTableAlign;
}

/// Appends tables to a host block whose copy has another address on the device.
class TablePacker {
public:
  TablePacker(StepMemory &memory, uint32_t slot, uint64_t begin)
      : host_(memory.host(slot)), address_(memory.address()), capacity_(memory.bytes()),
        used_(begin) {}

  /// Copies the table and points `table` at its copy on the device.
  template <typename Entry>
  void pack(const Entry *&table, uint64_t entries) {
    const uint64_t bytes = entries * sizeof(Entry);
    used_ = aligned(used_);
    fits_ = fits_ && used_ + bytes <= capacity_;
    if (fits_ && bytes > 0)
      std::memcpy(host_ + used_, table, bytes);
    table = reinterpret_cast<const Entry *>(address_ + used_);
    used_ += bytes;
  }
  bool fits() const { return fits_; }
  uint64_t used() const { return used_; }

private:
  uint8_t *host_;
  uint64_t address_, capacity_, used_;
  bool fits_ = true;
};

} // namespace

Result<std::unique_ptr<StepTables>>
StepTables::create(Device &device, std::vector<abi::KvView> views, const TableLimits &limits) {
  std::unique_ptr<StepTables> tables(new StepTables);
  tables->kvViews_ = std::move(views);
  if (!device.sharesHostMemory()) {
    INGOT_ASSIGN(tables->memory_, device.allocateStep(tables->viewBytes() + tableBytes(limits),
                                                      "the tables of a step"));
  }
  return tables;
}

uint64_t StepTables::viewBytes() const {
  return kBatchViewBytes + kvViews_.size() * sizeof(abi::KvView);
}

uint64_t StepTables::batchAddress() const {
  return memory_ ? memory_->address() : reinterpret_cast<uint64_t>(&batchView_);
}

uint64_t StepTables::kvAddress(size_t layer) const {
  return memory_ ? memory_->address() + kBatchViewBytes + layer * sizeof(abi::KvView)
                 : reinterpret_cast<uint64_t>(&kvViews_[layer]);
}

Result<uint64_t> StepTables::fill(const Batch &batch, uint32_t slot, const StepChoice &choice) {
  batchView_ = batch.view();
  batchView_.previousIds = reinterpret_cast<const uint32_t *>(choice.previousIds);
  if (!choice.sampled)
    batchView_.sampling = nullptr;
  const uint32_t *blockTable = batch.blockTable();
  uint64_t used = 0;
  if (memory_) {
    abi::BatchView &view = batchView_;
    const uint64_t t = view.tokens;
    TablePacker packer(*memory_, slot, viewBytes());
    packer.pack(view.tokenIds, t);
    packer.pack(view.ropePositions, 3 * t);
    packer.pack(view.tokenSequence, t);
    packer.pack(view.kvPositions, t);
    packer.pack(view.visibleBegin, t);
    packer.pack(view.visibleEnd, t);
    packer.pack(view.returnRows, view.returnedRows);
    packer.pack(view.attentionTable, 2 * uint64_t(view.attentionItems));
    if (choice.sampled)
      packer.pack(view.sampling, view.returnedRows);
    packer.pack(blockTable, uint64_t(view.sequences) * batch.tablePitch());
    if (!packer.fits())
      return Status(ErrorClass::Internal, "step-too-large",
                    format("the tables of a step of %u tokens and %u sequences take %llu bytes; "
                           "%llu were set aside",
                           view.tokens, view.sequences,
                           static_cast<unsigned long long>(packer.used()),
                           static_cast<unsigned long long>(memory_->bytes())));
    used = packer.used();
  }
  for (abi::KvView &view : kvViews_) {
    view.table = blockTable;
    view.tablePitch = batch.tablePitch();
  }
  if (memory_) {
    std::memcpy(memory_->host(slot), &batchView_, sizeof batchView_);
    std::memcpy(memory_->host(slot) + kBatchViewBytes, kvViews_.data(),
                kvViews_.size() * sizeof(abi::KvView));
  }
  return used;
}

} // namespace ingot
