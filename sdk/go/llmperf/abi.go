//go:build wasip1

package llmperf

import "unsafe"

// The canonical ABI of the contract, by hand: Go's own exports take integers, and what they point to is laid out here as the
// component model says (https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md). Offsets and sizes are
// those of wit/llmperf-plugin.wit 0.1.0, which is frozen.

// What the host wrote for the call to come, and what it has still to read of the last one. Neither may be collected.
var given, answered []any

// The arguments are in Go's hands now; the last answer was read.
func begin() {
	given, answered = nil, nil
}

//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	block := make([]uint64, (size+7)/8+1)
	given = append(given, block)
	at := unsafe.Pointer(&block[0])
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(at), size), unsafe.Slice((*byte)(old), oldSize))
	}
	return at
}

// A value of the contract in memory.
type memory struct{ at unsafe.Pointer }

func place(size uint32) memory {
	block := make([]uint64, (size+7)/8+1)
	answered = append(answered, block)
	return memory{unsafe.Pointer(&block[0])}
}

func (m memory) add(offset uint32) memory { return memory{unsafe.Add(m.at, offset)} }
func (m memory) u8() byte                 { return *(*byte)(m.at) }
func (m memory) u32() uint32              { return *(*uint32)(m.at) }
func (m memory) setU8(value byte)         { *(*byte)(m.at) = value }
func (m memory) setU32(value uint32)      { *(*uint32)(m.at) = value }
func (m memory) setU64(value uint64)      { *(*uint64)(m.at) = value }

func (m memory) setBool(value bool) {
	if value {
		m.setU8(1)
	}
}

func pointer(at uint32) memory { return memory{unsafe.Pointer(uintptr(at))} }

func str(at, size uint32) string { return string(unsafe.Slice((*byte)(pointer(at).at), size)) }

func (m memory) str() string { return str(m.u32(), m.add(4).u32()) }

func (m memory) bytes() []byte { return []byte(m.str()) }

func (m memory) setStr(text string) {
	answered = append(answered, text)
	m.setList(memory{unsafe.Pointer(unsafe.StringData(text))}, len(text))
}

func (m memory) setList(items memory, count int) {
	m.setU32(uint32(uintptr(items.at)))
	m.add(4).setU32(uint32(count))
}

// Reads the items of a list, which take `size` bytes each.
func items[T any](at, count, size uint32, item func(memory) T) []T {
	list := make([]T, count)
	for i := range list {
		list[i] = item(pointer(at + uint32(i)*size))
	}
	return list
}

// Writes a list whose items take `size` bytes each.
func setItems[T any](m memory, list []T, size uint32, item func(memory, T)) {
	block := place(uint32(len(list)) * size)
	m.setList(block, len(list))
	for i, value := range list {
		item(block.add(uint32(i)*size), value)
	}
}

func readPair(m memory) [2]string { return [2]string{m.str(), m.add(8).str()} }

func readHeader(m memory) Header { return Header{m.str(), m.add(8).str()} }

func setPair(m memory, pair [2]string) {
	m.setStr(pair[0])
	m.add(8).setStr(pair[1])
}

func setHeader(m memory, header Header) { setPair(m, [2]string{header.Name, header.Value}) }

func setOptionalStr(m memory, text string) {
	m.setBool(text != "")
	m.add(4).setStr(text)
}

func setOptionalU64(m memory, value *uint64) {
	m.setBool(value != nil)
	if value != nil {
		m.add(8).setU64(*value)
	}
}

func setFailure(m memory, failure Failure) {
	m.setStr(failure.Code)
	m.add(8).setStr(failure.Message)
	setOptionalU64(m.add(16), failure.RetryAfterMs)
}

// The error of a result whose payload is aligned to 4.
func setError(m memory, message string) {
	m.setU8(1)
	m.add(4).setStr(message)
}

func readMessage(m memory) Message {
	return Message{m.str(), items(m.add(8).u32(), m.add(12).u32(), 20, readPart)}
}

func readPart(m memory) Part {
	kind := []string{"text", "image", "audio", "video", "url"}[m.u8()]
	if kind == "text" || kind == "url" {
		return Part{Kind: kind, Text: m.add(4).str()}
	}
	return Part{Kind: kind, Mime: m.add(4).str(), Data: m.add(12).bytes()}
}

func setOption(m memory, option Option) {
	m.setStr(option.Name)
	m.add(8).setStr(option.Kind)
	setItems(m.add(16), option.Env, 8, memory.setStr)
	setOptionalStr(m.add(24), option.Default)
	m.add(36).setBool(option.Required)
	m.add(40).setStr(option.Help)
}

func setDelta(m memory, found delta) {
	m.setU32(found.event)
	piece := m.add(8)
	piece.setU8(found.kind)
	payload := piece.add(8)
	switch found.kind {
	case pieceToolCall:
		payload.setU32(found.index)
		payload.add(4).setStr(found.text)
	case pieceUsage:
		usage := found.usage
		for i, count := range []*uint64{usage.Input, usage.Output, usage.CachedInput, usage.CacheWrite, usage.Reasoning} {
			setOptionalU64(payload.add(uint32(i)*16), count)
		}
	case pieceFailure:
		setFailure(payload, found.failure)
	case pieceEnd:
	case pieceTokenIDs:
		setItems(payload, found.ids, 4, memory.setU32)
	case pieceServerTiming:
		payload.setStr(found.text)
		*(*float64)(payload.add(8).at) = found.number
	case pieceEmbedding:
		payload.setU32(found.index)
	default:
		payload.setStr(found.text)
	}
}
