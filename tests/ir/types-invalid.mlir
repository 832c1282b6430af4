// RUN: ingot-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{qweight bits must be 4 or 8, is 3}}
func.func private @bits(tensor<64x64x!ingot.qweight<3, 32>>)

// -----

// expected-error @+1 {{qweight group must be 0 (per channel) or a multiple of 32, is 48}}
func.func private @group(tensor<64x64x!ingot.qweight<4, 48>>)

// -----

// expected-error @+1 {{qweight group must be 0 (per channel) or a multiple of 32, is -32}}
func.func private @negative_group(tensor<64x64x!ingot.qweight<4, -32>>)

// -----

// expected-error @+1 {{kv layers must be from 1 to 4096, is 0}}
func.func private @no_layers(!ingot.kv<group = 0, layers = 0, heads = 4, key = 8, value = 8, block = 16>)

// -----

// expected-error @+1 {{kv key width must be even, is 7}}
func.func private @odd_keys(!ingot.kv<group = 0, layers = 1, heads = 4, key = 7, value = 8, block = 16>)

// -----

// expected-error @+1 {{kv value width must be from 1 to 4096, is 0}}
func.func private @no_values(!ingot.kv<group = 0, layers = 1, heads = 4, key = 8, value = 0, block = 16>)

// -----

// expected-error @+1 {{kv block must be a multiple of 16 positions, is 24}}
func.func private @block(!ingot.kv<group = 0, layers = 1, heads = 4, key = 8, value = 8, block = 24>)

// -----

// expected-error @+1 {{order step must be from 1 to 268435456, is 0}}
func.func private @order() attributes {order = #ingot.order<lanes, 0>}

// -----

// expected-error @+1 {{e4m3 qweight has 8 bits and group 0 (per channel) or a multiple of 128, is 8, 32}}
func.func private @e4m3_group(tensor<64x64x!ingot.qweight<8, 32, e4m3>>)

// -----

// expected-error @+1 {{kv group must be from 0 to 4095, is 4294967296}}
func.func private @wide_group(!ingot.kv<group = 4294967296, layers = 1, heads = 4, key = 8, value = 8, block = 16>)

// -----

// expected-error @+1 {{kv layers must be from 1 to 4096, is 4294967298}}
func.func private @wide_layers(!ingot.kv<group = 0, layers = 4294967298, heads = 4, key = 8, value = 8, block = 16>)

// -----

// expected-error @+1 {{kv heads must be from 1 to 4096, is 4294967300}}
func.func private @wide_heads(!ingot.kv<group = 0, layers = 1, heads = 4294967300, key = 8, value = 8, block = 16>)

// -----

// expected-error @+1 {{kv key width must be from 2 to 4096, is 4294967304}}
func.func private @wide_key(!ingot.kv<group = 0, layers = 1, heads = 4, key = 4294967304, value = 8, block = 16>)

// -----

// expected-error @+1 {{kv value width must be from 1 to 4096, is 4294967304}}
func.func private @wide_value(!ingot.kv<group = 0, layers = 1, heads = 4, key = 8, value = 4294967304, block = 16>)

// -----

// expected-error @+1 {{kv block must be from 16 to 4096, is 4294967312}}
func.func private @wide_block(!ingot.kv<group = 0, layers = 1, heads = 4, key = 8, value = 8, block = 4294967312>)

// -----

// expected-error @+1 {{qweight group must be from 0 to 268435456, is 4294967328}}
func.func private @wide_group_of_weight(tensor<64x64x!ingot.qweight<4, 4294967328>>)

// -----

// expected-error @+1 {{order span must be from 0 to 268435456, is 4294967296}}
func.func private @wide_span() attributes {order = #ingot.order<mma, 16, 4294967296>}
