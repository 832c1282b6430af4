// A linear on the matrix unit (LinearOrder::Kind::Mma).
#pragma once

#include "ir/reference/Ops.h"

namespace ingot::reference {

/// Whether matrix units multiply rows and weights of these numbers.
bool hasMatrixLinear(const Rows &input, const Weight &weight);
/// Fills `result` [input.rows][weight.rows].
void matrixLinear(const Rows &input, const Weight &weight, const LinearOrder &order, Rows &result);

} // namespace ingot::reference
