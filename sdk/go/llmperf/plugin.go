// Package llmperf is for writing an llmperf plugin in Go. README.md says how; parrot/main.go is one.
//
// A plugin has no clock, network, file, environment or secret: the host sends what BuildRequest says, cuts the answer into events and
// gives those to a Decoder.
package llmperf

import (
	"errors"
	"strings"
)

// Plugin is an API that llmperf can speak.
type Plugin interface {
	// Describe says who the plugin is and which options it takes; always the same.
	Describe() Description
	// BuildRequest gives the request that asks spec, or why this API cannot ask it.
	BuildRequest(spec *RequestSpec) (*HTTPRequest, error)
	// NewDecoder reads a response with this head.
	NewDecoder(task string, head *ResponseHead) Decoder
	// Explain says what an HTTP error means; the function Explain knows the usual ones.
	Explain(head *ResponseHead, body []byte) Failure
}

// Decoder reads one response. Keep its state in it, never in a global.
type Decoder interface {
	// Push says what an event means; an error fails the response.
	Push(event Event, out *Out) error
	// Finish: the body has ended; complete is false where it was cut off.
	Finish(complete bool, out *Out)
}

var plugin Plugin

// Export makes a plugin the component. To be called from the init function of the main package.
func Export(the Plugin) { plugin = the }

// Description is what a plugin says of itself.
type Description struct {
	// [a-z0-9-]+, the API's name on the command line.
	Name, Version string
	// One line for people.
	Summary string
	// Empty: "chat".
	Tasks   []string
	Options []Option
	// Providers that it brings along, as TOML; empty: none.
	Providers string
}

// Option is one knob: --plugin-option NAME=VALUE, or the first of Env that is set.
type Option struct {
	Name string
	// "string", "integer", "number", "boolean" or "json".
	Kind string
	Env  []string
	// Empty: none.
	Default  string
	Required bool
	Help     string
}

// RequestSpec is what is asked.
type RequestSpec struct {
	Task, Model string
	Stream      bool
	// One of them is set.
	Prompt   *string
	Messages []Message
	TokenIDs []uint32
	Texts    []string
	// nil: no limit.
	MaxTokens *uint32
	// JSON object text: wins over every other field.
	Sampling string
	Options  [][2]string
}

// Message is one turn of a conversation.
type Message struct {
	Role  string
	Parts []Part
}

// Part of a message: a text or the URL of an image, or media with their type.
type Part struct {
	// "text", "image", "audio", "video" or "url".
	Kind string
	Text string
	Mime string
	Data []byte
}

// PromptText gives the input as one text: the prompt, or the text of all messages, joined by line breaks.
func (spec *RequestSpec) PromptText() (string, error) {
	if spec.Prompt != nil {
		return *spec.Prompt, nil
	}
	if spec.Messages == nil {
		return "", errors.New("the input must be a prompt or messages")
	}
	var texts []string
	for _, message := range spec.Messages {
		for _, part := range message.Parts {
			if part.Kind != "text" {
				return "", errors.New("the messages must be text")
			}
			if part.Text != "" {
				texts = append(texts, part.Text)
			}
		}
	}
	return strings.Join(texts, "\n"), nil
}

// Option gives the value of an option, and whether it is set or has a default.
func (spec *RequestSpec) Option(name string) (string, bool) {
	for _, option := range spec.Options {
		if option[0] == name {
			return option[1], true
		}
	}
	return "", false
}

// Framing is how the host cuts a body into events.
type Framing byte

const (
	SSE Framing = iota
	NDJSON
	AWSEventStream
	JSONArray
	Body
)

// Header of a request or a response.
type Header struct{ Name, Value string }

// HTTPRequest is relative: the host puts it under the provider's base URL and adds the credential.
type HTTPRequest struct {
	Method  string
	Path    []string
	Query   [][2]string
	Headers []Header
	Body    []byte
	Framing []Framing
}

// PostJSON is a POST of a JSON body to a path, one segment an item; it accepts what framing cuts.
func PostJSON(path []string, body []byte, framing Framing) *HTTPRequest {
	accept := "application/json"
	switch framing {
	case SSE:
		accept = "text/event-stream"
	case NDJSON:
		accept = "application/x-ndjson"
	case AWSEventStream:
		accept = "application/vnd.amazon.eventstream"
	}
	headers := []Header{{"content-type", "application/json"}, {"accept", accept}}
	return &HTTPRequest{Method: "POST", Path: path, Headers: headers, Body: body, Framing: []Framing{framing}}
}

// ResponseHead is what is known of a response before its body.
type ResponseHead struct {
	Status  uint16
	Headers []Header
}

// Header gives the first value of a header, whatever the case of its name.
func (head *ResponseHead) Header(name string) string {
	for _, header := range head.Headers {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

// Event of a response. Name is that of an SSE event; empty where there is none.
type Event struct {
	Name string
	Data []byte
}

// Usage holds token counts as the server says them; nil where it does not.
type Usage struct{ Input, Output, CachedInput, CacheWrite, Reasoning *uint64 }

// Failure says why a response failed.
type Failure struct {
	// The provider's own word, or an HTTP status.
	Code, Message string
	RetryAfterMs  *uint64
}

// BadResponse is the error of an answer that could not be understood, which the host counts apart from the server's own.
type BadResponse struct{ Message string }

func (bad *BadResponse) Error() string { return bad.Message }
