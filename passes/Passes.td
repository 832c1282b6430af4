// The passes of Ingot, grouped by folder, alphabetical inside a group. passes/README.md gives the order.
#ifndef INGOT_PASSES_TD
#define INGOT_PASSES_TD

include "mlir/Pass/PassBase.td"

class IngotPass<string flag> : Pass<flag, "::mlir::ModuleOp"> {
  let dependentDialects = ["::ingot::IngotDialect", "::mlir::func::FuncDialect"];
}

//===-- numerics ----------------------------------------------------------------------------------===//

def FixNumericsPass : IngotPass<"ingot-fix-numerics"> {
  let summary = "stamp orders and rounding points, sign the arithmetic";
  let description = [{
    The line after which no pass may add, drop or move a rounding point or change an order. Stamps
    `order` on every op that reduces, rounds the query of attention to bfloat16, and records the
    *numerics signature*: XXH3-64 of the program of one row, with fused bodies read through, merged
    weights taken apart by their sources, and row gathers and the final argmax left out. Fused and unfused
    programs, and all schedules of a plan, therefore have one signature.

    Leaves `ingot.signature` on each entry and `ingot.numerics` (signature to text) on the module, from which
    `ingot-verify-numerics` tells what changed.

    ```mlir
    %y = ingot.linear %a, %w : tensor<?x64x!ingot.qact<pow2>>, tensor<64x64x!ingot.qweight<4, 32>> -> tensor<?x64xf32>
    %o = ingot.paged_attention %q, %kv, %batch {...} : tensor<?x64xf32>, ...
    // becomes
    %y = ingot.linear %a, %w {order = #ingot.order<chain, 32>} : ...
    %r = ingot.round %q : tensor<?x64xf32> -> tensor<?x64xbf16>
    %o = ingot.paged_attention %r, %kv, %batch {order = #ingot.order<attention, 64, 256>, ...} : tensor<?x64xbf16>, ...
    ```
    Needs: weights and activations quantized. Must stand before anything that depends on the batch.
  }];
  let statistics = [Statistic<"numOrders", "num-orders", "orders stamped">,
                    Statistic<"numRounds", "num-rounds", "rounding points added">];
}

def VerifyNumericsPass : IngotPass<"ingot-verify-numerics"> {
  let summary = "fail when the arithmetic differs from what fix-numerics signed";
  let description = [{
    Reads every entry again and compares it with the recorded signature. On a difference the error quotes the
    first line of the per-row program that differs, as it was and as it is. Changes nothing.
  }];
}

//===-- plan --------------------------------------------------------------------------------------===//

def AddGreedyTwinPass : IngotPass<"ingot-add-greedy-twin"> {
  let summary = "clone an entry that returns logits into one that returns their argmax";
  let description = [{
    Steps without a sampled row run the twin, whose head keeps its logits in registers. Both share every kernel but
    the head's, and the order of its sums. Marks entries with `ingot.output`: "logits" or "argmax".

    ```mlir
    func.func @forward(...) -> (tensor<?x512xf32, #ingot.rows<returned>>, !kv) {
      ... return %logits, %kv1
    // gains beside it
    func.func @forward_argmax(...) -> (tensor<?x1xi32, #ingot.rows<returned>>, !kv) {
      ... %id = ingot.argmax %logits
      return %id, %kv1
    ```
  }];
}

