/* From the generated binding (plugin.h) to `lp_the_plugin`. What the host gives is freed here, what it gets is copied here. */

#include "llmperf.h"

#include <stdlib.h>
#include <string.h>

#define API(type) exports_llmperf_plugin_api_##type##_t
#define PIECE(kind) EXPORTS_LLMPERF_PLUGIN_API_PIECE_##kind

/* What is quoted of an answer that could not be read, and what is kept of an error body: some servers echo the whole prompt. */
#define MAX_SHOWN 200
#define MAX_MESSAGE 4096
/* As a WebAssembly page; larger pieces get a block of their own. */
#define BLOCK_BYTES (64 << 10)

typedef struct block {
    struct block *next;
    size_t used, size;
    /* Aligned as any type needs it. */
    max_align_t bytes[];
} block;

static block *arena;

static void *must_have(void *memory) {
    if (!memory) __builtin_trap();
    return memory;
}

void *lp_alloc(size_t bytes) {
    bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!arena || arena->size - arena->used < bytes) {
        size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        block *block = must_have(malloc(sizeof *block + size));
        *block = (struct block){.next = arena, .size = size};
        arena = block;
    }
    void *memory = (char *)arena->bytes + arena->used;
    arena->used += bytes;
    return memset(memory, 0, bytes);
}

/* Gives back all that a call allocated, but for one block: the next call wants it again. */
static void free_arena(void) {
    while (arena && (arena->next || arena->size > BLOCK_BYTES)) {
        block *next = arena->next;
        free(arena);
        arena = next;
    }
    if (arena) arena->used = 0;
}

static lp_text borrow(plugin_string_t text) {
    return (lp_text){(const char *)text.ptr, text.len};
}

/* The host frees what it gets. */
static void *copy(const void *bytes, size_t len) {
    return len > 0 ? memcpy(must_have(malloc(len)), bytes, len) : NULL;
}

static plugin_string_t give(lp_text text) {
    return (plugin_string_t){copy(text.ptr, text.len), text.len};
}

static plugin_string_t give_literal(const char *text) {
    return give(lp_text_of(text));
}

static plugin_option_u64_t give_count(lp_count count) {
    return (plugin_option_u64_t){count.is_some, count.value};
}

static API(failure) give_failure(lp_failure failure) {
    return (API(failure)){give(failure.code), give(failure.message), give_count(failure.retry_after_ms)};
}

/* One more place in a list that the host will free. */
static void *grow(void *list, size_t len, size_t item) {
    bool is_full = (len & (len - 1)) == 0;
    return is_full ? must_have(realloc(list, (len ? 2 * len : 1) * item)) : list;
}

#define PUSH(list, ...)                                                         \
    do {                                                                        \
        (list).ptr = grow((list).ptr, (list).len, sizeof *(list).ptr);          \
        (list).ptr[(list).len++] = __VA_ARGS__;                                 \
    } while (0)

static lp_text shorten(lp_text text, size_t most) {
    if (text.len <= most) return text;
    text.len = most;
    /* Not within a character. */
    while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80) text.len--;
    return text;
}

void exports_llmperf_plugin_api_describe(API(description) *ret) {
    const lp_plugin *plugin = &lp_the_plugin;
    *ret = (API(description)){
        .name = give_literal(plugin->name),
        .version = give_literal(plugin->version),
        .summary = give_literal(plugin->summary),
    };
    PUSH(ret->tasks, give_literal(plugin->task ? plugin->task : "chat"));
    for (size_t i = 0; i < plugin->options_len; i++) {
        const lp_option *option = &plugin->options[i];
        API(option_spec) spec = {
            .name = give_literal(option->name),
            .kind = give_literal(option->kind),
            .required = option->required,
            .help = give_literal(option->help),
        };
        for (size_t n = 0; n < 3 && option->env[n]; n++) PUSH(spec.env, give_literal(option->env[n]));
        spec.default_.is_some = option->default_value != NULL;
        if (option->default_value) spec.default_.val = give_literal(option->default_value);
        PUSH(ret->options, spec);
    }
}

struct lp_request {
    API(http_request) built;
    lp_text refusal;
};

