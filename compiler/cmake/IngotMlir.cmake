# Finds LLVM/MLIR/LLD 22 and gives the helpers that the compiler's folders use.
set(INGOT_LLVM_ROOT /usr/lib/llvm-22 CACHE PATH "Where LLVM/MLIR 22 is installed")
find_package(MLIR 22.1 REQUIRED CONFIG PATHS ${INGOT_LLVM_ROOT}/lib/cmake/mlir NO_DEFAULT_PATH)
find_package(LLD REQUIRED CONFIG PATHS ${INGOT_LLVM_ROOT}/lib/cmake/lld NO_DEFAULT_PATH)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

add_library(ingot_mlir INTERFACE)
target_include_directories(ingot_mlir SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_include_directories(ingot_mlir INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
separate_arguments(_llvm_definitions NATIVE_COMMAND ${LLVM_DEFINITIONS})
target_compile_definitions(ingot_mlir INTERFACE ${_llvm_definitions})
# -O1: these files spend their time in libMLIR and libLLVM; more would only lengthen the build.
target_compile_options(ingot_mlir INTERFACE -Wno-shadow -O1)
target_link_libraries(ingot_mlir INTERFACE ingot_options MLIR LLVM)

# MLIR's own headers cost three times what the files that include them cost: they are compiled once.
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/MlirHeaders.cpp "// Carries the precompiled headers of MLIR.\n")
add_library(ingot_mlir_headers OBJECT ${CMAKE_CURRENT_BINARY_DIR}/MlirHeaders.cpp)
target_link_libraries(ingot_mlir_headers PRIVATE ingot_mlir)
target_precompile_headers(ingot_mlir_headers PRIVATE
  <mlir/Dialect/Func/IR/FuncOps.h>
  <mlir/IR/Builders.h>
  <mlir/IR/BuiltinOps.h>
  <mlir/IR/BuiltinTypes.h>
  <mlir/IR/OpImplementation.h>
  <mlir/IR/PatternMatch.h>
  <mlir/Pass/Pass.h>)

# Lets the files of `target` use them. Programs are compiled as libraries are, or they could not.
function(ingot_use_mlir_headers target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC)
  target_precompile_headers(${target} REUSE_FROM ingot_mlir_headers)
endfunction()
