/* The fake model of FakeModel.h as kernels in an import-free image: same cache contents, same
 * logits. */
#include <stdint.h>

enum { kVocab = 258, kEos = 257, kRowFloats = 288, kBlockTokens = 16 };

struct batch {
  uint32_t tokens, sequences, returned_rows, attention_items;
  const uint32_t *token_ids, *rope_positions, *token_sequence, *kv_positions;
  const uint32_t *visible_begin, *visible_end, *return_rows, *attention_table;
  const void *sampling;
  const uint32_t *previous_ids;
};
struct kv {
  uint8_t *pool;
  const uint32_t *table;
  uint64_t block_bytes;
  uint32_t table_pitch, reserved;
};

static uint64_t mix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

static uint32_t *cell(const struct kv *kv, uint32_t sequence, uint32_t position) {
  uint32_t block = kv->table[sequence * kv->table_pitch + position / kBlockTokens];
  return (uint32_t *)(kv->pool + block * kv->block_bytes) + position % kBlockTokens;
}

static float logit(uint64_t key, uint32_t i) {
  uint64_t bits = mix64(key + (uint64_t)(i + 1) * 0x9e3779b97f4a7c15ull);
  float u = (float)(bits >> 40) * 0x1p-24f;
  return 12.0f * u * u * u * u - (i == kEos ? 4.0f : 0.0f);
}

static uint64_t history_key(const struct batch *batch, const struct kv *kv, uint32_t row) {
  uint32_t t = batch->return_rows[row];
  uint64_t key = 12345;
  for (uint32_t p = batch->visible_begin[t]; p < batch->visible_end[t]; ++p)
    key = mix64(key * 31 + *cell(kv, batch->token_sequence[t], p) + 1);
  return key;
}

/* From the batch, or from what the step before chose. */
static uint32_t token_id(const struct batch *batch, uint32_t t) {
  uint32_t id = batch->token_ids[t];
  id = id >> 31 ? batch->previous_ids[id & 0x7fffffffu] : id;
  return id < kVocab ? id : 0;
}

/* args: batch, kv. item = token. Fails when the mode is not the step's (FTZ, DAZ, nearest), and on token 256. */
int32_t fake_append(const uint64_t *args, uint32_t begin, uint32_t end, void *scratch) {
  const struct batch *batch = (const struct batch *)args[0];
  const struct kv *kv = (const struct kv *)args[1];
  uint32_t mode = __builtin_ia32_stmxcsr();
  *(uint64_t *)scratch = args[0]; /* the worker's own memory is writable */
  if ((mode & ~0x3fu) != 0x9fc0u)
    return 9;
  for (uint32_t t = begin; t < end; ++t)
    if (token_id(batch, t) == 256)
      return 7;
  for (uint32_t t = begin; t < end; ++t)
    *cell(kv, batch->token_sequence[t], batch->kv_positions[t]) = token_id(batch, t);
  return 0;
}

/* args: batch, kv, gain f32[32] of ones, logits f32 rows. item = returned row. */
int32_t fake_logits(const uint64_t *args, uint32_t begin, uint32_t end, void *scratch) {
  const float *gain = (const float *)args[2];
  (void)scratch;
  for (uint32_t row = begin; row < end; ++row) {
    uint64_t key = history_key((const struct batch *)args[0], (const struct kv *)args[1], row);
    float *out = (float *)args[3] + (uint64_t)row * kRowFloats;
    for (uint32_t i = 0; i < kVocab; ++i)
      out[i] = logit(key, i) * gain[i % 32];
  }
  return 0;
}

/* args: batch, kv, gain f32[32] of ones, u32 per row. item = returned row. */
int32_t fake_argmax(const uint64_t *args, uint32_t begin, uint32_t end, void *scratch) {
  const float *gain = (const float *)args[2];
  (void)scratch;
  for (uint32_t row = begin; row < end; ++row) {
    uint64_t key = history_key((const struct batch *)args[0], (const struct kv *)args[1], row);
    uint32_t best = 0;
    for (uint32_t i = 1; i < kVocab; ++i)
      if (logit(key, i) * gain[i % 32] > logit(key, best) * gain[best % 32])
        best = i;
    ((uint32_t *)args[3])[row] = best;
  }
  return 0;
}

/* Of the devices' conformance suite. args: batch, u32 out[], factor. item = element: the order of
 * launches shows in the outcome. */
int32_t cts_mix(const uint64_t *args, uint32_t begin, uint32_t end, void *scratch) {
  uint32_t *out = (uint32_t *)args[1];
  (void)scratch;
  for (uint32_t i = begin; i < end; ++i)
    out[i] = out[i] * 3 + (uint32_t)args[2] + i;
  return 0;
}

/* args: batch, u32 from[], u32 to[]. item = element. */
int32_t cts_copy(const uint64_t *args, uint32_t begin, uint32_t end, void *scratch) {
  (void)scratch;
  for (uint32_t i = begin; i < end; ++i)
    ((uint32_t *)args[2])[i] = ((const uint32_t *)args[1])[i];
  return 0;
}

/* args: batch, code. Fails with it. */
int32_t cts_fail(const uint64_t *args, uint32_t begin, uint32_t end, void *scratch) {
  (void)begin, (void)end, (void)scratch;
  return (int32_t)args[1];
}
