# Compile options of every target: warnings, one arithmetic (no contraction), sanitizers.
add_library(ingot_options INTERFACE)
target_compile_options(ingot_options INTERFACE
  -Wall -Wextra -Wshadow -Wno-unused-parameter
  -ffp-contract=off
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
if(INGOT_SANITIZE)
  target_compile_options(ingot_options INTERFACE
    -fsanitize=${INGOT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  target_link_options(ingot_options INTERFACE -fsanitize=${INGOT_SANITIZE})
endif()

find_program(INGOT_CCACHE ccache)
if(INGOT_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${INGOT_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${INGOT_CCACHE})
endif()
