// What every op that can become part of a kernel must answer.
#ifndef INGOT_INTERFACES_TD
#define INGOT_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Ingot_KernelOpInterface : OpInterface<"KernelOpInterface"> {
  let cppNamespace = "::ingot";
  let description = [{
    Implemented by every op that a kernel can hold. The family says which kind of kernel an op anchors;
    the footprint says which part of a row an output element needs, and so where an op may be fused:
    `Point` anywhere, `Group` and `Head` where a tile is a multiple of it, `Row` only in row-wise kernels.
  }];
  let methods = [
    InterfaceMethod<"Kernel family that the op anchors alone.", "::ingot::KernelFamily", "family", (ins)>,
    InterfaceMethod<"Columns an output element depends on.", "::ingot::Footprint", "footprint", (ins),
      /*methodBody=*/[{}], /*defaultImplementation=*/[{ return ::ingot::Footprint::Row; }]>
  ];
}

#endif // INGOT_INTERFACES_TD
