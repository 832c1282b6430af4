// Types: the ragged batch, the paged cache, quantized activations and weights.
#ifndef INGOT_TYPES_TD
#define INGOT_TYPES_TD

include "ir/IngotDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Ingot_Type<string name, string typeMnemonic> : TypeDef<Ingot_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Ingot_BatchType : Ingot_Type<"Batch", "batch"> {
  let summary = "descriptor of a ragged step";
  let description = [{
    Per token: embedding row, rope position, sequence, KV position, visible range; per sequence: block
    tables and rows to return. Its run-time form is `abi::BatchView`.
  }];
}

def Ingot_KvType : Ingot_Type<"Kv", "kv"> {
  let summary = "one group of the paged KV cache, as a value";
  let description = [{
    `layers` layers of `heads` KV heads with keys of `keyDim` and values of `valueDim` columns, stored
    as bfloat16 in blocks of `blockTokens` positions (format kv_bf16_tile16).
    `!ingot.kv<group = 0, layers = 5, heads = 4, key = 8, value = 8, block = 16>`
  }];
  let parameters = (ins "int64_t":$group, "int64_t":$layers, "int64_t":$heads, "int64_t":$keyDim,
                        "int64_t":$valueDim, "int64_t":$blockTokens);
  let assemblyFormat = [{ `<` `group` `=` $group `,` `layers` `=` $layers `,` `heads` `=` $heads `,`
      `key` `=` $keyDim `,` `value` `=` $valueDim `,` `block` `=` $blockTokens `>` }];
  let genVerifyDecl = 1;
}

def Ingot_ActScale : I32EnumAttr<"ActScale", "scale of a group of 32 activations", [
    I32EnumAttrCase<"pow2", 0>, I32EnumAttrCase<"f32", 1>]> {
  let cppNamespace = "::ingot";
  let genSpecializedAttr = 0;
}

def Ingot_QActType : Ingot_Type<"QAct", "qact"> {
  let summary = "element of int8 activations with one scale per row and 32 columns";
  let description = [{
    `tensor<?x2048x!ingot.qact<pow2>>`: int8 values and, per group of 32 columns, the scale and the
    correction -8 * sum (`numerics::ActGroupMeta`).
  }];
  let parameters = (ins EnumParameter<Ingot_ActScale>:$scale);
  let assemblyFormat = "`<` $scale `>`";
}

def Ingot_QWeightType : Ingot_Type<"QWeight", "qweight"> {
  let summary = "element of a weight quantized per group of columns";
  let description = [{
    `tensor<2048x2048x!ingot.qweight<4, 32>>`: symmetric signed integers of `bits` (4 or 8), one f16
    scale per row and `group` columns (0: one per row). The last group of a row may be shorter.
    Packed as panel32 (runtime/artifact/WeightLayout.h).
  }];
  let parameters = (ins "int64_t":$bits, "int64_t":$group);
  let assemblyFormat = "`<` $bits `,` $group `>`";
  let genVerifyDecl = 1;
}

#endif // INGOT_TYPES_TD
