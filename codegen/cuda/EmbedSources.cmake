# Writes the C++ file OUT with the text of FILES (paths relative to ROOT): see EmbeddedSources.h.
set(text "#include \"codegen/cuda/EmbeddedSources.h\"\n\nnamespace ingot::cuda {\n\nstd::span<const EmbeddedSource> embeddedSources() {\n  static constexpr EmbeddedSource kSources[] = {\n")
foreach(file ${FILES})
  file(READ ${ROOT}/${file} body)
  string(APPEND text "      {\"${file}\", R\"ingot(${body})ingot\"},\n")
endforeach()
string(APPEND text "  };\n  return kSources;\n}\n\n} // namespace ingot::cuda\n")
file(WRITE ${OUT} "${text}")
