// Model level: the ops of a decoder. Fused level: `fused` and `yield`. See IngotPlan.td for plans.
#ifndef INGOT_OPS_TD
#define INGOT_OPS_TD

include "ir/IngotDialect.td"
include "ir/IngotTypes.td"
include "ir/IngotAttrs.td"
include "ir/IngotInterfaces.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Ingot_Op<string mnemonic, list<Trait> traits = []> : Op<Ingot_Dialect, mnemonic, traits>;

def KvCacheResource : Resource<"::ingot::KvCacheResource">;

// Rows of any element type: [rows, columns], so many columns as runtime/base/Limits.h allows.
def HasRowShape : CPred<"::ingot::hasRowShape($_self)">;
def RowTensor : RankedTensorOf<[F32, BF16, F16, Ingot_QActType], [HasAnyRankOfPred<[2]>, HasRowShape], "rows of activations, 1 to 2^28 columns">;
def F32Rows : RankedTensorOf<[F32], [HasAnyRankOfPred<[2]>, HasRowShape], "float32 rows, 1 to 2^28 columns">;
def IndexRows : RankedTensorOf<[I32], [HasAnyRankOfPred<[2]>], "index rows">;
def WeightTensor : RankedTensorOf<[F32, BF16, F16, Ingot_QWeightType], [HasAnyRankOfPred<[1, 2]>], "a parameter">;

// Rounds: fixed by fix-numerics, never moved, added or dropped after it.
def RoundingPoint : NativeOpTrait<"RoundingPoint"> { let cppNamespace = "::ingot"; }

class Ingot_RowOp<string mnemonic, string footprintName, list<Trait> traits = []>
    : Ingot_Op<mnemonic, traits # [Pure, DeclareOpInterfaceMethods<Ingot_KernelOpInterface, ["footprint"]>]> {
  string footprintValue = footprintName;
  let extraClassDefinition = [{
    ::ingot::KernelFamily $cppClass::family() { return ::ingot::KernelFamily::Rowwise; }
    ::ingot::Footprint $cppClass::footprint() { return ::ingot::Footprint::}] # footprintName # [{; }
  }];
}

//===-- parameters and inputs ----------------------------------------------------------------===//

