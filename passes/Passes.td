// The passes of Ingot, grouped by folder, alphabetical inside a group; README.md gives the order.
#ifndef INGOT_PASSES_TD
#define INGOT_PASSES_TD

include "mlir/Pass/PassBase.td"

class IngotPass<string flag> : Pass<flag, "::mlir::ModuleOp"> {
  let dependentDialects = ["::ingot::IngotDialect", "::mlir::func::FuncDialect"];
}

class FusionPass<string flag> : IngotPass<flag> {
  list<Option> policy = [
    Option<"enable", "enable", "bool", "true", "Whether to fuse at all">,
    Option<"maxOperands", "max-operands", "unsigned", "16", "Most operands of a fused op">];
  let statistics = [Statistic<"numFused", "num-fused", "places where the fusion fired">,
                    Statistic<"numMissed", "num-missed", "places that it considered and left">];
}

//===-- fusion ------------------------------------------------------------------------------------===//
// Every fusion reports a remark of category "fusion" per place, fired (with the bytes per row that
// no longer move) or missed (with the reason), and one row of the module's `ingot.fusions`.

def FuseAttentionRoundPass : FusionPass<"ingot-fuse-attention-round"> {
  let summary = "round the rows of attention inside its kernel";
  let description = [{
    ```mlir
    %o = ingot.paged_attention %q, %kv, %batch {...} : ...
    %a = ingot.round %o : tensor<?x64xf32> -> tensor<?x64xbf16>
    // becomes
    %a = ingot.fused "attention_round" at "layers.0.self_attn"(%q, %kv, %batch) : ... {
      paged_attention, round }
    ```
    Target cuda. Left alone: attention with another user.
  }];
  let options = policy;
}

def FuseHeadArgmaxPass : FusionPass<"ingot-fuse-head-argmax"> {
  let summary = "take the argmax of each panel of logits inside the head";
  let description = [{
    The head of a greedy step stores one partial per 32 logits instead of the logits; a fold in
    ascending index gives the argmax, ties to the lowest id. Same sums in the same order as the
    twin that stores logits.

    ```mlir
    %l = ingot.linear %a, %w : ... -> tensor<?x512xf32, #ingot.rows<returned>>
    %i = ingot.argmax %l : ... -> tensor<?x1xi32, #ingot.rows<returned>>
    // becomes
    %p = ingot.fused "linear_argmax" at "lm_head"(%a, %w) : (...) -> tensor<?x16xi64, #ingot.rows<returned>> {
      linear, argmax_partial }
    %i = ingot.argmax_fold %p : ...
    ```
    Left alone: logits with another user; an argmax that does not read a linear.
  }];
  let options = policy;
}

def FuseNormPass : FusionPass<"ingot-fuse-norm"> {
  let summary = "residual sum, RMS norm and the rounding of its result in one row-wise kernel";
  let description = [{
    Takes the sum before the norm when no projection took it (ingot-fuse-residual-add stands
    before), or the gather of the returned rows, and every rounding point that reads the norm.

    ```mlir
    %s = ingot.add %x, %y : tensor<?x64xf32>
    %h = ingot.rms_norm %s, %g {...} : ...
    %a = ingot.quantize %h : ...
    // becomes
    %s, %a = ingot.fused "add_rms_norm_quantize" at "layers.0.post_attention_layernorm"(%x, %y, %g) : ... {
      add, rms_norm, quantize }
    ```
    Left alone: a norm with neither; norms of heads (ingot-fuse-rope-kv).
  }];
  let options = policy;
}

