package llmperf

// Ask gives what is asked, for a plugin's own tests: a prompt, to be changed as the test wants.
func Ask(prompt string) *RequestSpec {
	return &RequestSpec{Task: "chat", Model: "any", Stream: true, Prompt: &prompt, Sampling: "{}"}
}

// Answer is what was found in an answer. Failure is the first one.
type Answer struct {
	Text, Reasoning, Finish string
	Usage                   Usage
	Failure                 *Failure
	Ended                   bool
}

// ReadAnswer reads a whole answer, of events with these payloads, for a plugin's own tests.
func ReadAnswer(plugin Plugin, events ...string) Answer {
	decoder := plugin.NewDecoder("chat", &ResponseHead{Status: 200})
	out := &Out{}
	for _, text := range events {
		out.push(decoder, Event{Data: []byte(text)})
	}
	decoder.Finish(true, out)
	var answer Answer
	for _, found := range out.deltas {
		switch found.kind {
		case pieceText:
			answer.Text += found.text
		case pieceReasoning:
			answer.Reasoning += found.text
		case pieceFinish:
			answer.Finish = found.text
		case pieceUsage:
			answer.Usage = found.usage
		case pieceFailure:
			if answer.Failure == nil {
				answer.Failure = &found.failure
			}
		case pieceEnd:
			answer.Ended = true
		}
	}
	return answer
}
