#include "compiler/WeightPacker.h"

#include "runtime/artifact/Panel32.h"
#include "runtime/artifact/RowLayout.h"
#include "runtime/base/Numerics.h"

#include <algorithm>
#include <thread>

using namespace ingot;

namespace {

constexpr uint64_t kPieceBytes = 8 << 20;

/// Panels [first, first + count) of a job and their packed bytes.
struct Piece {
  uint64_t first = 0;
  uint64_t count = 0;
  std::vector<uint8_t> bytes;
  Status status;
};

/// The layout of `count` panels taken alone: panels do not depend on their neighbours.
Result<WeightLayout> layoutOfPiece(const WeightLayout &layout, uint64_t rows) {
  const uint64_t shape[] = {rows, layout.columns};
  return WeightLayout::make(formatName(layout.format), layoutName(layout.kind), shape, layout.group,
                            layout.interleave);
}

/// Reads the rows that panels [first, first + count) hold: those of gate and up parameters from the
/// first source, then from the second. Returns their number.
Result<uint64_t> readPanelRows(const ParamReader &reader, const WeightLayout &layout,
                               const Piece &piece, std::vector<float> &values) {
  const bool isPair = layout.interleave == kInterleave;
  const uint64_t perPanel = isPair ? kInterleave : kPanelColumns;
  const uint64_t sourceRows = isPair ? layout.rows / 2 : layout.rows;
  const uint64_t begin = std::min(piece.first * perPanel, sourceRows);
  const uint64_t end = std::min((piece.first + piece.count) * perPanel, sourceRows);
  const uint64_t rows = end - begin, sources = isPair ? 2 : 1;
  values.resize(sources * rows * layout.columns);
  for (uint64_t source = 0; source < sources; ++source)
    INGOT_TRY(reader.readRows(static_cast<int64_t>(source * sourceRows + begin),
                              static_cast<int64_t>(rows),
                              values.data() + source * rows * layout.columns));
  return sources * rows;
}

Status packPiece(const ParamReader &reader, const PackJob &job, Piece &piece) {
  std::vector<float> values;
  INGOT_ASSIGN(const uint64_t rows, readPanelRows(reader, job.layout, piece, values));
  piece.bytes.resize(piece.count * job.layout.unitBytes);
  if (rows == 0) // interleaved padding panels
    return Status(ErrorClass::Internal, "pack-empty-piece", job.spec.name + ": a piece of padding");
  INGOT_ASSIGN(const WeightLayout part, layoutOfPiece(job.layout, rows));
  const uint64_t panels = std::min(part.units, piece.count);
  if (job.quantize) {
    const QuantizedRows q = quantizeRows(values, static_cast<int64_t>(rows),
                                         static_cast<int64_t>(job.layout.columns), *job.quantize);
    packPanels(part, {q.values, q.scales}, 0, panels, piece.bytes.data());
    return Status::ok();
  }
  std::vector<uint16_t> halves(values.size());
  std::transform(values.begin(), values.end(), halves.begin(),
                 job.layout.format == WeightFormat::F16 ? numerics::toF16 : numerics::toBf16);
  packPanelsBf16(part, halves, 0, panels, piece.bytes.data());
  return Status::ok();
}

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
  spec.interleave = 0; // source by source; packPanels alternates
  INGOT_ASSIGN(const ParamReader reader, ParamReader::open(weights, std::move(spec)));
  if (job.layout.kind == LayoutKind::Row)
    return packRowParam(reader, job, sink);

  const uint64_t panelValues = kPanelColumns * std::max<uint64_t>(1, job.layout.columns) * 4;
  // What is interleaved stays together: two panels per 32 rows of a source, or those of a head.
  const uint64_t together = std::max<uint64_t>(2, job.layout.interleave / kPanelColumns);
  const uint64_t panelsPerPiece =
      std::max<uint64_t>(1, kPieceBytes / panelValues / together) * together;
  for (uint64_t first = 0; first < job.layout.units;) {
    std::vector<Piece> pieces;
    for (; first < job.layout.units && pieces.size() < std::max(1u, threads);
         first += panelsPerPiece)
      pieces.push_back({first, std::min(panelsPerPiece, job.layout.units - first), {}, {}});
    std::vector<std::thread> workers;
    for (size_t i = 1; i < pieces.size(); ++i)
      workers.emplace_back([&, i] { pieces[i].status = packPiece(reader, job, pieces[i]); });
    pieces[0].status = packPiece(reader, job, pieces[0]);
    for (std::thread &worker : workers)
      worker.join();
    for (Piece &piece : pieces) {
      INGOT_TRY(std::move(piece.status));
      INGOT_TRY(sink(piece.bytes));
    }
  }
  return Status::ok();
}
