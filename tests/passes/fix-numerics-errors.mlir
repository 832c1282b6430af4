// RUN: ingot-opt %s --ingot-fix-numerics --verify-diagnostics

func.func @other_order(%x: tensor<?x64xbf16>) -> tensor<?x16xf32> {
  %w = ingot.param "w" : tensor<16x64xbf16>
  // expected-error@+1 {{has order #ingot.order<chain, 8>, kernels walk #ingot.order<chain, 2>}}
  %y = ingot.linear %x, %w {order = #ingot.order<chain, 8>} : tensor<?x64xbf16>, tensor<16x64xbf16> -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