void lp_add_segment(lp_request *request, lp_text segment) {
    PUSH(request->built.path, give(segment));
}

void lp_add_query(lp_request *request, lp_text name, lp_text value) {
    PUSH(request->built.query, (plugin_tuple2_string_string_t){give(name), give(value)});
}

void lp_add_header(lp_request *request, lp_text name, lp_text value) {
    PUSH(request->built.headers, (API(header)){give(name), give(value)});
}

bool lp_refuse(lp_request *request, const char *why) {
    request->refusal = lp_text_of(why);
    return false;
}

void lp_post_json(lp_request *request, const char *path, lp_text body, lp_framing framing) {
    static const char *const accepts[] = {
        "text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream", "application/json", "application/json",
    };
    request->built.method = give_literal("POST");
    for (size_t len; *path; path += len + (path[len] == '/')) {
        len = strcspn(path, "/");
        lp_add_segment(request, (lp_text){path, len});
    }
    lp_add_header(request, LP("content-type"), LP("application/json"));
    lp_add_header(request, LP("accept"), lp_text_of(accepts[framing]));
    request->built.body = (plugin_list_u8_t){copy(body.ptr, body.len), body.len};
    PUSH(request->built.framing, (API(framing))framing);
}

bool exports_llmperf_plugin_api_build_request(API(request_spec) *raw, API(http_request) *ret, plugin_string_t *err) {
    lp_spec spec = {
        .task = borrow(raw->task),
        .model = borrow(raw->model),
        .stream = raw->stream,
        .max_tokens = {raw->max_tokens.is_some, raw->max_tokens.val},
        .sampling = borrow(raw->sampling),
        .raw = raw,
    };
    lp_request request = {0};
    bool is_built = lp_the_plugin.build_request(&spec, &request);
    if (is_built) {
        *ret = request.built;
    } else {
        *err = give(request.refusal);
        exports_llmperf_plugin_api_http_request_free(&request.built);
    }
    exports_llmperf_plugin_api_request_spec_free(raw);
    free_arena();
    return is_built;
}

bool lp_prompt_text(const lp_spec *spec, lp_text *text) {
    const API(input) *input = &spec->raw->input;
    if (input->tag == EXPORTS_LLMPERF_PLUGIN_API_INPUT_PROMPT) {
        *text = borrow(input->val.prompt);
        return true;
    }
    if (input->tag != EXPORTS_LLMPERF_PLUGIN_API_INPUT_MESSAGES) return false;
    /* Measured first, written then. */
    char *joined = NULL;
    for (int is_written = 0; is_written < 2; is_written++) {
        size_t len = 0;
        for (size_t m = 0; m < input->val.messages.len; m++) {
            const API(message) *message = &input->val.messages.ptr[m];
            for (size_t p = 0; p < message->parts.len; p++) {
                const API(part) *part = &message->parts.ptr[p];
                if (part->tag != EXPORTS_LLMPERF_PLUGIN_API_PART_TEXT) return false;
                if (part->val.text.len == 0) continue;
                if (is_written && len > 0) joined[len] = '\n';
                len += len > 0;
                if (is_written) memcpy(joined + len, part->val.text.ptr, part->val.text.len);
                len += part->val.text.len;
            }
        }
        if (!is_written) joined = lp_alloc(len);
        *text = (lp_text){joined, len};
    }
    return true;
}

bool lp_option_value(const lp_spec *spec, const char *name, lp_text *value) {
    for (size_t i = 0; i < spec->raw->options.len; i++) {
        const plugin_tuple2_string_string_t *option = &spec->raw->options.ptr[i];
        if (lp_is(borrow(option->f0), name)) {
            *value = borrow(option->f1);
            return true;
        }
    }
    return false;
}