def FuseNormProloguePass : FusionPass<"ingot-fuse-norm-prologue"> {
  let summary = "compute the norm of few rows in every block of the matmul that reads it";
  let description = [{
    Joins two finished regions: the one that makes rounded rows out of an RMS norm (with the gather
    of the returned rows, if it has one) and the matmul that alone reads them. Every block of the
    matmul computes the norm again while its first weights are under way, which costs it
    tokens x columns values out of the second-level cache and saves a launch.

    ```mlir
    %a = ingot.fused "rms_norm_round" at "layers.0.input_layernorm"(%x, %g) : ... { rms_norm, round }
    %y = ingot.fused "swiglu" at "layers.0.mlp.gate_up_proj"(%a, %w) {variant = "tokens_1"} : ... {
      linear, split, silu, mul, round }
    // becomes
    %y = ingot.fused "norm_swiglu" at "layers.0.mlp.gate_up_proj"(%x, %g, %w) {variant = "tokens_1"} : ... {
      rms_norm, round, linear, split, silu, mul, round }
    ```
    Target cuda, entries whose bucket has at most `max-tokens` tokens. Left alone: norms of more
    than `max-elements` values (tokens of the bucket x columns); a norm whose region makes another
    value, too (a residual sum); rounded rows with another reader.

    Needs: `ingot-bucket-variants`. The two regions stay apart in the other buckets, and both ways
    give the same bits.
  }];
  let options = policy # [
    Option<"maxTokens", "max-tokens", "int64_t", "16", "Most tokens of a bucket">,
    Option<"stepTokens", "step-tokens", "int64_t", "0", "Tokens of the bucket that has no bound of its own; 0 = not known here">,
    Option<"maxElements", "max-elements", "int64_t", "16384", "Most values (tokens x columns) that every block normalizes">];
}

def FuseQkvRopePass : FusionPass<"ingot-fuse-qkv-rope"> {
  let summary = "rotary positions and the write of the cache in the epilogue of the QKV projection";
  let description = [{
    The weight is packed with rows d and d + D/2 of each head in one panel (`rotary_pairs`), so that
    the kernel has both halves of what it rotates in registers. It stores rounded queries and writes
    keys and values into the cache.

    ```mlir
    %w = ingot.param "model.layers.0.self_attn.qkv_proj.weight" {sources = [...]} : tensor<128x64x...>
    %y = ingot.linear %a, %w : ...
    %q, %k, %v = ingot.split %y : ...
    %qr = ingot.rope %q, %b {head_dim = 32}   %kr = ingot.rope %k, %b {head_dim = 32}
    %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 0}
    %q16 = ingot.round %qr : ...
    // becomes
    %w = ingot.param "model.layers.0.self_attn.qkv_proj.weight" {rotary_pairs = 32, sources = [...]} : tensor<128x64x...>
    %kv1, %q16 = ingot.fused "qkv_rope" at "layers.0.self_attn.qkv_proj"(%a, %w, %b, %kv, %batch) : ... {
      linear, split, rope, rope, kv_append, round }
    ```
    Biases between split and rope come along. Target cuda. Left alone: heads with norms (their sum
    crosses panels), heads of no multiple of 32 columns, projections that were not merged; those
    meet ingot-fuse-rope-kv, which stands behind.
  }];
  let options = policy;
}

def FuseResidualAddPass : FusionPass<"ingot-fuse-residual-add"> {
  let summary = "add the residual stream in the epilogue of the projection";
  let description = [{
    ```mlir
    %y = ingot.linear %a, %w : ...
    %z = ingot.add %x, %y : tensor<?x64xf32>
    // becomes
    %z = ingot.fused "linear_add" at "layers.0.self_attn.o_proj"(%a, %w, %x) : ... { linear, add }
    ```
    A bias between the two comes along. Left alone: a projection whose result has another user.
  }];
  let options = policy;
}

def FuseRopeKvPass : FusionPass<"ingot-fuse-rope-kv"> {
  let summary = "everything between the QKV projection and the cache in one row-wise kernel";
  let description = [{
    Split, biases, query and key norms, rotary positions, the write of keys and values, and the
    rounding of the query: per token and head, so nothing but rows of the projection is read and
    nothing but the query and the cache is written.

    ```mlir
    %q, %k, %v = ingot.split %y : ...
    %qr = ingot.rope %q, %b {...}   %kr = ingot.rope %k, %b {...}
    %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 0}
    %q16 = ingot.round %qr : ...
    // becomes
    %kv1, %q16 = ingot.fused "rope_kv" at "layers.0.self_attn"(%y, %b, %kv, %batch) : ... {
      split, rope, rope, kv_append, round }
    ```
    Left alone: a cache write without any of these before it; keys or values that somebody else
    reads.
  }];
  let options = policy;
}