def BucketVariantsPass : IngotPass<"ingot-bucket-variants"> {
  let summary = "clone each entry per bucket of tokens";
  let description = [{
    The entry itself becomes the bucket "decode" (steps of at most `decode-tokens` tokens); a clone `<entry>_wide` for all
    larger steps asks for the "wide" variant of every matmul kernel. Variants do the same work in the same order: the
    signature is that of the entry. With `max-tokens` within the decode bucket there is no clone.

    Marks entries with `ingot.bucket` (name) and `ingot.max_tokens` (absent = the plan's limit).
    Needs: `ingot-outline`, so that every matmul is a fused op.
  }];
  let options = [
    Option<"decodeTokens", "decode-tokens", "int64_t", "16", "Most tokens of the decode bucket">,
    Option<"maxTokens", "max-tokens", "int64_t", "0", "Most tokens of a step; 0 = not known here">];
}

def OutlinePass : IngotPass<"ingot-outline"> {
  let summary = "wrap every op that no fusion took into a fused op of its own";
  let description = [{
    Afterwards an entry holds fused ops, parameters and its return, nothing else: code generation and planning see
    one kind of launch. Each region must be readable by a kernel family (`readKernelSpec`); the error names the op and
    the family's reason.

    ```mlir
    %z = ingot.add %x, %y : tensor<?x64xf32>
    // becomes
    %z = ingot.fused "add" at "layers.0.mlp.down_proj"(%x, %y) : (...) -> (...) { ... }
    ```
  }];
  let statistics = [Statistic<"numOutlined", "num-outlined", "ops wrapped">];
}

//===-- quant -------------------------------------------------------------------------------------===//

def QuantizeActivationsPass : IngotPass<"ingot-quantize-activations"> {
  let summary = "put the rounding point of its input before every linear";
  let description = [{
    Rows that meet an integer weight are quantized to int8 with a scale per row and 32 columns; rows that meet a
    bfloat16 weight are rounded to bfloat16. All linears that read one value share one rounding point.

    ```mlir
    %q = ingot.linear %h, %wq : tensor<?x64xf32>, tensor<64x64x!ingot.qweight<4, 32>> -> tensor<?x64xf32>
    // becomes
    %a = ingot.quantize %h : tensor<?x64xf32> -> tensor<?x64x!ingot.qact<pow2>>
    %q = ingot.linear %a, %wq : tensor<?x64x!ingot.qact<pow2>>, tensor<64x64x!ingot.qweight<4, 32>> -> tensor<?x64xf32>
    ```
    `scale=none` leaves rows before integer weights in float32: a recipe for measuring weights alone, which only the
    reference evaluator runs.
  }];
  let options = [
    Option<"scale", "scale", "std::string", "\"pow2\"", "Activation scales: pow2, f32 or none">];
  let statistics = [Statistic<"numQuantize", "num-quantize", "int8 rounding points added">,
                    Statistic<"numRound", "num-round", "bfloat16 rounding points added">];
}

def QuantizeWeightsPass : IngotPass<"ingot-quantize-weights"> {
  let summary = "choose the storage format of every matrix";
  let description = [{
    A scheme is `bf16`, `int8[:GROUP]` or `int4[:GROUP]`, GROUP columns per scale: a multiple of 32 or `channel` (32 when
    left out). `linear` holds for all projections, `head` for the one that makes the logits, `embedding` for
    tables of rows; a table that is also the head is one parameter and takes the head's scheme. `overrides` are `PATTERN=SCHEME`, first
    match wins; a pattern (`*`, `?`, `[...]`) is matched against the parameter's name, with and without a last
    `.weight`. A pattern that matches nothing is an error. Vectors stay float.

    ```mlir
    // linear=int4:32
    %w = ingot.param "model.layers.0.mlp.down_proj.weight" : tensor<64x172xbf16>
    // becomes
    %w = ingot.param "model.layers.0.mlp.down_proj.weight" : tensor<64x172x!ingot.qweight<4, 32>>
    ```
    Only types change here; the bytes are made when parameters are packed.
  }];
  let options = [
    Option<"linear", "linear", "std::string", "\"bf16\"", "Scheme of projections">,
    Option<"head", "head", "std::string", "\"bf16\"", "Scheme of the head">,
    Option<"embedding", "embedding", "std::string", "\"bf16\"", "Scheme of embedding tables">,
    ListOption<"overrides", "overrides", "std::string", "PATTERN=SCHEME, first match wins">];
  let statistics = [Statistic<"numInt4", "num-int4", "matrices stored as int4">,
                    Statistic<"numInt8", "num-int8", "matrices stored as int8">,
                    Statistic<"numBf16", "num-bf16", "matrices stored as bfloat16">];
}

#endif // INGOT_PASSES_TD