static lp_head read_head(const API(response_head) *raw) {
    lp_header *headers = lp_alloc(raw->headers.len * sizeof *headers);
    for (size_t i = 0; i < raw->headers.len; i++) {
        headers[i] = (lp_header){borrow(raw->headers.ptr[i].name), borrow(raw->headers.ptr[i].value)};
    }
    return (lp_head){raw->status, headers, raw->headers.len};
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool lp_header_value(const lp_head *head, const char *name, lp_text *value) {
    for (size_t i = 0; i < head->headers_len; i++) {
        lp_text found = head->headers[i].name;
        size_t at = 0;
        while (at < found.len && name[at] && lower(found.ptr[at]) == name[at]) at++;
        if (at == found.len && !name[at]) {
            *value = head->headers[i].value;
            return true;
        }
    }
    return false;
}

struct lp_out {
    uint32_t event;
    API(list_delta) deltas;
};

static void put(lp_out *out, API(piece) piece) {
    PUSH(out->deltas, (API(delta)){out->event, piece});
}

void lp_out_text(lp_out *out, lp_text text) {
    if (text.len > 0) put(out, (API(piece)){.tag = PIECE(TEXT), .val.text = give(text)});
}

void lp_out_reasoning(lp_out *out, lp_text text) {
    if (text.len > 0) put(out, (API(piece)){.tag = PIECE(REASONING), .val.reasoning = give(text)});
}

void lp_out_refusal(lp_out *out, lp_text text) {
    if (text.len > 0) put(out, (API(piece)){.tag = PIECE(REFUSAL), .val.refusal = give(text)});
}

void lp_out_tool_call(lp_out *out, uint32_t index, lp_text fragment) {
    if (fragment.len > 0) put(out, (API(piece)){.tag = PIECE(TOOL_CALL), .val.tool_call = {index, give(fragment)}});
}

void lp_out_usage(lp_out *out, lp_usage usage) {
    API(usage) given = {
        give_count(usage.input), give_count(usage.output), give_count(usage.cached_input), give_count(usage.cache_write),
        give_count(usage.reasoning),
    };
    bool says_something = usage.input.is_some || usage.output.is_some || usage.cached_input.is_some || usage.cache_write.is_some ||
                          usage.reasoning.is_some;
    if (says_something) put(out, (API(piece)){.tag = PIECE(USAGE), .val.usage = given});
}

void lp_out_finish(lp_out *out, lp_text word) {
    if (word.len > 0) put(out, (API(piece)){.tag = PIECE(FINISH), .val.finish = give(word)});
}

void lp_out_failure(lp_out *out, lp_failure failure) {
    put(out, (API(piece)){.tag = PIECE(FAILURE), .val.failure = give_failure(failure)});
}

void lp_out_bad_response(lp_out *out, const char *what, lp_text shown) {
    shown = lp_is_utf8(shown) ? shorten(shown, MAX_SHOWN) : LP("bytes that are no UTF-8");
    size_t len = strlen(what);
    char *message = lp_alloc(len + 2 + shown.len);
    memcpy(message, what, len);
    memcpy(message + len, ": ", 2);
    memcpy(message + len + 2, shown.ptr, shown.len);
    lp_out_failure(out, (lp_failure){.code = LP("bad_response"), .message = {message, len + 2 + shown.len}});
}

void lp_out_end(lp_out *out) {
    put(out, (API(piece)){.tag = PIECE(END)});
}

void lp_out_token_ids(lp_out *out, const uint32_t *ids, size_t len) {
    plugin_list_u32_t given = {copy(ids, len * sizeof *ids), len};
    if (len > 0) put(out, (API(piece)){.tag = PIECE(TOKEN_IDS), .val.token_ids = given});
}

void lp_out_server_timing(lp_out *out, const char *name, double value) {
    put(out, (API(piece)){.tag = PIECE(SERVER_TIMING), .val.server_timing = {give_literal(name), value}});
}

void lp_out_embedding(lp_out *out, uint32_t dimensions) {
    put(out, (API(piece)){.tag = PIECE(EMBEDDING), .val.embedding = dimensions});
}

/* A response being read: the plugin's own state, aligned as any type needs it. */
struct exports_llmperf_plugin_api_decoder_t {
    max_align_t state[1];
};

API(own_decoder) exports_llmperf_plugin_api_constructor_decoder(plugin_string_t *task, API(response_head) *raw) {
    size_t size = lp_the_plugin.decoder_size;
    API(decoder) *decoder = must_have(calloc(1, size ? size : 1));
    lp_head head = read_head(raw);
    if (lp_the_plugin.start) lp_the_plugin.start(decoder->state, borrow(*task), &head);
    plugin_string_free(task);
    exports_llmperf_plugin_api_response_head_free(raw);
    free_arena();
    return exports_llmperf_plugin_api_decoder_new(decoder);
}

void exports_llmperf_plugin_api_decoder_destructor(API(decoder) *decoder) {
    free(decoder);
}

bool exports_llmperf_plugin_api_method_decoder_push(
    API(borrow_decoder) self, API(list_event) *events, API(list_delta) *ret, plugin_string_t *err
) {
    (void)err;
    lp_out out = {0};
    for (size_t i = 0; i < events->len; i++) {
        const API(event) *event = &events->ptr[i];
        lp_text data = {(const char *)event->data.ptr, event->data.len};
        out.event = (uint32_t)i;
        lp_the_plugin.push(self->state, (lp_event){borrow(event->name), data}, &out);
    }
    *ret = out.deltas;
    exports_llmperf_plugin_api_list_event_free(events);
    free_arena();
    return true;
}

bool exports_llmperf_plugin_api_method_decoder_finish(
    API(borrow_decoder) self, bool complete, API(list_delta) *ret, plugin_string_t *err
) {
    (void)err;
    lp_out out = {0};
    if (lp_the_plugin.finish) lp_the_plugin.finish(self->state, complete, &out);
    *ret = out.deltas;
    free_arena();
    return true;
}

void exports_llmperf_plugin_api_explain(API(response_head) *raw, plugin_list_u8_t *body, API(failure) *ret) {
    lp_head head = read_head(raw);
    lp_text text = {(const char *)body->ptr, body->len};
    *ret = give_failure((lp_the_plugin.explain ? lp_the_plugin.explain : lp_explain)(&head, text));
    exports_llmperf_plugin_api_response_head_free(raw);
    plugin_list_u8_free(body);
    free_arena();
}

/* The first field of these names that says something: a string, or a number as it is written. */
static lp_text first_word(const lp_json *object, const char *const *names) {
    for (; *names; names++) {
        const lp_json *value = lp_get(object, *names);
        lp_text word = value->kind == LP_NUMBER ? value->raw : lp_string(value);
        if (word.len > 0) return word;
    }
    return LP("");
}

lp_count lp_ms_of_seconds(const lp_json *seconds) {
    double number;
    bool is_time = lp_number(seconds, &number) && number >= 0 && number < 1e12;
    return (lp_count){is_time, is_time ? (uint64_t)(number * 1000 + 0.5) : 0};
}

/* A date is not understood: a plugin has no clock to subtract from it. */
static lp_count retry_after_ms(const lp_head *head) {
    lp_text value;
    lp_count ms = {0};
    if (lp_header_value(head, "retry-after-ms", &value)) {
        const lp_json *number = lp_json_parse(value);
        if (number) ms = lp_count_of(number);
    } else if (lp_header_value(head, "retry-after", &value)) {
        const lp_json *number = lp_json_parse(value);
        if (number) ms = lp_ms_of_seconds(number);
    }
    return ms;
}

lp_failure lp_explain(const lp_head *head, lp_text body) {
    static const char *const codes[] = {"code", "type", NULL}, *const messages[] = {"message", "error", "detail", NULL};
    static const lp_json none;
    const lp_json *said = lp_json_parse(body);
    if (!said) said = &none;
    const lp_json *error = lp_get(said, "error")->kind == LP_OBJECT ? lp_get(said, "error") : said;
    char *status = lp_alloc(3);
    for (int i = 0, rest = head->status; i < 3; i++, rest /= 10) status[2 - i] = (char)('0' + rest % 10);
    lp_failure failure = {first_word(error, codes), first_word(error, messages), retry_after_ms(head)};
    if (failure.code.len == 0) failure.code = (lp_text){status, 3};
    if (failure.message.len == 0) failure.message = lp_is_utf8(body) ? lp_trim(body) : LP("an answer that is no UTF-8");
    failure.message = shorten(failure.message, MAX_MESSAGE);
    return failure;
}

/* The generated code wants an object file linked that describes the contract; `wasm-tools component embed` does that here. */
void __component_type_object_force_link_plugin(void);
void __component_type_object_force_link_plugin(void) {}