def FuseSwigluPass : FusionPass<"ingot-fuse-swiglu"> {
  let summary = "silu(gate) * up in the epilogue of the merged projection";
  let description = [{
    ```mlir
    %y = ingot.linear %a, %w : ... -> tensor<?x384xf32>       // w: gate and up, interleave = 16
    %g, %u = ingot.split %y {interleave = 16} : ...
    %s = ingot.silu %g : ...
    %z = ingot.mul %s, %u : tensor<?x192xf32>
    // becomes
    %z = ingot.fused "swiglu" at "layers.0.mlp.gate_up_proj"(%a, %w) : ... { linear, split, silu, mul }
    ```
    Target cuda: the rounding point that alone reads the product comes along. Left alone: gate and up that ingot-merge-gate-up did not join; parts of the product with
    another user.
  }];
  let options = policy;
}

def HoistSelectRowsPass : FusionPass<"ingot-hoist-select-rows"> {
  let summary = "select the returned rows before the final norm and the head";
  let description = [{
    Rows that are not returned need neither. Row-by-row ops with one user move behind the
    selection, which stays on float32 rows.

    ```mlir
    %h = ingot.rms_norm %x, %g {...} : tensor<?x64xf32>
    %a = ingot.quantize %h : ...
    %l = ingot.linear %a, %w : ... -> tensor<?x512xf32>
    %r = ingot.select_rows %l, %batch : ... -> tensor<?x512xf32, #ingot.rows<returned>>
    // becomes
    %s = ingot.select_rows %x, %batch : ... -> tensor<?x64xf32, #ingot.rows<returned>>
    rms_norm, quantize and linear on returned rows
    ```
    Left alone: a chain with another user, which needs all rows.
  }];
  let options = [Option<"enable", "enable", "bool", "true", "Whether to hoist at all">];
}

def MergeGateUpPass : FusionPass<"ingot-merge-gate-up"> {
  let summary = "one projection for gate and up, alternating every 16 rows";
  let description = [{
    A panel of 32 output columns then holds 16 gates and their 16 ups, so that the product can be
    taken in registers.

    ```mlir
    %g = ingot.linear %a, %wg : ...   %u = ingot.linear %a, %wu : ...
    %s = ingot.silu %g : ...
    %z = ingot.mul %s, %u : tensor<?x192xf32>
    // becomes
    %w = ingot.param "model.layers.0.mlp.gate_up_proj.weight" {interleave = 16, sources = [...]} : tensor<384x64x...>
    %y = ingot.linear %a, %w : ...
    %g, %u = ingot.split %y {interleave = 16} : ...
    ```
    Left alone: a width that is no multiple of 32; different inputs or formats; weights with other
    users. Must stand behind quantization: overrides name checkpoint tensors.
  }];
  let options = [Option<"enable", "enable", "bool", "true", "Whether to merge at all">];
}

def MergeQkvPass : FusionPass<"ingot-merge-qkv"> {
  let summary = "one projection for query, key and value";
  let description = [{
    Found from the cache write and the attention of a layer, whatever stands between (norms,
    rotary positions, biases).

    ```mlir
    %q = ingot.linear %a, %wq : ...   %k = ingot.linear %a, %wk : ...   %v = ingot.linear %a, %wv : ...
    // becomes
    %w = ingot.param "model.layers.0.self_attn.qkv_proj.weight" {sources = [...]} : tensor<128x64x...>
    %y = ingot.linear %a, %w : ...
    %q, %k, %v = ingot.split %y : ...
    ```
    Left alone: different inputs or formats; weights with other users. Must stand behind
    quantization: overrides name checkpoint tensors.
  }];
  let options = [Option<"enable", "enable", "bool", "true", "Whether to merge at all">];
}

//===-- numerics ----------------------------------------------------------------------------------===//

