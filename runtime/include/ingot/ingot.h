/* Ingot's stable interface, C99.
 *
 *   ingot_engine_options options = {sizeof options};
 *   ingot_error error = {sizeof error};
 *   ingot_engine *engine = NULL;
 *   if (ingot_engine_create("model.ingot", &options, &engine, &error)) fail(error.message);
 *   ingot_request_options request = {sizeof request};
 *   request.prompt = "Once upon a time";
 *   request.prompt_bytes = strlen(request.prompt);
 *   uint64_t id;
 *   if (ingot_engine_submit(engine, &request, &id, &error)) fail(error.message);
 *   for (int32_t busy = 1; busy;) {
 *     if (ingot_engine_step(engine, &busy, &error)) fail(error.message);
 *     for (const ingot_event *event; (event = ingot_engine_poll(engine));)
 *       fwrite(event->text, 1, event->text_bytes, stdout);
 *   }
 *   ingot_engine_destroy(engine);
 *
 * Every struct begins with its size, set by the caller (structs that go in) or by Ingot (structs
 * that come out): fields are only ever appended, and a field that a caller does not know is zero,
 * which always means the default. Functions return 0 or an ingot_code and then fill *error, which
 * may be NULL. ingot_engine_submit and ingot_engine_cancel may be called from any thread, the
 * others from one thread at a time. The library installs no signal handler and computes on the
 * threads asked for. */
#ifndef INGOT_INGOT_H
#define INGOT_INGOT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define INGOT_API_VERSION 1

/* Classes of failure: the exit codes of sysexits.h. */
typedef enum ingot_code {
  INGOT_OK = 0,
  INGOT_USAGE = 64,       /* wrong arguments */
  INGOT_DATA = 65,        /* malformed file */
  INGOT_NO_INPUT = 66,    /* file missing or unreadable */
  INGOT_UNAVAILABLE = 69, /* processor or library lacks something */
  INGOT_INTERNAL = 70,    /* a bug of Ingot */
  INGOT_OS = 71,          /* memory, threads */
  INGOT_CANT_CREATE = 73,
  INGOT_IO = 74,
  INGOT_TEMP_FAIL = 75, /* may pass later */
  INGOT_CONFIG = 78     /* unsupported combination */
} ingot_code;

/* Why a call failed; belongs to the caller. */
typedef struct ingot_error {
  size_t size;
  int32_t code;       /* ingot_code */
  char id[64];        /* stable, kebab-case: "prompt-too-long" */
  char message[1024]; /* what, where, numbers, next step; cut at a character when longer */
} ingot_error;

typedef struct ingot_engine ingot_engine;

typedef enum ingot_verify {
  INGOT_VERIFY_AUTO = 0, /* full below 4 GiB, background from there */
  INGOT_VERIFY_FULL = 1,
  INGOT_VERIFY_BACKGROUND = 2,
  INGOT_VERIFY_OFF = 3
} ingot_verify;

/* 0 means the artifact's own limit, or what the comment says. */
typedef struct ingot_engine_options {
  size_t size;
  uint32_t threads;          /* 0 = one per processor of this process */
  uint32_t pin;              /* 1 = bind thread i to processor i */
  uint32_t max_sequences;    /* computed together */
  uint32_t max_batch_tokens; /* tokens of one step */
  uint32_t kv_blocks;        /* blocks of the KV pool */
  uint32_t verify;           /* ingot_verify */
  uint64_t kv_bytes;         /* bytes of the KV pool, when kv_blocks is 0 */
  const char *cpu_level;     /* NULL = the best this processor runs; "x86-64-v3", ... */
  const char *device; /* "cpu", "cuda", "cuda:1"; NULL = "auto": a GPU that runs the artifact,
                         else the CPU */
} ingot_engine_options;

#define INGOT_IGNORE_EOS 1u /* ingot_request_options.flags: the model's end tokens do not stop */

/* A prompt is text (prompt, prompt_bytes) or token ids (prompt_ids, prompt_id_count). */
typedef struct ingot_request_options {
  size_t size;
  const char *prompt; /* UTF-8, need not end with 0 */
  size_t prompt_bytes;
  const uint32_t *prompt_ids; /* used when prompt is NULL */
  size_t prompt_id_count;
  uint32_t max_tokens;   /* 0 = as many as the context holds */
  float temperature;     /* 0 = greedy */
  uint32_t top_k;        /* 0 = all */
  float top_p;           /* 0 = 1 = all */
  float min_p;           /* 0 = all */
  uint32_t sample_index; /* tells apart several answers to one prompt with one seed */
  uint64_t seed;
  uint32_t logprobs;               /* 1 = report the log-probability of each new token */
  uint32_t flags;                  /* INGOT_IGNORE_EOS */
  const char *const *stop_strings; /* each ends with 0 */
  size_t stop_string_count;
  const uint32_t *stop_ids;
  size_t stop_id_count;
} ingot_request_options;

typedef enum ingot_finish {
  INGOT_FINISH_NONE = 0, /* goes on */
  INGOT_FINISH_STOP = 1,
  INGOT_FINISH_LENGTH = 2,
  INGOT_FINISH_CANCELLED = 3,
  INGOT_FINISH_ERROR = 4
} ingot_finish;

/* News of one request; the event with a finish reason is its last. Valid until the next poll. */
typedef struct ingot_event {
  size_t size;
  uint64_t request;
  const char *text; /* whole UTF-8 characters, text_bytes long and then a 0 */
  size_t text_bytes;
  const uint32_t *tokens; /* new tokens, a stop id included */
  size_t token_count;
  const float *logprobs; /* [token_count], or NULL when not asked for */
  int32_t finish;        /* ingot_finish */
  int32_t error_code;    /* of INGOT_FINISH_ERROR */
  const char *error_id;
  const char *error_message;
} ingot_event;

/* "0.1.0" */
const char *ingot_version(void);

/* Opens and checks the artifact at `path`, allocates everything, starts the threads. */
int32_t ingot_engine_create(const char *path, const ingot_engine_options *options,
                            ingot_engine **engine, ingot_error *error);
/* Ends everything; NULL is allowed. */
void ingot_engine_destroy(ingot_engine *engine);
/* Which device computes and why not another, for people; lives as long as the engine. */
const char *ingot_engine_device(const ingot_engine *engine);

/* Queues a request; its id is never 0. */
int32_t ingot_engine_submit(ingot_engine *engine, const ingot_request_options *request,
                            uint64_t *id, ingot_error *error);
/* The request ends with INGOT_FINISH_CANCELLED at the next step; unknown ids are ignored. */
int32_t ingot_engine_cancel(ingot_engine *engine, uint64_t id, ingot_error *error);

/* Computes one step; *busy becomes 1 while any request is left, else 0. */
int32_t ingot_engine_step(ingot_engine *engine, int32_t *busy, ingot_error *error);
/* The next event, or NULL. */
const ingot_event *ingot_engine_poll(ingot_engine *engine);

/* Writes up to `capacity` ids and the full number of ids of the text. */
int32_t ingot_engine_tokenize(ingot_engine *engine, const char *text, size_t text_bytes,
                              uint32_t *ids, size_t capacity, size_t *count, ingot_error *error);

#ifdef __cplusplus
}
#endif
#endif
