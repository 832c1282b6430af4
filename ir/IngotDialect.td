// The `ingot` dialect record. The chapter below is the source of the generated documentation.
#ifndef INGOT_DIALECT_TD
#define INGOT_DIALECT_TD

include "mlir/IR/OpBase.td"

def Ingot_Dialect : Dialect {
  let name = "ingot";
  let cppNamespace = "::ingot";
  let summary = "Decoder language models over ragged batches and a paged KV cache";
  let description = [{
    A program is a `func.func` per entry (`forward` now). It takes a *ragged batch* of T tokens that
    belong to B sequences: a prefill chunk, a decode step and the check of drafted tokens are the same
    program. Row tensors have one row per token, `tensor<?xNxf32>`, or one row per returned token,
    `tensor<?xNxf32, #ingot.rows<returned>>`.

    Numbers are float32 between ops. Everything that rounds is an op of its own (`round`, `quantize`,
    `kv_append`), and every op that reduces carries an `order` once `fix-numerics` has run: after it no
    pass may add, drop or move a rounding point or change an order, so fused and unfused programs,
    and all schedules of a plan, give the same bits.

    Weights are named parameters (`ingot.param`), never bytes in the IR. A quantized weight is a
    tensor of `!ingot.qweight<...>` elements: the type says bits, group and layout; scales are part of
    the packed parameter.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

#endif // INGOT_DIALECT_TD
