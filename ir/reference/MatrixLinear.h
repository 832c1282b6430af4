// A linear on the matrix unit (LinearOrder::Kind::Mma).
#pragma once

#include "ir/reference/Ops.h"

namespace ingot::reference {

/// Fills `result` [input.rows][weight.rows]. `input` is bf16; `weight` bf16 or integer.
void matrixLinear(const Rows &input, const Weight &weight, const LinearOrder &order, Rows &result);

} // namespace ingot::reference