def Ingot_ParamOp : Ingot_Op<"param", [Pure]> {
  let summary = "a named weight";
  let description = [{
    The value of a checkpoint tensor, or of the rows of several: `sources` lists them in order when the
    parameter was merged. `interleave = n` alternates n rows of the first source with n of the second.
    `clip_search` asks the quantizer for the range of each group that has the least squared error.
    `rotary_pairs = D` is a matter of storage alone: heads of D rows are packed with rows r and r + D/2 in
    one panel, for kernels that rotate what they multiply (runtime/artifact/WeightLayout.h).
    ```mlir
    %w = ingot.param "model.layers.0.self_attn.q_proj.weight" : tensor<64x64xbf16>
    %m = ingot.param "model.layers.0.mlp.gate_up" {interleave = 16 : i64, sources = [
           #ingot.source<"model.layers.0.mlp.gate_proj.weight", 172>,
           #ingot.source<"model.layers.0.mlp.up_proj.weight", 172>]} : tensor<344x64x!ingot.qweight<4, 32>>
    ```
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<TypedArrayAttrBase<Ingot_SourceAttr, "sources">>:$sources,
                       OptionalAttr<I64Attr>:$interleave, UnitAttr:$clip_search,
                       OptionalAttr<I64Attr>:$rotary_pairs);
  let results = (outs WeightTensor:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Ingot_EmbedOp : Ingot_RowOp<"embed", "Gather"> {
  let summary = "row of the embedding table per token: [V, H] -> [T, H]";
  let arguments = (ins Ingot_BatchType:$batch, WeightTensor:$table);
  let results = (outs F32Rows:$result);
  let assemblyFormat = "$batch `,` $table attr-dict `:` type($table) `->` type($result)";
  let hasVerifier = 1;
}

def Ingot_RopeAnglesOp : Ingot_RowOp<"rope_angles", "Row"> {
  let summary = "cos | sin of position * inv_freq per token: [T, D], D/2 cosines then D/2 sines";
  let description = [{
    Rotary position embedding (arXiv 2104.09864) with the frequencies of the checkpoint's scaling baked
    into `inv_freq` (D/2 values); both halves are multiplied by `attention_factor`.
  }];
  let arguments = (ins Ingot_BatchType:$batch, DenseF32ArrayAttr:$inv_freq,
                       DefaultValuedAttr<F32Attr, "1.0f">:$attention_factor);
  let results = (outs F32Rows:$result);
  let assemblyFormat = "$batch attr-dict `:` type($result)";
  let hasVerifier = 1;
}

//===-- row-wise ------------------------------------------------------------------------------===//

def Ingot_AddOp : Ingot_RowOp<"add", "Point", [SameOperandsAndResultType]> {
  let summary = "element-wise sum";
  let arguments = (ins F32Rows:$lhs, F32Rows:$rhs);
  let results = (outs F32Rows:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def Ingot_MulOp : Ingot_RowOp<"mul", "Point", [SameOperandsAndResultType]> {
  let summary = "element-wise product";
  let arguments = (ins F32Rows:$lhs, F32Rows:$rhs);
  let results = (outs F32Rows:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def Ingot_AddBiasOp : Ingot_RowOp<"add_bias", "Point", [AllTypesMatch<["input", "result"]>]> {
  let summary = "adds a vector of N columns to each row";
  let arguments = (ins F32Rows:$input, WeightTensor:$bias);
  let results = (outs F32Rows:$result);
  let assemblyFormat = "$input `,` $bias attr-dict `:` type($bias) `->` type($result)";
  let hasVerifier = 1;
}

def Ingot_SiluOp : Ingot_RowOp<"silu", "Point", [SameOperandsAndResultType]> {
  let summary = "x / (1 + exp(-x))";
  let arguments = (ins F32Rows:$input);
  let results = (outs F32Rows:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

def Ingot_RmsNormOp : Ingot_RowOp<"rms_norm", "Row", [AllTypesMatch<["input", "result"]>]> {
  let summary = "x / sqrt(mean(x^2) + eps) * gamma, over the row or over each head";
  let description = [{
    Zhang and Sennrich, arXiv 1910.07467. `head_dim` absent: the whole row, gamma [N]. Present: each run
    of head_dim columns on its own, gamma [head_dim] (query and key norms).
  }];
  let arguments = (ins F32Rows:$input, WeightTensor:$gamma, F32Attr:$eps, OptionalAttr<I64Attr>:$head_dim,
                       OptionalAttr<Ingot_OrderAttr>:$order);
  let results = (outs F32Rows:$result);
  let assemblyFormat = "$input `,` $gamma attr-dict `:` type($gamma) `->` type($result)";
  let hasVerifier = 1;
}

def Ingot_LayerNormOp : Ingot_RowOp<"layer_norm", "Row", [AllTypesMatch<["input", "result"]>]> {
  let summary = "(x - mean) / sqrt(variance + eps) * gamma + beta over the row";
  let description = [{
    Ba, Kiros and Hinton, arXiv 1607.06450; gamma and beta [N]. The variance is the mean of the squared
    differences from the mean.
  }];
  let arguments = (ins F32Rows:$input, WeightTensor:$gamma, WeightTensor:$beta, F32Attr:$eps,
                       OptionalAttr<Ingot_OrderAttr>:$order);
  let results = (outs F32Rows:$result);
  let assemblyFormat = "$input `,` $gamma `,` $beta attr-dict `:` type($gamma) `,` type($beta) `->` type($result)";
  let hasVerifier = 1;
}

def Ingot_RopeOp : Ingot_RowOp<"rope", "Head", [AllTypesMatch<["input", "result"]>]> {
  let summary = "rotates the halves of each head: [T, heads * D] by angles [T, D]";
  let arguments = (ins F32Rows:$input, F32Rows:$angles, I64Attr:$head_dim);
  let results = (outs F32Rows:$result);
  let assemblyFormat = "$input `,` $angles attr-dict `:` type($angles) `->` type($result)";
  let hasVerifier = 1;
}

def Ingot_SplitOp : Ingot_RowOp<"split", "Point"> {
  let summary = "cuts rows into column ranges";
  let description = [{
    Result i has sizes[i] columns, in order. With `interleave = n` there are two results and the columns
    alternate in runs of n: the layout of a merged gate/up projection.
  }];
  let arguments = (ins F32Rows:$input, OptionalAttr<I64Attr>:$interleave);
  let results = (outs Variadic<F32Rows>:$results);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Ingot_SelectRowsOp : Ingot_RowOp<"select_rows", "Gather"> {
  let summary = "the returned rows: [T, N] -> [R, N]";
  let arguments = (ins F32Rows:$input, Ingot_BatchType:$batch);
  let results = (outs F32Rows:$result);
  let assemblyFormat = "$input `,` $batch attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

//===-- rounding points -------------------------------------------------------------------------===//

def Ingot_RoundOp : Ingot_RowOp<"round", "Point", [RoundingPoint]> {
  let summary = "rounds rows to bfloat16 or float16, nearest even";
  let arguments = (ins F32Rows:$input);
  let results = (outs RowTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Ingot_QuantizeOp : Ingot_RowOp<"quantize", "Group", [RoundingPoint]> {
  let summary = "quantizes rows to 8 bits with one scale per 32 columns or per row";
  let arguments = (ins F32Rows:$input);
  let results = (outs RowTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

//===-- matmul ------------------------------------------------------------------------------------===//

def Ingot_LinearOp : Ingot_Op<"linear", [Pure, DeclareOpInterfaceMethods<Ingot_KernelOpInterface>]> {
  let summary = "rows times a transposed weight: [T, K] x [N, K] -> [T, N], float32";
  let arguments = (ins RowTensor:$input, WeightTensor:$weight, OptionalAttr<Ingot_OrderAttr>:$order);
  let results = (outs F32Rows:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($input) `,` type($weight) `->` type($result)";
  let hasVerifier = 1;
}

def Ingot_ArgmaxOp : Ingot_RowOp<"argmax", "Row"> {
  let summary = "index of the largest column per row, ties to the lowest: [R, V] -> [R, 1]";
  let arguments = (ins F32Rows:$input);
  let results = (outs IndexRows:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def ArgmaxPartials : RankedTensorOf<[I64], [HasAnyRankOfPred<[2]>], "argmax partials">;

def Ingot_ArgmaxPartialOp : Ingot_RowOp<"argmax_partial", "Group"> {
  let summary = "argmax of each run of 32 columns: [R, V] -> [R, ceil(V / 32)]";
  let description = [{
    One i64 per run: the index of its largest column in the upper half (ties to the lowest), the bits of
    the value in the lower half. Lets the head keep its logits in registers.
  }];
  let arguments = (ins F32Rows:$input);
  let results = (outs ArgmaxPartials:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Ingot_ArgmaxFoldOp : Ingot_RowOp<"argmax_fold", "Row"> {
  let summary = "folds partials in ascending index, ties to the lowest: [R, P] -> [R, 1]";
  let arguments = (ins ArgmaxPartials:$input);
  let results = (outs IndexRows:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Ingot_SampleOp : Ingot_RowOp<"sample", "Row"> {
  let summary = "a token drawn per row of logits: [R, V] -> [R, 1]";
  let description = [{
    Each returned row brings its own temperature, min-p, top-k, top-p and place in a counter-based
    generator with the batch; temperature 0 is argmax. A row that is not finite gives 0xffffffff. Stands
    alone in its kernel, which takes the logits as its working memory.
  }];
  let arguments = (ins F32Rows:$input, Ingot_BatchType:$batch);
  let results = (outs IndexRows:$result);
  let assemblyFormat = "$input `,` $batch attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

//===-- paged cache --------------------------------------------------------------------------------===//

def Ingot_KvAppendOp : Ingot_Op<"kv_append", [RoundingPoint, AllTypesMatch<["kv", "result"]>, MemoryEffects<[MemWrite<KvCacheResource>]>,
                                             DeclareOpInterfaceMethods<Ingot_KernelOpInterface, ["footprint"]>]> {
  let summary = "writes the keys and values of the step's tokens into the cache, rounded to its format";
  let arguments = (ins Ingot_KvType:$kv, F32Rows:$key, F32Rows:$value, Ingot_BatchType:$batch, I64Attr:$layer);
  let results = (outs Ingot_KvType:$result);
  let assemblyFormat = "$kv `,` $key `,` $value `,` $batch attr-dict `:` type($kv) `,` type($key) `,` type($value)";
  let hasVerifier = 1;
  let extraClassDefinition = [{
    ::ingot::KernelFamily $cppClass::family() { return ::ingot::KernelFamily::Rowwise; }
    ::ingot::Footprint $cppClass::footprint() { return ::ingot::Footprint::Head; }
  }];
}

def Ingot_PagedAttentionOp : Ingot_Op<"paged_attention", [MemoryEffects<[MemRead<KvCacheResource>]>,
                                                         DeclareOpInterfaceMethods<Ingot_KernelOpInterface>]> {
  let summary = "softmax(scale * q k^T) v over the visible positions of each token: [T, heads * D]";
  let description = [{
    Query head h reads KV head h / (heads / kv_heads). Scores, maxima and sums in float32 in tiles of 64
    positions from absolute 0; segments of 256 are folded in ascending order (`order`).
    - `window`: only the last `window` of the positions that a token sees, its own included.
    - `softcap`: scores become softcap * tanh(score / softcap) before the softmax.
    - `sinks` [heads]: one more score per head, without a value; the fold of the segments starts from it.
    ```mlir
    %o = ingot.paged_attention %q, %kv, %b sinks(%s : tensor<8xf32>) {heads = 8 : i64, layer = 0 : i64,
           scale = 0.125 : f32, softcap = 50.0 : f32, window = 4096 : i64} : tensor<?x512xbf16>, !kv -> tensor<?x512xf32>
    ```
  }];
  let arguments = (ins RowTensor:$query, Ingot_KvType:$kv, Ingot_BatchType:$batch, Optional<WeightTensor>:$sinks,
                       I64Attr:$layer, I64Attr:$heads, F32Attr:$scale, OptionalAttr<I64Attr>:$window,
                       OptionalAttr<F32Attr>:$softcap, OptionalAttr<Ingot_OrderAttr>:$order);
  let results = (outs F32Rows:$result);
  let assemblyFormat = "$query `,` $kv `,` $batch (`sinks` `(` $sinks^ `:` type($sinks) `)`)? attr-dict `:` type($query) `,` type($kv) `->` type($result)";
  let hasVerifier = 1;
}

//===-- fused level --------------------------------------------------------------------------------===//

def Ingot_FusedOp : Ingot_Op<"fused", [IsolatedFromAbove, RecursiveMemoryEffects,
                                      SingleBlockImplicitTerminator<"::ingot::YieldOp">]> {
  let summary = "the region of one kernel";
  let description = [{
    Groups ops into one kernel and keeps them: the body is the meaning, what validation runs and what
    code generation reads (ir/KernelSpec.h). `name` says which fusion made it; `label` says where in
    the model it stands; `variant` asks for another way to do the same work ("wide": many rows).
    ```mlir
    %s = ingot.fused "linear_add" at "layers.0.o_proj" (%a, %w, %x) : (...) -> (...) {
    ^bb0(%a0: ..., %w0: ..., %x0: ...):
      %y = ingot.linear %a0, %w0 : ...
      %z = ingot.add %x0, %y : ...
      ingot.yield %z : ...
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$label, OptionalAttr<StrAttr>:$variant, Variadic<AnyType>:$inputs);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$name `at` $label `(` $inputs `)` attr-dict `:` functional-type($inputs, $results) $body";
  let hasVerifier = 1;
}

def Ingot_YieldOp : Ingot_Op<"yield", [Pure, Terminator, ReturnLike, HasParent<"::ingot::FusedOp">]> {
  let summary = "results of a fused region";
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "attr-dict ($operands^ `:` type($operands))?";
  let builders = [OpBuilder<(ins), [{ (void)$_state; }]>];
}

#endif // INGOT_OPS_TD
