//go:build wasip1

package llmperf

// The functions of the contract, as the component model names and types them.

//go:wasmexport llmperf:plugin/api@0.1.0#describe
func describe() uint32 {
	begin()
	said := plugin.Describe()
	if len(said.Tasks) == 0 {
		said.Tasks = []string{"chat"}
	}
	ret := place(52)
	ret.setStr(said.Name)
	ret.add(8).setStr(said.Version)
	ret.add(16).setStr(said.Summary)
	setItems(ret.add(24), said.Tasks, 8, memory.setStr)
	setItems(ret.add(32), said.Options, 48, setOption)
	setOptionalStr(ret.add(40), said.Providers)
	return ret.address()
}

//go:wasmexport llmperf:plugin/api@0.1.0#build-request
func buildRequest(
	task, taskLen, model, modelLen, stream, inputKind, input, inputLen, hasMax, max, sampling, samplingLen, options, optionsLen uint32,
) uint32 {
	spec := &RequestSpec{
		Task: str(task, taskLen), Model: str(model, modelLen), Stream: stream != 0,
		Sampling: str(sampling, samplingLen), Options: items(options, optionsLen, 16, readPair),
	}
	if hasMax != 0 {
		spec.MaxTokens = &max
	}
	switch inputKind {
	case 0:
		prompt := str(input, inputLen)
		spec.Prompt = &prompt
	case 1:
		spec.Messages = items(input, inputLen, 16, readMessage)
	case 2:
		spec.TokenIDs = items(input, inputLen, 4, memory.u32)
	case 3:
		spec.Texts = items(input, inputLen, 8, memory.str)
	}
	begin()
	ret := place(52)
	built, err := plugin.BuildRequest(spec)
	if err != nil {
		setError(ret, err.Error())
		return ret.address()
	}
	request := ret.add(4)
	request.setStr(built.Method)
	setItems(request.add(8), built.Path, 8, memory.setStr)
	setItems(request.add(16), built.Query, 16, setPair)
	setItems(request.add(24), built.Headers, 16, setHeader)
	request.add(32).setStr(string(built.Body))
	setItems(request.add(40), built.Framing, 1, func(m memory, framing Framing) { m.setU8(byte(framing)) })
	return ret.address()
}

//go:wasmexport llmperf:plugin/api@0.1.0#explain
func explain(status, headers, headersLen, body, bodyLen uint32) uint32 {
	head := &ResponseHead{uint16(status), items(headers, headersLen, 16, readHeader)}
	text := []byte(str(body, bodyLen))
	begin()
	ret := place(32)
	setFailure(ret, plugin.Explain(head, text))
	return ret.address()
}

var decoders = map[uint32]Decoder{}
var lastDecoder uint32

//go:wasmimport [export]llmperf:plugin/api@0.1.0 [resource-new]decoder
func resourceNew(rep uint32) uint32

//go:wasmexport llmperf:plugin/api@0.1.0#[constructor]decoder
func newDecoder(task, taskLen, status, headers, headersLen uint32) uint32 {
	head := &ResponseHead{uint16(status), items(headers, headersLen, 16, readHeader)}
	spec := str(task, taskLen)
	begin()
	lastDecoder++
	decoders[lastDecoder] = plugin.NewDecoder(spec, head)
	return resourceNew(lastDecoder)
}

//go:wasmexport llmperf:plugin/api@0.1.0#[dtor]decoder
func dropDecoder(rep uint32) {
	delete(decoders, rep)
}

//go:wasmexport llmperf:plugin/api@0.1.0#[method]decoder.push
func push(rep, list, count uint32) uint32 {
	events := items(list, count, 16, func(m memory) Event { return Event{m.str(), m.add(8).bytes()} })
	begin()
	out := &Out{deltas: make([]delta, 0, count)}
	for i, event := range events {
		out.event = uint32(i)
		out.push(decoders[rep], event)
	}
	return found(out)
}

//go:wasmexport llmperf:plugin/api@0.1.0#[method]decoder.finish
func finish(rep, complete uint32) uint32 {
	begin()
	out := &Out{}
	decoders[rep].Finish(complete != 0, out)
	return found(out)
}

func found(out *Out) uint32 {
	ret := place(12)
	setItems(ret.add(4), out.deltas, 96, setDelta)
	return ret.address()
}

func (m memory) address() uint32 { return uint32(uintptr(m.at)) }
