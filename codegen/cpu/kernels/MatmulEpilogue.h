// Point-wise ops on the 32 columns of a panel while they are in registers.
#pragma once

#include "codegen/KernelProgram.h"
#include "codegen/cpu/KernelBuilder.h"

#include <map>
#include <set>

namespace ingot::cpu {

class MatmulEpilogue {
public:
  /// `linear`: index of the Linear op; the ops after it are the epilogue.
  MatmulEpilogue(KernelBuilder &builder, const KernelProgram &program, size_t linear);

  /// Runs the epilogue for one row and stores what is yielded. `sums`: columns 0..15 and 16..31 of
  /// the panel.
  void emit(Val args, Val row, Val panel, const Vals &sums);
  /// Fetches the cache lines that `emit` will read and write for one row.
  void prefetch(Val args, Val row, Val panel);

private:
  /// 16-lane vectors of one value: two (32 columns per panel) or one (16, after an interleaved
  /// split).
  Vals operand(int value, size_t vectors);
  void evaluate(const ProgramOp &op);
  void split(const ProgramOp &op);
  void argmaxPartial(const ProgramOp &op);
  Val columnsAt(int value, size_t vectors);
  void store(int value);

  KernelBuilder &b_;
  const KernelProgram &program_;
  size_t linear_;
  Val args_, row_, panel_;
  std::map<int, Vals> values_; ///< computed for the row at hand
  std::set<int> produced_;     ///< by the linear or after it
  std::set<int> narrow_;       ///< values of 16 columns per panel: behind an interleaved split
};

} // namespace ingot::cpu
