/* Speaks "parrot", the made-up API that every SDK has as its example (sdk/parrot-cases/README.md describes it). */

#include "llmperf.h"

typedef struct {
    /* A line was no JSON: what follows may be out of step with it. */
    bool is_lost;
} answer;

static bool build_request(const lp_spec *spec, lp_request *request) {
    lp_text say, accent;
    if (!lp_prompt_text(spec, &say)) return lp_refuse(request, "the input must be text");
    lp_body *body = lp_body_new();
    lp_body_text(body, "say", say);
    lp_body_count(body, "limit", spec->max_tokens);
    lp_body_bool(body, "stream", spec->stream);
    if (lp_option_value(spec, "accent", &accent)) lp_body_text(body, "accent", accent);
    if (!lp_body_merge(body, spec->sampling)) return lp_refuse(request, "sampling parameters are not a JSON object");
    lp_post_json(request, "v1/parrot", lp_body_build(body), spec->stream ? LP_NDJSON : LP_BODY);
    return true;
}

static void push(void *decoder, lp_event event, lp_out *out) {
    answer *answer = decoder;
    if (answer->is_lost) return;
    const lp_json *line = lp_json_parse(event.data);
    if (!line) {
        answer->is_lost = true;
        lp_out_bad_response(out, "a line is not JSON", event.data);
        return;
    }
    lp_out_reasoning(out, lp_string(lp_get(line, "thinks")));
    const lp_json *tool = lp_get(line, "tool"), *error = lp_get(line, "error"), *done = lp_get(line, "done");
    uint32_t index = (uint32_t)lp_count_of(lp_get(tool, "index")).value;
    lp_out_tool_call(out, index, lp_string(lp_get(tool, "name")));
    lp_out_tool_call(out, index, lp_string(lp_get(tool, "args")));
    lp_out_text(out, lp_string(lp_get(line, "squawk")));
    if (error->kind == LP_OBJECT) {
        lp_out_failure(out, (lp_failure){
            .code = lp_string(lp_get(error, "kind")),
            .message = lp_string(lp_get(error, "why")),
            .retry_after_ms = lp_ms_of_seconds(lp_get(error, "wait_s")),
        });
    }
    if (done->kind == LP_OBJECT) {
        double took_ms;
        lp_count heard = lp_count_of(lp_get(done, "heard")), said = lp_count_of(lp_get(done, "said"));
        lp_out_usage(out, (lp_usage){.input = heard, .output = said});
        if (lp_number(lp_get(done, "took_ms"), &took_ms)) lp_out_server_timing(out, "took_ms", took_ms);
        lp_out_finish(out, lp_string(lp_get(done, "reason")));
        lp_out_end(out);
    }
}

static lp_failure explain(const lp_head *head, lp_text body) {
    lp_failure failure = lp_explain(head, body);
    const lp_json *said = lp_json_parse(body);
    if (said && lp_get(said, "why")->kind == LP_STRING) failure.message = lp_string(lp_get(said, "why"));
    if (said && lp_get(said, "kind")->kind == LP_STRING) failure.code = lp_string(lp_get(said, "kind"));
    return failure;
}

static const lp_option options[] = {
    {.name = "accent", .kind = "string", .env = {"PARROT_ACCENT"}, .help = "how it is to sound"},
};

const lp_plugin lp_the_plugin = {
    .name = "parrot",
    .version = "0.1.0",
    .summary = "a made-up API, in C",
    .options = options,
    .options_len = 1,
    .build_request = build_request,
    .decoder_size = sizeof(answer),
    .push = push,
    .explain = explain,
};
