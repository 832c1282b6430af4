// Attributes: row spaces, reduction orders, parameter sources.
#ifndef INGOT_ATTRS_TD
#define INGOT_ATTRS_TD

include "ir/IngotDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Ingot_Attr<string name, string attrMnemonic> : AttrDef<Ingot_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Ingot_RowSpace : I32EnumAttr<"RowSpace", "what one row of a tensor stands for", [
    I32EnumAttrCase<"tokens", 0>, I32EnumAttrCase<"returned", 1>]> {
  let cppNamespace = "::ingot";
  let genSpecializedAttr = 0;
}

def Ingot_RowsAttr : Ingot_Attr<"Rows", "rows"> {
  let summary = "row space of a tensor (its encoding); absent means one row per token";
  let parameters = (ins EnumParameter<Ingot_RowSpace>:$space);
  let assemblyFormat = "`<` $space `>`";
}

def Ingot_OrderKind : I32EnumAttr<"OrderKind", "how a reduction walks its elements", [
    I32EnumAttrCase<"chain", 0>,     // one FMA chain per output, K ascending in steps of `step`
    I32EnumAttrCase<"lanes", 1>,     // `step` lanes by FMA, then the halving tree
    I32EnumAttrCase<"attention", 2>, // KV tiles of `step` positions, fresh state every `span`
    I32EnumAttrCase<"mma", 3>,       // matrix unit: steps of `step` elements of K in slices of `span`
    I32EnumAttrCase<"attention_mma", 4> // as attention, its products on the matrix unit
  ]> {
  let cppNamespace = "::ingot";
  let genSpecializedAttr = 0;
}

def Ingot_OrderAttr : Ingot_Attr<"Order", "order"> {
  let summary = "fixed order of a reduction, stamped by fix-numerics";
  let parameters = (ins EnumParameter<Ingot_OrderKind>:$kind, "int64_t":$step,
                        DefaultValuedParameter<"int64_t", "0">:$span);
  let assemblyFormat = "`<` $kind `,` $step (`,` $span^)? `>`";
  let genVerifyDecl = 1;
}

def Ingot_SourceAttr : Ingot_Attr<"Source", "source"> {
  let summary = "rows of a merged parameter that come from one checkpoint tensor";
  let parameters = (ins StringRefParameter<"checkpoint tensor">:$tensor, "int64_t":$rows);
  let assemblyFormat = "`<` $tensor `,` $rows `>`";
}

#endif // INGOT_ATTRS_TD
