// Speaks "parrot", the made-up API that every SDK has as its example (sdk/parrot-cases/README.md describes it).
package main

import "llmperf/llmperf"

type parrot struct{}

func (parrot) Describe() llmperf.Description {
	accent := llmperf.Option{Name: "accent", Kind: "string", Env: []string{"PARROT_ACCENT"}, Help: "how it is to sound"}
	return llmperf.Description{
		Name: "parrot", Version: "0.1.0", Summary: "a made-up API, in Go", Options: []llmperf.Option{accent},
	}
}

func (parrot) BuildRequest(spec *llmperf.RequestSpec) (*llmperf.HTTPRequest, error) {
	say, err := spec.PromptText()
	if err != nil {
		return nil, err
	}
	var own llmperf.JSONBody
	own.Set("say", say)
	own.Set("limit", spec.MaxTokens)
	own.Set("stream", spec.Stream)
	if accent, ok := spec.Option("accent"); ok {
		own.Set("accent", accent)
	}
	own.Merge(spec.Sampling)
	body, err := own.Build()
	if err != nil {
		return nil, err
	}
	framing := llmperf.Body
	if spec.Stream {
		framing = llmperf.NDJSON
	}
	return llmperf.PostJSON([]string{"v1", "parrot"}, body, framing), nil
}

func (parrot) Explain(head *llmperf.ResponseHead, body []byte) llmperf.Failure {
	failure := llmperf.Explain(head, body)
	said := llmperf.ErrorBody(body)
	if why := said.Text("why"); why != "" {
		failure.Message = why
	}
	if kind := said.Text("kind"); kind != "" {
		failure.Code = kind
	}
	return failure
}

func (parrot) NewDecoder(task string, head *llmperf.ResponseHead) llmperf.Decoder { return &answer{} }

type answer struct {
	// A line was no JSON: what follows may be out of step with it.
	isLost bool
}

func (answer *answer) Push(event llmperf.Event, out *llmperf.Out) error {
	if answer.isLost {
		return nil
	}
	line, err := llmperf.ReadJSON(event)
	if err != nil {
		answer.isLost = true
		return err
	}
	out.Reasoning(line.Text("thinks"))
	if tool := line.Object("tool"); tool != nil {
		index := uint32(0)
		if said := tool.Count("index"); said != nil {
			index = uint32(*said)
		}
		out.ToolCall(index, tool.Text("name"))
		out.ToolCall(index, tool.Text("args"))
	}
	out.Text(line.Text("squawk"))
	if failed := line.Object("error"); failed != nil {
		wait := llmperf.MsOfSeconds(failed.Number("wait_s"))
		out.Failure(llmperf.Failure{Code: failed.Text("kind"), Message: failed.Text("why"), RetryAfterMs: wait})
	}
	if done := line.Object("done"); done != nil {
		out.Usage(llmperf.Usage{Input: done.Count("heard"), Output: done.Count("said")})
		if took := done.Number("took_ms"); took != nil {
			out.ServerTiming("took_ms", *took)
		}
		out.Finish(done.Text("reason"))
		out.End()
	}
	return nil
}

func (*answer) Finish(complete bool, out *llmperf.Out) {}

func init() { llmperf.Export(parrot{}) }

func main() {}
