"""Speaks "parrot", the made-up API that every SDK has as its example (sdk/parrot-cases/README.md describes it)."""

import llmperf
from llmperf import Event, Failure, Framing, HttpRequest, OptionSpec, Out, RequestSpec, ResponseHead, fields


class Answer(llmperf.Decoder):
    # A line was no JSON: what follows may be out of step with it.
    is_lost = False

    def push(self, event: Event, out: Out) -> None:
        if self.is_lost:
            return
        try:
            line = fields(llmperf.read_json(event))
        except llmperf.BadResponse:
            self.is_lost = True
            raise
        out.reasoning(line.get("thinks"))
        tool, error, done = fields(line.get("tool")), line.get("error"), line.get("done")
        out.tool_call(tool.get("index"), tool.get("name"))
        out.tool_call(tool.get("index"), tool.get("args"))
        out.text(line.get("squawk"))
        if isinstance(error, dict):
            out.failure(error.get("kind"), error.get("why"), error.get("wait_s"))
        if isinstance(done, dict):
            out.usage(input=done.get("heard"), output=done.get("said"))
            out.server_timing("took_ms", done.get("took_ms"))
            out.finish(done.get("reason"))
            out.end()


class Parrot(llmperf.Plugin):
    name = "parrot"
    version = "0.1.0"
    summary = "a made-up API, in Python"
    options = [OptionSpec("accent", "string", ["PARROT_ACCENT"], None, False, "how it is to sound")]
    decoder = Answer

    def build_request(self, spec: RequestSpec) -> HttpRequest:
        own = {
            "say": llmperf.prompt_text(spec),
            "limit": spec.max_tokens,
            "stream": spec.stream,
            "accent": llmperf.option(spec, "accent"),
        }
        framing = Framing.NDJSON if spec.stream else Framing.BODY
        return llmperf.post_json(["v1", "parrot"], llmperf.json_body(own, spec.sampling), framing)

    def explain(self, head: ResponseHead, body: bytes) -> Failure:
        failure = llmperf.explain(head, body)
        said = llmperf.error_body(body)
        failure.message = str(said.get("why") or failure.message)
        failure.code = str(said.get("kind") or failure.code)
        return failure


Api = llmperf.export(Parrot)
