// RUN: ingot-opt %s --ingot-quantize-activations --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-quantize-activations="scale=f32" --split-input-file | FileCheck %s --check-prefix=FLOAT
// RUN: ingot-opt %s --ingot-quantize-activations="scale=bf16" --split-input-file | FileCheck %s --check-prefix=BF16
// RUN: ingot-opt %s --ingot-quantize-activations="scale=none" --split-input-file | FileCheck %s --check-prefix=NONE
// RUN: not ingot-opt %s --ingot-quantize-activations="scale=int" --split-input-file 2>&1 | FileCheck %s --check-prefix=ERROR
// ERROR: scale: 'int' is no activation scale; write pow2, f32, bf16, int8, fp8 or none

// Linears that read one value share its rounding point; formats differ, points differ.
// CHECK-LABEL: func.func @shared
// CHECK: %[[Q:.*]] = ingot.quantize %arg0 : tensor<?x64xf32> -> tensor<?x64x!ingot.qact<pow2>>
// CHECK-NOT: ingot.quantize
// CHECK: ingot.linear %[[Q]], {{.*}}qweight<4, 32>
// CHECK: ingot.linear %[[Q]], {{.*}}qweight<8, 64>
// CHECK: ingot.linear %[[R:.*]], {{.*}}tensor<32x64xbf16>
// FLOAT-LABEL: func.func @shared
// FLOAT: ingot.quantize %arg0 : tensor<?x64xf32> -> tensor<?x64x!ingot.qact<f32>>
// BF16-LABEL: func.func @shared
// BF16: %[[R:.*]] = ingot.round %arg0 : tensor<?x64xf32> -> tensor<?x64xbf16>
// BF16-NOT: ingot.quantize
// BF16: ingot.linear %[[R]], {{.*}}qweight<4, 32>
// BF16: ingot.linear %[[R]], {{.*}}qweight<8, 64>
// BF16: ingot.linear %[[R]], {{.*}}tensor<32x64xbf16>
// NONE-LABEL: func.func @shared
// NONE: ingot.round %arg0
// NONE-NOT: ingot.quantize
// NONE: ingot.linear %arg0, {{.*}}qweight<4, 32>
func.func @shared(%x: tensor<?x64xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
  %w0 = ingot.param "w0" : tensor<32x64x!ingot.qweight<4, 32>>
  %w1 = ingot.param "w1" : tensor<32x64x!ingot.qweight<8, 64>>
  %w2 = ingot.param "w2" : tensor<32x64xbf16>
  %0 = ingot.linear %x, %w0 : tensor<?x64xf32>, tensor<32x64x!ingot.qweight<4, 32>> -> tensor<?x32xf32>
  %1 = ingot.linear %x, %w1 : tensor<?x64xf32>, tensor<32x64x!ingot.qweight<8, 64>> -> tensor<?x32xf32>
  %2 = ingot.linear %x, %w2 : tensor<?x64xf32>, tensor<32x64xbf16> -> tensor<?x32xf32>
  return %0, %1, %2 : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
}

// -----

// Rows of 8 bits meet weights of the same numbers, bfloat16 rows the others; float16 weights have
// float16 rows.
// RUN: ingot-opt %s --ingot-quantize-activations="scale=int8" --split-input-file | FileCheck %s --check-prefix=INT8
// RUN: ingot-opt %s --ingot-quantize-activations="scale=fp8" --split-input-file | FileCheck %s --check-prefix=FP8
// INT8-LABEL: func.func @numbers
// INT8: ingot.linear %{{.*}}, %{{.*}} : tensor<?x64x!ingot.qact<row>>, tensor<32x64x!ingot.qweight<8, 0>>
// INT8: ingot.linear %{{.*}}, %{{.*}} : tensor<?x64xbf16>, tensor<32x64x!ingot.qweight<8, 0, e4m3>>
// INT8: ingot.linear %{{.*}}, %{{.*}} : tensor<?x64xf16>, tensor<32x64xf16>
// FP8-LABEL: func.func @numbers
// FP8: ingot.linear %{{.*}}, %{{.*}} : tensor<?x64xbf16>, tensor<32x64x!ingot.qweight<8, 0>>
// FP8: ingot.linear %{{.*}}, %{{.*}} : tensor<?x64x!ingot.qact<row_e4m3>>, tensor<32x64x!ingot.qweight<8, 0, e4m3>>
func.func @numbers(%x: tensor<?x64xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
  %w0 = ingot.param "w0" : tensor<32x64x!ingot.qweight<8, 0>>
  %w1 = ingot.param "w1" : tensor<32x64x!ingot.qweight<8, 0, e4m3>>
  %w2 = ingot.param "w2" : tensor<32x64xf16>
  %0 = ingot.linear %x, %w0 : tensor<?x64xf32>, tensor<32x64x!ingot.qweight<8, 0>> -> tensor<?x32xf32>
  %1 = ingot.linear %x, %w1 : tensor<?x64xf32>, tensor<32x64x!ingot.qweight<8, 0, e4m3>> -> tensor<?x32xf32>
  %2 = ingot.linear %x, %w2 : tensor<?x64xf32>, tensor<32x64xf16> -> tensor<?x32xf32>
  return %0, %1, %2 : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
}

// -----

// Rows of the returned space stay there; float32 weights and rows already rounded stay alone.
// CHECK-LABEL: func.func @spaces
// CHECK: ingot.round %arg0 : tensor<?x64xf32, #ingot.rows<returned>> -> tensor<?x64xbf16, #ingot.rows<returned>>
// CHECK-NOT: ingot.round
// CHECK-NOT: ingot.quantize
func.func @spaces(%x: tensor<?x64xf32, #ingot.rows<returned>>, %y: tensor<?x64xf32>, %z: tensor<?x64xbf16>)
    -> (tensor<?x32xf32, #ingot.rows<returned>>, tensor<?x32xf32>, tensor<?x32xf32>) {
  %w0 = ingot.param "w0" : tensor<32x64xbf16>
  %w1 = ingot.param "w1" : tensor<32x64xf32>
  %0 = ingot.linear %x, %w0 : tensor<?x64xf32, #ingot.rows<returned>>, tensor<32x64xbf16> -> tensor<?x32xf32, #ingot.rows<returned>>
  %1 = ingot.linear %y, %w1 : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %2 = ingot.linear %z, %w0 : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  return %0, %1, %2 : tensor<?x32xf32, #ingot.rows<returned>>, tensor<?x32xf32>, tensor<?x32xf32>
}
