/* Stands for the host in a plugin's own tests. Nothing that it allocates is given back: a test is short. */

#include "testing.h"

#include <string.h>

#define API(type) exports_llmperf_plugin_api_##type##_t
#define PIECE(kind) EXPORTS_LLMPERF_PLUGIN_API_PIECE_##kind

/* What the generated binding imports for its handles, which a test does without. */
void __wasm_import_exports_llmperf_plugin_api_decoder_drop(int32_t handle);
int32_t __wasm_import_exports_llmperf_plugin_api_decoder_new(int32_t rep);
int32_t __wasm_import_exports_llmperf_plugin_api_decoder_rep(int32_t handle);

void __wasm_import_exports_llmperf_plugin_api_decoder_drop(int32_t handle) {
    (void)handle;
    abort();
}

int32_t __wasm_import_exports_llmperf_plugin_api_decoder_new(int32_t rep) {
    (void)rep;
    abort();
}

int32_t __wasm_import_exports_llmperf_plugin_api_decoder_rep(int32_t handle) {
    (void)handle;
    abort();
}

static void *must_have(void *memory) {
    if (!memory) abort();
    return memory;
}

static plugin_string_t give(const char *text) {
    size_t len = strlen(text);
    return (plugin_string_t){memcpy(must_have(malloc(len + 1)), text, len + 1), len};
}

/* The first and the second, one after the other. */
static lp_text join(lp_text first, lp_text second) {
    if (second.len == 0) return first;
    char *both = must_have(malloc(first.len + second.len));
    if (first.len > 0) memcpy(both, first.ptr, first.len);
    memcpy(both + first.len, second.ptr, second.len);
    return (lp_text){both, first.len + second.len};
}

static lp_text borrow(plugin_string_t text) {
    return (lp_text){(const char *)text.ptr, text.len};
}

static lp_count count(plugin_option_u64_t count) {
    return (lp_count){count.is_some, count.val};
}

const char *lp_test_request(const char *prompt, const char *sampling) {
    API(request_spec) spec = {.task = give("chat"), .model = give("any"), .stream = true, .sampling = give(sampling)};
    spec.input.tag = EXPORTS_LLMPERF_PLUGIN_API_INPUT_PROMPT;
    spec.input.val.prompt = give(prompt);
    API(http_request) built;
    plugin_string_t refused;
    lp_text shown;
    if (exports_llmperf_plugin_api_build_request(&spec, &built, &refused)) {
        shown = join(borrow(built.method), LP(" "));
        for (size_t i = 0; i < built.path.len; i++) {
            shown = join(shown, i > 0 ? LP("/") : LP(""));
            shown = join(shown, borrow(built.path.ptr[i]));
        }
        shown = join(join(shown, LP(" ")), (lp_text){(const char *)built.body.ptr, built.body.len});
    } else {
        shown = borrow(refused);
    }
    return join(shown, (lp_text){"", 1}).ptr;
}

static void take(lp_test_answer *answer, const API(piece) *piece) {
    switch (piece->tag) {
    case PIECE(TEXT):
        answer->text = join(answer->text, borrow(piece->val.text));
        break;
    case PIECE(REASONING):
        answer->reasoning = join(answer->reasoning, borrow(piece->val.reasoning));
        break;
    case PIECE(FINISH):
        answer->finish = borrow(piece->val.finish);
        break;
    case PIECE(USAGE): {
        const API(usage) *said = &piece->val.usage;
        answer->usage = (lp_usage){
            count(said->input_tokens), count(said->output_tokens), count(said->cached_input_tokens), count(said->cache_write_tokens),
            count(said->reasoning_tokens),
        };
        break;
    }
    case PIECE(FAILURE): {
        const API(failure) *said = &piece->val.failure;
        if (answer->failure.code.len > 0) break;
        answer->failure = (lp_failure){borrow(said->code), borrow(said->message), count(said->retry_after_ms)};
        break;
    }
    case PIECE(END):
        answer->ended = true;
        break;
    default:
        break;
    }
}

lp_test_answer lp_test_read(const char *const *events) {
    size_t len = 0;
    while (events[len]) len++;
    API(list_event) list = {must_have(calloc(len + 1, sizeof *list.ptr)), len};
    for (size_t i = 0; i < len; i++) {
        plugin_string_t data = give(events[i]);
        list.ptr[i] = (API(event)){.name = give(""), .data = {data.ptr, data.len}};
    }
    void *decoder = must_have(calloc(1, lp_the_plugin.decoder_size + 1));
    if (lp_the_plugin.start) lp_the_plugin.start(decoder, LP("chat"), &(lp_head){.status = 200});
    API(list_delta) found[2];
    plugin_string_t error;
    exports_llmperf_plugin_api_method_decoder_push(decoder, &list, &found[0], &error);
    exports_llmperf_plugin_api_method_decoder_finish(decoder, true, &found[1], &error);
    lp_test_answer answer = {0};
    for (size_t i = 0; i < 2; i++) {
        for (size_t n = 0; n < found[i].len; n++) take(&answer, &found[i].ptr[n].piece);
    }
    return answer;
}
