#include "compiler/WeightPacker.h"

#include "runtime/artifact/Panel32.h"
#include "runtime/artifact/RowLayout.h"
#include "runtime/base/Numerics.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace ingot;

namespace {

constexpr uint64_t kPieceValues = 2 << 20;

/// Packs panels one by one; the values of a row never leave the caches. One per thread.
class PanelPacker {
public:
  PanelPacker(const ParamReader &reader, const PackJob &job)
      : reader_(reader), job_(job), floats_(job.layout.columns) {
    const uint64_t padded = kPanelColumns * job.layout.paddedColumns();
    values_.resize(job.quantize ? padded : 0);
    scales_.resize(job.quantize ? kPanelColumns * job.layout.groups() : 0);
    halves_.resize(job.quantize ? 0 : padded);
  }

  Status pack(uint64_t panel, uint8_t *out) {
    for (uint64_t column = 0; column < kPanelColumns; ++column) {
      const int64_t row = job_.layout.rowAt(panel, column);
      if (row < 0) {
        clear(column);
        continue;
      }
      INGOT_TRY(reader_.readRows(row, 1, floats_.data()));
      take(column);
    }
    if (job_.quantize)
      packPanel(job_.layout, values_.data(), scales_.data(), out);
    else
      packPanel(job_.layout, halves_.data(), out);
    return Status::ok();
  }

private:
  /// What follows a row's `columns` values is 0 from the start.
  void take(uint64_t column) {
    const uint64_t first = column * job_.layout.paddedColumns();
    if (job_.quantize) {
      quantizeRows(floats_.data(), 1, static_cast<int64_t>(floats_.size()), *job_.quantize,
                   values_.data() + first, scales_.data() + column * job_.layout.groups());
      return;
    }
    const auto narrow = [&](auto toHalf) { // one loop per format: vectors
      std::transform(floats_.begin(), floats_.end(), halves_.data() + first, toHalf);
    };
    if (job_.layout.format == WeightFormat::F16)
      narrow([](float value) { return numerics::toF16(value); });
    else
      narrow([](float value) { return numerics::toBf16(value); });
  }

  void clear(uint64_t column) {
    const uint64_t width = job_.layout.paddedColumns();
    if (!job_.quantize) {
      std::fill_n(halves_.data() + column * width, width, uint16_t(0));
      return;
    }
    std::fill_n(values_.data() + column * width, width, int8_t(0));
    std::fill_n(scales_.data() + column * job_.layout.groups(), job_.layout.groups(), uint16_t(0));
  }

  const ParamReader &reader_;
  const PackJob &job_;
  std::vector<float> floats_;    ///< a row
  std::vector<int8_t> values_;   ///< [32][paddedColumns]
  std::vector<uint16_t> scales_; ///< [32][groups]
  std::vector<uint16_t> halves_; ///< [32][paddedColumns]
};

/// The panels of a parameter in pieces: workers pack them, one thread takes them in order.
class PieceLine {
public:
  PieceLine(const ParamReader &reader, const PackJob &job, unsigned threads)
      : reader_(reader), job_(job) {
    const uint64_t values = kPanelColumns * std::max<uint64_t>(1, job.layout.columns);
    panelsPerPiece_ = std::max<uint64_t>(1, kPieceValues / values);
    count_ = (job.layout.units + panelsPerPiece_ - 1) / panelsPerPiece_;
    pieces_.resize(std::min<uint64_t>(count_, 2 * std::max(1u, threads)));
    const uint64_t workers = std::min<uint64_t>(count_, std::max(1u, threads));
    for (uint64_t i = 0; i < workers; ++i)
      workers_.emplace_back([this] { work(); });
  }
  ~PieceLine() {
    {
      std::lock_guard lock(mutex_);
      count_ = 0; // what is not begun is left
    }
    change_.notify_all();
    for (std::thread &worker : workers_)
      worker.join();
  }

  /// Hands the pieces to `sink` in order, the first failure ends it.
  Status drain(const std::function<Status(std::span<const uint8_t>)> &sink) {
    const uint64_t count = count_;
    for (uint64_t i = 0; i < count; ++i) {
      Piece &piece = pieces_[i % pieces_.size()];
      {
        std::unique_lock lock(mutex_);
        change_.wait(lock, [&] { return piece.isReady; });
      }
      INGOT_TRY(std::move(piece.status));
      INGOT_TRY(sink(piece.bytes));
      {
        std::lock_guard lock(mutex_);
        piece.isReady = false;
        ++taken_;
      }
      change_.notify_all();
    }
    return Status::ok();
  }

private:
  struct Piece {
    std::vector<uint8_t> bytes;
    Status status;
    bool isReady = false; ///< packed, not taken yet; guarded by mutex_
  };

  /// The next piece to pack, once its place is free; UINT64_MAX when there is none.
  uint64_t next() {
    std::unique_lock lock(mutex_);
    change_.wait(lock, [&] { return begun_ >= count_ || begun_ < taken_ + pieces_.size(); });
    return begun_ < count_ ? begun_++ : UINT64_MAX;
  }

  void work() {
    PanelPacker packer(reader_, job_);
    for (uint64_t i; (i = next()) != UINT64_MAX;) {
      Piece &piece = pieces_[i % pieces_.size()];
      piece.status = packPiece(packer, i, piece.bytes);
      {
        std::lock_guard lock(mutex_);
        piece.isReady = true;
      }
      change_.notify_all();
    }
  }

  Status packPiece(PanelPacker &packer, uint64_t index, std::vector<uint8_t> &bytes) const {
    const uint64_t first = index * panelsPerPiece_;
    const uint64_t panels = std::min(panelsPerPiece_, job_.layout.units - first);
    bytes.resize(panels * job_.layout.unitBytes);
    for (uint64_t p = 0; p < panels; ++p)
      INGOT_TRY(packer.pack(first + p, bytes.data() + p * job_.layout.unitBytes));
    return Status::ok();
  }

  const ParamReader &reader_;
  const PackJob &job_;
  uint64_t panelsPerPiece_ = 1;
  std::vector<Piece> pieces_; ///< piece i lies at i % size
  std::vector<std::thread> workers_;
  std::mutex mutex_; ///< of what follows
  std::condition_variable change_;
  uint64_t count_ = 0, begun_ = 0, taken_ = 0; ///< pieces
};

Status packRowParam(const ParamReader &reader, const PackJob &job,
                    const std::function<Status(std::span<const uint8_t>)> &sink) {
  const ParamSpec &spec = reader.spec();
  std::vector<float> values(static_cast<size_t>(spec.rows * spec.columns));
  INGOT_TRY(reader.readRows(0, spec.rows, values.data()));
  std::vector<uint8_t> bytes(job.layout.bytes);
  packRows(job.layout, values, bytes.data());
  return sink(bytes);
}

} // namespace

Status ingot::packParam(const WeightSource &weights, const PackJob &job, unsigned threads,
                        const std::function<Status(std::span<const uint8_t>)> &sink) {
  ParamSpec spec = job.spec;
  spec.interleave = 0; // source by source: the layout says which row lies where
  INGOT_ASSIGN(const ParamReader reader, ParamReader::open(weights, std::move(spec)));
  if (job.layout.kind == LayoutKind::Row)
    return packRowParam(reader, job, sink);

  return PieceLine(reader, job, threads).drain(sink);
}