def FixNumericsPass : IngotPass<"ingot-fix-numerics"> {
  let summary = "stamp orders and rounding points, sign the arithmetic";
  let description = [{
    The line after which no pass may add, drop or move a rounding point or change an order. Stamps
    `order` on every op that reduces, rounds the query of attention to bfloat16, and records the
    *numerics signature*: XXH3-64 of the program of one row, with fused bodies read through,
    merged weights taken apart by their sources, and row gathers and the final argmax left out.
    Fused and unfused programs, and all schedules of a plan, therefore have one signature.

    Leaves `ingot.signature` on each entry and `ingot.numerics` (signature to text) on the module,
    from which `ingot-verify-numerics` tells what changed.

    ```mlir
    %y = ingot.linear %a, %w : tensor<?x64x!ingot.qact<pow2>>, tensor<64x64x!ingot.qweight<4, 32>> -> tensor<?x64xf32>
    %o = ingot.paged_attention %q, %kv, %batch {...} : tensor<?x64xf32>, ...
    // becomes
    %y = ingot.linear %a, %w {order = #ingot.order<chain, 32>} : ...
    %r = ingot.round %q : tensor<?x64xf32> -> tensor<?x64xbf16>
    %o = ingot.paged_attention %r, %kv, %batch {order = #ingot.order<attention, 64, 256>, ...} : tensor<?x64xbf16>, ...
    ```
    With `target=cuda` a linear becomes a chain of matrix-unit steps of 16 elements of K, cut into
    slices (`#ingot.order<mma, 16, 512>`: slices of 512, added left to right) where the output alone
    would not fill the device, attention becomes `attention_mma`, and the module says
    `ingot.target = "cuda"`.

    Needs: weights and activations quantized. Must stand before anything that depends on the
    batch.
  }];
  let options = [Option<"target", "target", "std::string", "\"cpu\"",
                        "Whose arithmetic: cpu (chains of fused multiply-adds) or cuda (matrix unit)">];
  let statistics = [Statistic<"numOrders", "num-orders", "orders stamped">,
                    Statistic<"numRounds", "num-rounds", "rounding points added">];
}

def SliceByBucketPass : IngotPass<"ingot-slice-by-bucket"> {
  let summary = "profile fast: slices of K by the number of tokens of a bucket";
  let description = [{
    Gives the linears of each bucket the slices that suit its number of tokens: more where few tiles
    would leave multiprocessors idle, one where tokens fill them. Signs the entries anew. Rows of
    steps of one bucket keep their bits; those of two buckets may differ in the last ones.

    ```mlir
    // a bucket of 256 tokens
    %y = ingot.linear %a, %w {order = #ingot.order<mma, 16, 512>} : ...
    // becomes
    %y = ingot.linear %a, %w {order = #ingot.order<mma, 16>} : ...
    ```
    `max-tokens` takes all entries for those of one bucket: the program that known answers come from.

    Needs: `ingot-bucket-variants`, target cuda.
  }];
  let options = [Option<"maxTokens", "max-tokens", "int64_t", "0", "Tokens of every entry; 0: as its bucket says">];
  let statistics = [Statistic<"numChanged", "num-changed", "orders changed">];
}

def VerifyNumericsPass : IngotPass<"ingot-verify-numerics"> {
  let summary = "fail when the arithmetic differs from what fix-numerics signed";
  let description = [{
    Reads every entry again and compares it with the recorded signature. On a difference the error
    quotes the first line of the per-row program that differs, as it was and as it is. Changes
    nothing.
  }];
}

//===-- plan --------------------------------------------------------------------------------------===//

