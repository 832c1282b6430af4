/* Two kernels for tests, built into an import-free, relocation-free shared object. */
#include <stdint.h>

/* args: dst f32 rows of 32 columns, src f32 rows, gain f32[32]. dst = src * gain, item = row. */
int32_t test_scale_rows(const uint64_t *args, uint32_t begin, uint32_t end, void *scratch) {
  float *dst = (float *)args[0];
  const float *src = (const float *)args[1], *gain = (const float *)args[2];
  (void)scratch;
  for (uint32_t row = begin; row < end; ++row)
    for (uint32_t c = 0; c < 32; ++c)
      dst[row * 32 + c] = src[row * 32 + c] * gain[c];
  return 0;
}

/* args: dst f32 rows of 32 columns, weight. dst[row][c] = row + c, item = row. */
int32_t test_fill_rows(const uint64_t *args, uint32_t begin, uint32_t end, void *scratch) {
  float *dst = (float *)args[0];
  (void)scratch;
  for (uint32_t row = begin; row < end; ++row)
    for (uint32_t c = 0; c < 32; ++c)
      dst[row * 32 + c] = (float)(row + c);
  return 7;
}
