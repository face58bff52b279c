package llmperf

// Out is where a decoder writes what it found. Empty texts are skipped: no character is no token.
type Out struct {
	event  uint32
	deltas []delta
}

// One piece of meaning: its number in the contract, and what it holds.
type delta struct {
	event   uint32
	kind    byte
	text    string
	index   uint32
	number  float64
	usage   Usage
	failure Failure
	ids     []uint32
}

// Numbers of the contract's variant `piece`.
const (
	pieceText = iota
	pieceReasoning
	pieceToolCall
	pieceRefusal
	pieceUsage
	pieceFinish
	pieceFailure
	pieceEnd
	pieceTokenIDs
	pieceServerTiming
	pieceEmbedding
)

// Hands an event to a decoder; an error is a failure of the response.
func (out *Out) push(decoder Decoder, event Event) {
	if err := decoder.Push(event, out); err != nil {
		out.Failure(Failure{Code: "bad_response", Message: err.Error()})
	}
}

// Text of the answer.
func (out *Out) Text(text string) { out.words(delta{kind: pieceText, text: text}) }

// Reasoning, which is not part of the answer.
func (out *Out) Reasoning(text string) { out.words(delta{kind: pieceReasoning, text: text}) }

// Refusal is the text of one.
func (out *Out) Refusal(text string) { out.words(delta{kind: pieceRefusal, text: text}) }

// ToolCall is a fragment of the call with this index: first its name, then its arguments as text.
func (out *Out) ToolCall(index uint32, fragment string) {
	out.words(delta{kind: pieceToolCall, index: index, text: fragment})
}

// Usage holds counts as the server says them, without arithmetic.
func (out *Out) Usage(usage Usage) {
	if usage != (Usage{}) {
		out.put(delta{kind: pieceUsage, usage: usage})
	}
}

// Finish is the provider's own word for why it stopped.
func (out *Out) Finish(word string) { out.words(delta{kind: pieceFinish, text: word}) }

// Failure: the response says that it failed.
func (out *Out) Failure(failure Failure) { out.put(delta{kind: pieceFailure, failure: failure}) }

// End is the protocol's own end marker.
func (out *Out) End() { out.put(delta{kind: pieceEnd}) }

// TokenIDs of the tokens that arrived.
func (out *Out) TokenIDs(ids []uint32) {
	if len(ids) > 0 {
		out.put(delta{kind: pieceTokenIDs, ids: ids})
	}
}

// ServerTiming is what the server says of its own time; the name ends in its unit: "queue_ms".
func (out *Out) ServerTiming(name string, value float64) {
	out.put(delta{kind: pieceServerTiming, text: name, number: value})
}

// Embedding with so many dimensions.
func (out *Out) Embedding(dimensions uint32) { out.put(delta{kind: pieceEmbedding, index: dimensions}) }

func (out *Out) words(found delta) {
	if found.text != "" {
		out.put(found)
	}
}

func (out *Out) put(found delta) {
	found.event = out.event
	out.deltas = append(out.deltas, found)
}
