// What the compiler did, for people and for programs.
#pragma once

#include "compiler/Compiler.h"

#include <iosfwd>

namespace ingot {

/// Time per stage, sizes, fusions fired and missed with reasons, launches, memory contract.
void printReport(const CompileReport &report, const CompileOptions &options, std::ostream &out);

/// The same as one JSON object.
void printReportJson(const CompileReport &report, const CompileOptions &options, std::ostream &out);

} // namespace ingot
