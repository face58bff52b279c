package llmperf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Far beyond any API's nesting, and far below where a guest's stack ends: the parser goes deeper with every level.
const mostNested = 200

func unmarshal(data []byte, value any) error {
	if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > mostNested && depth(data) > mostNested {
		return fmt.Errorf("it is nested more than %d deep", mostNested)
	}
	return json.Unmarshal(data, value)
}

// How deep lists and objects are nested, or would be if they were closed.
func depth(data []byte) int {
	level, deepest := 0, 0
	inText, escaped := false, false
	for _, char := range data {
		switch {
		case inText:
			inText = escaped || char != '"'
			escaped = char == '\\' && !escaped
		case char == '"':
			inText = true
		case char == '[' || char == '{':
			level++
			deepest = max(deepest, level)
		case char == ']' || char == '}':
			level--
		}
	}
	return deepest
}

// Fields of a JSON object. What is not there, or of another type than asked for, is nothing.
type Fields map[string]json.RawMessage

// ReadJSON reads an event's payload; an error where it is no JSON. A value that is no object has no fields.
func ReadJSON(event Event) (Fields, error) {
	var fields Fields
	var wrongType *json.UnmarshalTypeError
	if err := unmarshal(event.Data, &fields); err != nil && !errors.As(err, &wrongType) {
		shown := event.Data[:min(len(event.Data), 200)]
		return nil, &BadResponse{fmt.Sprintf("an event is not JSON: %v: %s", err, strings.ToValidUTF8(string(shown), "\ufffd"))}
	}
	return fields, nil
}

// Text of a field; empty where it is no string.
func (fields Fields) Text(name string) (text string) {
	read(fields[name], &text)
	return text
}

// Count gives a whole number; nil where it is none.
func (fields Fields) Count(name string) *uint64 {
	return read(fields[name], new(uint64))
}

// Number gives a number; nil where it is none.
func (fields Fields) Number(name string) *float64 {
	return read(fields[name], new(float64))
}

// Object gives the fields of a field; nil where it is no object.
func (fields Fields) Object(name string) Fields {
	var inner Fields
	read(fields[name], &inner)
	return inner
}

func read[T any](raw json.RawMessage, value *T) *T {
	if len(raw) == 0 || string(raw) == "null" || unmarshal(raw, value) != nil {
		return nil
	}
	return value
}

// JSONBody is a JSON object being written. Fields keep their place.
type JSONBody struct {
	names  []string
	values map[string]json.RawMessage
	err    error
}

// Set writes a field; nil, or a pointer that is nil, leaves it out.
func (body *JSONBody) Set(name string, value any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		body.err = fmt.Errorf("field %s: %w", name, err)
		return
	}
	body.put(name, bytes.TrimSpace(text.Bytes()))
}

// Merge lets the fields of a JSON object win, as sampling parameters must. Blank text is an empty object.
func (body *JSONBody) Merge(object string) {
	if strings.TrimSpace(object) == "" {
		return
	}
	var fields Fields
	if err := unmarshal([]byte(object), &fields); err != nil || fields == nil {
		body.err = errors.New("sampling parameters are not a JSON object")
		return
	}
	// In the order of their names: a map has none of its own.
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	sortStrings(names)
	for _, name := range names {
		body.put(name, fields[name])
	}
}

// Build gives the body, or the first thing that could not be written.
func (body *JSONBody) Build() ([]byte, error) {
	if body.err != nil {
		return nil, body.err
	}
	text := []byte{'{'}
	for _, name := range body.names {
		if len(text) > 1 {
			text = append(text, ',')
		}
		quoted, _ := json.Marshal(name)
		text = append(append(append(text, quoted...), ':'), body.values[name]...)
	}
	return append(text, '}'), nil
}

func (body *JSONBody) put(name string, value json.RawMessage) {
	_, known := body.values[name]
	switch {
	case string(value) == "null":
		delete(body.values, name)
		body.names = without(body.names, name)
	case known:
		body.values[name] = value
	default:
		if body.values == nil {
			body.values = map[string]json.RawMessage{}
		}
		body.names = append(body.names, name)
		body.values[name] = value
	}
}

func without(names []string, name string) []string {
	for i, known := range names {
		if known == name {
			return append(names[:i:i], names[i+1:]...)
		}
	}
	return names
}

func sortStrings(names []string) {
	for i := range names {
		for j := i; j > 0 && names[j] < names[j-1]; j-- {
			names[j], names[j-1] = names[j-1], names[j]
		}
	}
}

// Explain says what an HTTP error means: {"error": {"message", "code" | "type"}}, {"message": …} or the text itself, the status as its
// code where there is none, and how long to wait.
func Explain(head *ResponseHead, body []byte) Failure {
	said := ErrorBody(body)
	inner := said.Object("error")
	if inner == nil {
		inner = said
	}
	code := first(inner.Text("code"), string(numberOnly(inner["code"])), inner.Text("type"), strconv.Itoa(int(head.Status)))
	message := first(inner.Text("message"), said.Text("error"), said.Text("message"), said.Text("detail"))
	if message == "" {
		message = strings.TrimSpace(strings.ToValidUTF8(string(body), "\ufffd"))
	}
	if len(message) > 4096 {
		cut := 4096
		for !utf8.RuneStart(message[cut]) {
			cut--
		}
		message = message[:cut]
	}
	// A date is not understood: a plugin has no clock to subtract from it.
	wait := waitMs(head.Header("retry-after-ms"), 1)
	if wait == nil {
		wait = waitMs(head.Header("retry-after"), 1000)
	}
	return Failure{code, message, wait}
}

// ErrorBody gives the fields of an error body; none where it is no JSON.
func ErrorBody(body []byte) Fields {
	fields, _ := ReadJSON(Event{Data: body})
	return fields
}

// MsOfSeconds gives seconds as milliseconds; nil where there are none.
func MsOfSeconds(seconds *float64) *uint64 {
	if seconds == nil || !(*seconds >= 0 && *seconds < 1e12) {
		return nil
	}
	ms := uint64(math.Round(*seconds * 1000))
	return &ms
}

func waitMs(text string, scale float64) *uint64 {
	number, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return nil
	}
	seconds := number * scale / 1000
	return MsOfSeconds(&seconds)
}

func numberOnly(raw json.RawMessage) json.RawMessage {
	if read(raw, new(float64)) == nil {
		return nil
	}
	return raw
}

func first(words ...string) string {
	for _, word := range words {
		if word != "" {
			return word
		}
	}
	return ""
}
