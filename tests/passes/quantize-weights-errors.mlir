// RUN: not ingot-opt %s --ingot-quantize-weights="linear=int3" 2>&1 | FileCheck %s --check-prefix=SCHEME
// SCHEME: linear: 'int3' is no scheme; write bf16, fp16, int8[:GROUP] or int4[:GROUP]
// RUN: not ingot-opt %s --ingot-quantize-weights="head=int8:48" 2>&1 | FileCheck %s --check-prefix=GROUP
// GROUP: head: 'int8:48' is no scheme; {{.*}} GROUP a multiple of 32 or 'channel'
// RUN: not ingot-opt %s --ingot-quantize-weights="embedding=bf16:32" 2>&1 | FileCheck %s --check-prefix=BF16
// BF16: embedding: 'bf16:32' is no scheme
// RUN: not ingot-opt %s --ingot-quantize-weights="overrides=*.q_proj=int5" 2>&1 | FileCheck %s --check-prefix=OVERRIDE
// OVERRIDE: override '*.q_proj=int5': 'int5' is no scheme
// RUN: not ingot-opt %s --ingot-quantize-weights="overrides=*.q_proj=int8" 2>&1 | FileCheck %s --check-prefix=UNUSED
// UNUSED: override '*.q_proj=int8' matches no matrix of the model
// RUN: not ingot-opt %s --ingot-quantize-weights="overrides=[=int8" 2>&1 | FileCheck %s --check-prefix=PATTERN
// PATTERN: override '[=int8':

func.func @rows(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %w = ingot.param "w" : tensor<64x64xf32>
  %y = ingot.linear %x, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
