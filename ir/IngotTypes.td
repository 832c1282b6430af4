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

// The numbers are those of abi::KvFormat.
def Ingot_KvFormat : I32EnumAttr<"KvFormat", "how a cache stores keys and values", [
    I32EnumAttrCase<"bf16", 0>, // nearest even
    I32EnumAttrCase<"fp16", 1>, // nearest even, saturating
    I32EnumAttrCase<"fp8", 2>,  // e4m3, nearest even, saturating at 448, no scale
    I32EnumAttrCase<"int8", 3>  // one float32 scale per position and head
  ]> {
  let cppNamespace = "::ingot";
  let genSpecializedAttr = 0;
}
def Ingot_KvFormatParameter : EnumParameter<Ingot_KvFormat> {
  let defaultValue = "::ingot::KvFormat::bf16";
}

def Ingot_KvType : Ingot_Type<"Kv", "kv"> {
  let summary = "one group of the paged KV cache, as a value";
  let description = [{
    `layers` layers of `heads` KV heads with keys of `keyDim` and values of `valueDim` columns, stored
    in blocks of `blockTokens` positions, rounded to `format` (absent: bf16) by `kv_append`; the rules
    of each format are in runtime/base/Numerics.h, Rule K.
    `!ingot.kv<group = 0, layers = 5, heads = 4, key = 8, value = 8, block = 16, format = int8>`
  }];
  let parameters = (ins "int64_t":$group, "int64_t":$layers, "int64_t":$heads, "int64_t":$keyDim,
                        "int64_t":$valueDim, "int64_t":$blockTokens, Ingot_KvFormatParameter:$format);
  let assemblyFormat = [{ `<` `group` `=` $group `,` `layers` `=` $layers `,` `heads` `=` $heads `,`
      `key` `=` $keyDim `,` `value` `=` $valueDim `,` `block` `=` $blockTokens
      (`,` `format` `=` $format^)? `>` }];
  let genVerifyDecl = 1;
}

def Ingot_ActScale : I32EnumAttr<"ActScale", "numbers and scales of 8-bit activations", [
    I32EnumAttrCase<"pow2", 0>,    // int8, a power of two per row and 32 columns
    I32EnumAttrCase<"f32", 1>,     // int8, a float32 per row and 32 columns
    I32EnumAttrCase<"row", 2>,     // int8, a float32 per row
    I32EnumAttrCase<"row_e4m3", 3> // float8 e4m3, a float32 per row
  ]> {
  let cppNamespace = "::ingot";
  let genSpecializedAttr = 0;
}

def Ingot_QActType : Ingot_Type<"QAct", "qact"> {
  let summary = "element of 8-bit activations and their scales";
  let description = [{
    `tensor<?x2048x!ingot.qact<pow2>>` and `<f32>`: int8 values and, per group of 32 columns, the
    scale and the correction -8 * sum (`numerics::ActGroupMeta`). `<row>` and `<row_e4m3>`: int8 or
    float8 e4m3 values and one float32 scale per row (`numerics::rowScale`), what matrix units take.
  }];
  let parameters = (ins EnumParameter<Ingot_ActScale>:$scale);
  let assemblyFormat = "`<` $scale `>`";
  let extraClassDeclaration = [{
    /// One scale for a whole row.
    bool isRowScaled() const {
      return getScale() == ::ingot::ActScale::row || getScale() == ::ingot::ActScale::row_e4m3;
    }
  }];
}

def Ingot_WeightNumber : I32EnumAttr<"WeightNumber", "numbers of a quantized weight", [
    I32EnumAttrCase<"integer", 0>, I32EnumAttrCase<"e4m3", 1>]> {
  let cppNamespace = "::ingot";
  let genSpecializedAttr = 0;
}

def Ingot_WeightNumberParameter : EnumParameter<Ingot_WeightNumber> {
  let defaultValue = "::ingot::WeightNumber::integer";
}

def Ingot_QWeightType : Ingot_Type<"QWeight", "qweight"> {
  let summary = "element of a weight quantized per group of columns";
  let description = [{
    `tensor<2048x2048x!ingot.qweight<4, 32>>`: symmetric signed integers of `bits` (4 or 8), one f16
    scale per row and `group` columns (0: one per row). The last group of a row may be shorter.
    `!ingot.qweight<8, 128, e4m3>`: float8 e4m3 instead, groups of whole 128 columns or one per row.
    Packed as panel32 or mma16 (runtime/artifact/WeightLayout.h).
  }];
  let parameters = (ins "int64_t":$bits, "int64_t":$group,
                        Ingot_WeightNumberParameter:$number);
  let assemblyFormat = "`<` $bits `,` $group (`,` $number^)? `>`";
  let genVerifyDecl = 1;
}

#endif // INGOT_TYPES_TD
