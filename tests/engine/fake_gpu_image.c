/* The kernels of fake_image.c behind the border of host-built GPU kernels
 * (codegen/cuda/host/Launch.h): a grid of blocks, each with a few items, the number of items read
 * from the batch or, for the conformance suite's kernels, given as the last argument. */
#include "tests/engine/fake_image.c"

#include <stddef.h>

struct launch {
  uint32_t grid_x, grid_y, threads, shared_bytes, order, architecture;
  uint64_t seed;
};
struct kernel_info {
  const char *name;
  uint32_t max_threads;
};

typedef int32_t kernel_fn(const uint64_t *, uint32_t, uint32_t, void *);
enum items { TOKENS, ROWS, LAST, ONE };
enum { kItemsPerBlock = 4, kKernels = 7 };

int32_t fake_sample(const uint64_t *args, uint32_t begin, uint32_t end, void *scratch);

static const struct {
  kernel_fn *run;
  enum items items;
} table[kKernels] = {{fake_append, TOKENS}, {fake_logits, ROWS}, {fake_argmax, ROWS},
                     {cts_mix, LAST},  {cts_copy, LAST}, {cts_fail, ONE},
                     {fake_sample, ROWS}};
static const struct kernel_info infos[kKernels] = {
    {"fake_append", 128}, {"fake_logits", 128}, {"fake_argmax", 128},
    {"cts_mix", 128},     {"cts_copy", 128},    {"cts_fail", 128},
    {"fake_sample", 128}};

const struct kernel_info *ingot_host_kernels(size_t *count) {
  *count = kKernels;
  return infos;
}

static int same(const char *a, const char *b) {
  while (*a && *a == *b)
    ++a, ++b;
  return *a == *b;
}

static uint32_t items_of(enum items which, const uint64_t *slots) {
  const struct batch *batch = (const struct batch *)slots[0];
  switch (which) {
  case TOKENS:
    return batch->tokens;
  case ROWS:
    return batch->returned_rows;
  case LAST:
    return (uint32_t)slots[3];
  case ONE:
    break;
  }
  return 1;
}

int ingot_host_launch(const char *name, const uint64_t *slots, uint32_t slot_count,
                      const struct launch *launch, char *error, size_t error_bytes) {
  uint64_t scratch[8];
  int32_t code = 0;
  int kernel = 0;
  (void)slot_count;
  while (kernel < kKernels && !same(infos[kernel].name, name))
    ++kernel;
  if (kernel == kKernels)
    return 1;
  /* The mode that fake_append looks for. */
  const uint32_t mode = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(0x9fc0);
  const uint32_t items = items_of(table[kernel].items, slots);
  for (uint32_t n = 0; n < launch->grid_x && code == 0; ++n) {
    /* Any order of blocks must do. */
    const uint32_t block = launch->order == 1 ? launch->grid_x - 1 - n : n;
    const uint32_t begin = block * kItemsPerBlock;
    const uint32_t end = begin + kItemsPerBlock < items ? begin + kItemsPerBlock : items;
    if (begin < end)
      code = table[kernel].run(slots, begin, end, scratch);
  }
  __builtin_ia32_ldmxcsr(mode);
  if (code != 0 && error_bytes > 4)
    error[0] = 'b', error[1] = 'a', error[2] = 'd', error[3] = 0;
  return code != 0;
}