def AddGreedyTwinPass : IngotPass<"ingot-add-greedy-twin"> {
  let summary = "clone an entry that returns logits into one that returns their argmax";
  let description = [{
    Steps whose rows are all greedy run the twin, whose head keeps its logits in registers. Both share
    every kernel but the head's, and the order of its sums. Marks entries with `ingot.output`:
    "logits" or "argmax".

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

def AddSampledTwinPass : IngotPass<"ingot-add-sampled-twin"> {
  let summary = "clone an entry that returns logits into one that returns sampled token ids";
  let description = [{
    For targets that sample on the device: steps whose rows ask for nothing but temperature, top-k,
    top-p and min-p run the twin, and their logits stay there. Marks the twin `ingot.output`
    "sampled". Behind ingot-add-greedy-twin, which marks the entries to clone.

    ```mlir
    func.func @forward(%batch: !ingot.batch, ...) -> (tensor<?x512xf32, #ingot.rows<returned>>, !kv) {
      ... return %logits, %kv1
    // gains beside it
    func.func @forward_sampled(...) -> (tensor<?x1xi32, #ingot.rows<returned>>, !kv) {
      ... %id = ingot.sample %logits, %batch
      return %id, %kv1
    ```
  }];
}

def AddProbePass : IngotPass<"ingot-add-probe"> {
  let summary = "clone each entry into one that has its first layer only";
  let description = [{
    The probe is what known answers are taken over: embedding, first layer, final norm and head,
    small enough for the reference evaluator whatever the size of the model. It is cut out of the
    finished entry, so that its kernels are those of the model and their code is what is proven.
    The cut runs through the values that alone lead from layer to layer. Marks the probe
    `ingot.probe` and signs it; an entry without such values gets a remark and no probe. One layer:
    the probe is the whole entry.

    ```mlir
    func.func @forward(...) {
      %x0 = fused "embed" ...
      ... %x1 = fused "linear_residual" at "layers.0.mlp.down_proj" ...
      ... %x2 = fused "linear_residual" at "layers.1.mlp.down_proj" ...
      ... fused "select_norm_quantize" at "norm"(%x2, ...)
    // gains beside it
    func.func @forward_probe(...) {
      %x0 = fused "embed" ...
      ... %x1 = fused "linear_residual" at "layers.0.mlp.down_proj" ...
      ... fused "select_norm_quantize" at "norm"(%x1, ...)
    ```

    Last of all passes: fusions and buckets must have done their work, and their counts are not to
    meet the clones.
  }];
}

def BucketVariantsPass : IngotPass<"ingot-bucket-variants"> {
  let summary = "clone each entry per bucket of tokens";
  let description = [{
    The entry itself becomes the bucket "decode" (steps of at most `decode-tokens` tokens), a
    clone `<entry>_wide` serves all larger steps. Both launch the same kernels, which look at the
    number of rows; what differs is where buffers lie: the decode bucket's arena is small enough
    for the caches. With `max-tokens` within the decode bucket there is no clone.

    `bounds` makes more buckets ("tokens_1", "tokens_4", ..., "wide"). `split-kernels` gives each
    one matmul and attention kernels of its own (the `variant` of a fused op is the name of its
    bucket), for targets that choose tiles by the number of tokens.

    Marks entries with `ingot.bucket` (name) and `ingot.max_tokens` (absent = the plan's limit).
    Needs: `ingot-outline`: the clone copies finished kernels.
  }];
  let options = [
    Option<"decodeTokens", "decode-tokens", "int64_t", "16", "Most tokens of the decode bucket">,
    ListOption<"bounds", "bounds", "int64_t", "Most tokens of each bucket, ascending; replaces decode-tokens">,
    Option<"maxTokens", "max-tokens", "int64_t", "0", "Most tokens of a step; 0 = not known here">,
    Option<"splitKernels", "split-kernels", "bool", "false", "Whether buckets share no kernel">];
}

def LaunchStatsPass : IngotPass<"ingot-launch-stats"> {
  let summary = "record launches and bytes moved as the program stands";
  let description = [{
    Counts every op but parameters as a launch that reads its operands and writes its results.
    Leaves a row named `stage` in the module's `ingot.launch_stats`: launches of a step, launches
    per layer, bytes of activations per row and bytes of weights per step, of the first entry. Run
    before and after the fusions to see what they gained.

    ```mlir
    ingot.launch_stats = {fused = {launches = 24, per_layer = 10.0, row_bytes = 5120, weight_bytes = 81920}}
    ```
  }];
  let options = [Option<"stage", "stage", "std::string", "\"now\"", "Name of the row">];
}

def OutlinePass : IngotPass<"ingot-outline"> {
  let summary = "wrap every op that no fusion took into a fused op of its own";
  let description = [{
    Afterwards an entry holds fused ops, parameters and its return, nothing else: code generation
    and planning see one kind of launch. Each region must be readable by a kernel family
    (`readKernelSpec`); the error names the op and the family's reason.

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
    Rows that meet an integer weight are quantized to int8 with a scale per row and 32 columns;
    rows that meet a bfloat16 weight are rounded to bfloat16. All linears that read one value
    share one rounding point.

    ```mlir
    %q = ingot.linear %h, %wq : tensor<?x64xf32>, tensor<64x64x!ingot.qweight<4, 32>> -> tensor<?x64xf32>
    // becomes
    %a = ingot.quantize %h : tensor<?x64xf32> -> tensor<?x64x!ingot.qact<pow2>>
    %q = ingot.linear %a, %wq : tensor<?x64x!ingot.qact<pow2>>, tensor<64x64x!ingot.qweight<4, 32>> -> tensor<?x64xf32>
    ```
    `scale=bf16` rounds rows to bfloat16 before quantized weights, too (recipes W4A16, W8A16).
    `scale=int8` and `scale=fp8` quantize rows with one scale each where they meet weights of the
    same numbers (W8A8, FP8), and round to bfloat16 before the others. Rows that meet a float16
    weight are rounded to float16 (values beyond 65504 become that).
    `scale=none` leaves rows before integer weights in float32: a recipe for measuring weights
    alone, which only the reference evaluator runs.
  }];
  let options = [
    Option<"scale", "scale", "std::string", "\"pow2\"", "Activation scales: pow2, f32, none, int8, fp8, or bf16 for rows that stay bfloat16">];
  let statistics = [Statistic<"numQuantize", "num-quantize", "8-bit rounding points added">,
                    Statistic<"numRound", "num-round", "16-bit rounding points added">];
}

def QuantizeCachePass : IngotPass<"ingot-quantize-cache"> {
  let summary = "choose how the caches store keys and values";
  let description = [{
    Types change, and with them what `kv_append` rounds to and `paged_attention` reads. Target cuda has
    kernels for every format, target cpu for bf16.

    ```mlir
    // format=int8
    func.func @forward(%batch: !ingot.batch, %kv: !ingot.kv<group = 0, layers = 2, heads = 2, key = 16, value = 16, block = 16>)
    // becomes
    func.func @forward(%batch: !ingot.batch, %kv: !ingot.kv<group = 0, layers = 2, heads = 2, key = 16, value = 16, block = 16, format = int8>)
    ```
  }];
  let options = [
    Option<"format", "format", "std::string", "\"bf16\"", "bf16, fp16, fp8 or int8">];
}

def QuantizeWeightsPass : IngotPass<"ingot-quantize-weights"> {
  let summary = "choose the storage format of every matrix";
  let description = [{
    A scheme is `bf16`, `fp16`, `int8[:GROUP]`, `int4[:GROUP]` or `fp8[:GROUP]`, GROUP columns per
    scale: a multiple of 32 (fp8: 128) or `channel` (left out: 32; fp8: channel). `linear` holds for all projections, `head` for the one
    that makes the logits, `embedding` for tables of rows; a table that is also the head is one
    parameter and takes the head's scheme. `overrides` are `PATTERN=SCHEME`, first match wins; a
    pattern (`*`, `?`, `[...]`) is matched against the parameter's name, with and without a last
    `.weight`. A pattern that matches nothing is an error. Vectors stay float.

    ```mlir
    // linear=int4:32
    %w = ingot.param "model.layers.0.mlp.down_proj.weight" : tensor<64x172xbf16>
    // becomes
    %w = ingot.param "model.layers.0.mlp.down_proj.weight" : tensor<64x172x!ingot.qweight<4, 32>>
    ```
    Only types (and, with `clip-search`, an attribute of integer parameters) change here; the bytes
    are made when parameters are packed.
  }];
  let options = [
    Option<"linear", "linear", "std::string", "\"bf16\"", "Scheme of projections">,
    Option<"head", "head", "std::string", "\"bf16\"", "Scheme of the head">,
    Option<"embedding", "embedding", "std::string", "\"bf16\"", "Scheme of embedding tables">,
    Option<"clipSearch", "clip-search", "bool", "false",
           "Search the range of each group of integers for the least squared error">,
    ListOption<"overrides", "overrides", "std::string", "PATTERN=SCHEME, first match wins">];
  let statistics = [Statistic<"numInt4", "num-int4", "matrices stored as int4">,
                    Statistic<"numInt8", "num-int8", "matrices stored as int8">,
                    Statistic<"numFp8", "num-fp8", "matrices stored as float8">,
                    Statistic<"numFp16", "num-fp16", "matrices stored as float16">,
                    Statistic<"numBf16", "num-bf16", "matrices stored as bfloat16">];
}

#endif // INGOT_PASSES_TD
