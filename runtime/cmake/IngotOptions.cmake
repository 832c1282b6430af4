# Compile options of every target: warnings, one arithmetic (no contraction), sanitizers.
add_library(ingot_options INTERFACE)
target_compile_options(ingot_options INTERFACE
  -Wall -Wextra -Wshadow -Wno-unused-parameter
  -ffp-contract=off
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
if(INGOT_SANITIZE)
  target_compile_options(ingot_options INTERFACE
    -fsanitize=${INGOT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  if(INGOT_SANITIZE MATCHES undefined)
    # A quarter of the time to compile, and nothing that AddressSanitizer does not find as well.
    target_compile_options(ingot_options INTERFACE -fno-sanitize=null,vptr,object-size)
  endif()
  target_link_options(ingot_options INTERFACE -fsanitize=${INGOT_SANITIZE})
endif()

# Clones in other folders share the compiler cache; precompiled headers take part.
find_program(INGOT_CCACHE ccache)
if(INGOT_CCACHE)
  set(_launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros ${INGOT_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${_launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${_launcher})
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endif()
