/* Write an llmperf plugin in C: define `lp_the_plugin`. README.md says how; parrot/parrot.c is one.
 *
 * A plugin has no clock, network, file, environment or secret: the host sends what `build_request` says, cuts the answer into events
 * and gives those to `push`. What an entry allocates with lp_alloc lives until it returns; the SDK copies what it hands on. */

#ifndef LLMPERF_H
#define LLMPERF_H

#include "json.h"
#include "plugin.h"

/* One knob: `--plugin-option NAME=VALUE`, or the first of `env` that is set. */
typedef struct {
    const char *name;
    /* "string" | "integer" | "number" | "boolean" | "json" */
    const char *kind;
    /* Up to three variables. */
    const char *env[4];
    /* NULL: none. */
    const char *default_value;
    bool required;
    const char *help;
} lp_option;

typedef struct {
    lp_text name, value;
} lp_header;

typedef struct {
    lp_text task, model;
    bool stream;
    lp_count max_tokens;
    /* JSON object text: wins over every other field. */
    lp_text sampling;
    /* All that the contract knows of it: the input with its parts, the options. */
    const exports_llmperf_plugin_api_request_spec_t *raw;
} lp_spec;

/* The input as one text: the prompt, or the text of all messages, joined by line breaks; false where it is not text. */
bool lp_prompt_text(const lp_spec *spec, lp_text *text);
/* The value of an option; false where it is not set and has no default. */
bool lp_option_value(const lp_spec *spec, const char *name, lp_text *value);

/* How the host cuts a body into events. */
typedef enum { LP_SSE, LP_NDJSON, LP_AWS_EVENT_STREAM, LP_JSON_ARRAY, LP_BODY } lp_framing;

typedef struct lp_request lp_request;

/* A POST of a JSON body to a path below the provider's base URL ("v1/parrot"); accepts what `framing` cuts. */
void lp_post_json(lp_request *request, const char *path, lp_text body, lp_framing framing);
/* One more segment, which may hold a slash. */
void lp_add_segment(lp_request *request, lp_text segment);
void lp_add_query(lp_request *request, lp_text name, lp_text value);
void lp_add_header(lp_request *request, lp_text name, lp_text value);
/* Why this API cannot ask it: return lp_refuse(request, "…"). */
bool lp_refuse(lp_request *request, const char *why);

typedef struct {
    uint16_t status;
    const lp_header *headers;
    size_t headers_len;
} lp_head;

/* The first value of a header, by its name in lower case; false where there is none. */
bool lp_header_value(const lp_head *head, const char *name, lp_text *value);

typedef struct {
    /* SSE event name; empty where there is none. */
    lp_text name;
    lp_text data;
} lp_event;

typedef struct {
    lp_count input, output, cached_input, cache_write, reasoning;
} lp_usage;

typedef struct {
    lp_text code, message;
    lp_count retry_after_ms;
} lp_failure;

/* Where a decoder writes what it found. Empty texts are skipped: no character is no token. */
typedef struct lp_out lp_out;

void lp_out_text(lp_out *out, lp_text text);
/* Reasoning, which is not part of the answer. */
void lp_out_reasoning(lp_out *out, lp_text text);
void lp_out_refusal(lp_out *out, lp_text text);
/* A fragment of the tool call with this index: first its name, then its arguments as text. */
void lp_out_tool_call(lp_out *out, uint32_t index, lp_text fragment);
/* Counts as the server says them, without arithmetic. */
void lp_out_usage(lp_out *out, lp_usage usage);
/* The provider's own word for why it stopped. */
void lp_out_finish(lp_out *out, lp_text word);
/* The response says that it failed. */
void lp_out_failure(lp_out *out, lp_failure failure);
/* The answer could not be understood, which the host counts apart from the server's own errors. */
void lp_out_bad_response(lp_out *out, const char *what, lp_text shown);
/* The protocol's own end marker. */
void lp_out_end(lp_out *out);
void lp_out_token_ids(lp_out *out, const uint32_t *ids, size_t len);
/* What the server says of its own time; the name ends in its unit: "queue_ms". */
void lp_out_server_timing(lp_out *out, const char *name, double value);
void lp_out_embedding(lp_out *out, uint32_t dimensions);

/* What an HTTP error says: `{"error": {"message", "code" | "type"}}`, `{"message": …}` or the text itself, the status as its code where
 * there is none, and how long to wait. */
lp_failure lp_explain(const lp_head *head, lp_text body);
/* Seconds as milliseconds; missing for what is no such number. */
lp_count lp_ms_of_seconds(const lp_json *seconds);

typedef struct {
    /* [a-z0-9-]+, the API's name on the command line. */
    const char *name, *version;
    /* One line for people. */
    const char *summary;
    /* NULL: "chat". */
    const char *task;
    const lp_option *options;
    size_t options_len;
    /* The request that asks `spec`; `return lp_refuse(…)` where this API cannot ask it. */
    bool (*build_request)(const lp_spec *spec, lp_request *request);
    /* The state of a response being read; it begins zeroed. */
    size_t decoder_size;
    /* What is to be known of a response before its body; NULL: nothing. */
    void (*start)(void *decoder, lp_text task, const lp_head *head);
    void (*push)(void *decoder, lp_event event, lp_out *out);
    /* The body has ended; `complete` is false where it was cut off. NULL: nothing to say. */
    void (*finish)(void *decoder, bool complete, lp_out *out);
    /* What an HTTP error says. NULL: lp_explain. */
    lp_failure (*explain)(const lp_head *head, lp_text body);
} lp_plugin;

/* The plugin's own to define. */
extern const lp_plugin lp_the_plugin;

#endif
