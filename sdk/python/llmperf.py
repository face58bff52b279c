"""Write an llmperf plugin in Python. README.md says how; parrot/app.py is one.

A plugin has no clock, network, file, environment or secret: the host sends what `build_request` says, cuts the answer into events and
gives those to a decoder.
"""

import json
import re
from typing import Any

from componentize_py_types import Err
from wit_world.exports.api import (
    Delta,
    Description,
    Event,
    Failure,
    Framing,
    Header,
    HttpRequest,
    Input_Messages,
    Input_Prompt,
    OptionSpec,
    Part_Text,
    Piece_Embedding,
    Piece_End,
    Piece_Failure,
    Piece_Finish,
    Piece_Reasoning,
    Piece_Refusal,
    Piece_ServerTiming,
    Piece_Text,
    Piece_TokenIds,
    Piece_ToolCall,
    Piece_Usage,
    RequestSpec,
    ResponseHead,
    Usage,
)


class BadResponse(Exception):
    """The answer could not be understood, which the host counts apart from the server's own errors."""


class Out:
    """Where a decoder writes what it found. Empty strings, and what is no string, are skipped: no character is no token."""

    def __init__(self) -> None:
        self.event = 0
        self.deltas: list[Delta] = []

    def text(self, text: Any) -> None:
        """Visible answer text."""
        self._words(Piece_Text, text)

    def reasoning(self, text: Any) -> None:
        """Reasoning, which is not part of the answer."""
        self._words(Piece_Reasoning, text)

    def refusal(self, text: Any) -> None:
        """Text of a refusal."""
        self._words(Piece_Refusal, text)

    def tool_call(self, index: Any, fragment: Any) -> None:
        """A fragment of the tool call with this index: first its name, then its arguments as text."""
        if fragment and isinstance(fragment, str):
            self._put(Piece_ToolCall((count(index) or 0, whole(fragment))))

    def usage(self, *, input=None, output=None, cached_input=None, cache_write=None, reasoning=None) -> None:
        """Counts as the server says them, without arithmetic; what is no count is left out."""
        counts = [count(value) for value in (input, output, cached_input, cache_write, reasoning)]
        if any(value is not None for value in counts):
            self._put(Piece_Usage(Usage(*counts)))

    def finish(self, word: Any) -> None:
        """The provider's own word for why it stopped."""
        self._words(Piece_Finish, word)

    def failure(self, code: Any, message: Any, wait_s: Any = None) -> None:
        """The response says that it failed."""
        self._put(Piece_Failure(failure(code, message, wait_s)))

    def end(self) -> None:
        """The protocol's own end marker."""
        self._put(Piece_End())

    def token_ids(self, ids: list[int]) -> None:
        """The ids of the tokens that arrived."""
        if ids:
            self._put(Piece_TokenIds(ids))

    def server_timing(self, name: str, value: Any) -> None:
        """What the server says of its own time; the name ends in its unit: `queue_ms`."""
        if is_number(value):
            self._put(Piece_ServerTiming((name, float(value))))

    def embedding(self, dimensions: int) -> None:
        """An embedding with so many dimensions."""
        self._put(Piece_Embedding(dimensions))

    def _words(self, piece: Any, text: Any) -> None:
        if text and isinstance(text, str):
            self._put(piece(whole(text)))

    def _put(self, piece: Any) -> None:
        self.deltas.append(Delta(self.event, piece))


class Decoder:
    """Reads one response. Keep its state in it, never in a global."""

    def __init__(self, task: str, head: ResponseHead) -> None:
        pass

    def push(self, event: Event, out: Out) -> None:
        """Says what an event means; what it raises fails the response."""
        raise NotImplementedError

    def finish(self, complete: bool, out: Out) -> None:
        """The body has ended; `complete` is false where it was cut off."""


class Plugin:
    """An API that llmperf can speak. Derive from it, and say `Api = export(YourPlugin)`."""

    name: str
    version: str
    summary: str
    tasks = ["chat"]
    options: list[OptionSpec] = []
    providers: str | None = None
    decoder: type[Decoder]

    def build_request(self, spec: RequestSpec) -> HttpRequest:
        """The request that asks `spec`; raises where this API cannot ask it."""
        raise NotImplementedError

    def explain(self, head: ResponseHead, body: bytes) -> Failure:
        """What an HTTP error says."""
        return explain(head, body)


def export(plugin: type[Plugin]) -> type:
    """Makes a plugin the interface that the component exports. `Api = export(YourPlugin)`, in the module that is componentized."""
    global _decoder
    _decoder = plugin.decoder
    the = plugin()

    class Api:
        def describe(self) -> Description:
            return Description(the.name, the.version, the.summary, the.tasks, the.options, the.providers)

        def build_request(self, spec: RequestSpec) -> HttpRequest:
            try:
                return the.build_request(spec)
            except Exception as error:
                raise Err(str(error) or type(error).__name__)

        def explain(self, head: ResponseHead, body: bytes) -> Failure:
            return the.explain(head, body)

    return Api


_decoder: type[Decoder]


class ExportedDecoder:
    """The resource of the contract; the module `api` shows it to componentize-py, which looks for it there."""

    def __init__(self, task: str, head: ResponseHead) -> None:
        self._decoder = _decoder(task, head)

    def push(self, events: list[Event]) -> list[Delta]:
        out, push = Out(), self._decoder.push
        for index, event in enumerate(events):
            out.event = index
            try:
                push(event, out)
            except Exception as error:
                out.failure("bad_response", str(error) or type(error).__name__)
        return out.deltas

    def finish(self, complete: bool) -> list[Delta]:
        out = Out()
        try:
            self._decoder.finish(complete, out)
        except Exception as error:
            out.failure("bad_response", str(error) or type(error).__name__)
        return out.deltas


# Far beyond any API's nesting, and far below where a guest's stack ends: the parser goes a frame deeper with every level.
_MOST_NESTED = 200


def _load(data: bytes) -> Any:
    if data.count(b"[") + data.count(b"{") > _MOST_NESTED and _depth(data) > _MOST_NESTED:
        raise ValueError(f"it is nested more than {_MOST_NESTED} deep")
    # Of bytes it would guess the encoding, and look for the module of another one in files, which there are none of.
    return json.loads(data.decode())


def _depth(data: bytes) -> int:
    """How deep lists and objects are nested, or would be if they were closed."""
    depth = deepest = 0
    in_text = escaped = False
    for byte in data:
        if in_text:
            in_text = escaped or byte != 0x22
            escaped = byte == 0x5C and not escaped
        elif byte == 0x22:
            in_text = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def read_json(event: Event) -> Any:
    """An event's payload, read as JSON; raises where it is none."""
    try:
        return _load(event.data)
    except ValueError as error:
        shown = event.data[:200].decode("utf-8", "replace")
        raise BadResponse(f"an event is not JSON: {error}: {shown}") from None


def fields(value: Any) -> dict[str, Any]:
    """An object, to take fields from; an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def prompt_text(spec: RequestSpec) -> str:
    """The input as one text: the prompt, or the text of all messages, joined by line breaks. For APIs that know no roles."""
    if isinstance(spec.input, Input_Prompt):
        return spec.input.value
    if not isinstance(spec.input, Input_Messages):
        raise ValueError("the input must be a prompt or messages")
    parts = [part for message in spec.input.value for part in message.parts]
    if not all(isinstance(part, Part_Text) for part in parts):
        raise ValueError("the messages must be text")
    return "\n".join(part.value for part in parts if part.value)


def option(spec: RequestSpec, name: str) -> str | None:
    """The value of an option, as text; None where it is not set and has no default."""
    return dict(reversed(spec.options)).get(name)


def json_body(own: dict[str, Any], sampling: str) -> bytes:
    """A JSON body: these fields, with the sampling parameters over them. A field that is None is left out."""
    try:
        parameters = json.loads(sampling) if sampling.strip() else {}
    except ValueError as error:
        raise ValueError(f"sampling parameters are not a JSON object: {error}") from None
    if not isinstance(parameters, dict):
        raise ValueError("sampling parameters are not a JSON object")
    body = {name: value for name, value in {**own, **parameters}.items() if value is not None}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


_ACCEPT = {
    Framing.SSE: "text/event-stream",
    Framing.NDJSON: "application/x-ndjson",
    Framing.AWS_EVENT_STREAM: "application/vnd.amazon.eventstream",
}


def post_json(path: list[str], body: bytes, framing: Framing) -> HttpRequest:
    """A POST of a JSON body to a path below the provider's base URL, one segment an item; accepts what `framing` cuts."""
    accept = _ACCEPT.get(framing, "application/json")
    headers = [Header("content-type", "application/json"), Header("accept", accept)]
    return HttpRequest("POST", path, [], headers, body, [framing])


def header(head: ResponseHead, name: str) -> str | None:
    """The first value of a header, whatever the case of its name."""
    return next((header.value for header in head.headers if header.name.lower() == name), None)


def explain(head: ResponseHead, body: bytes) -> Failure:
    """What an HTTP error says: `{"error": {"message", "code" | "type"}}`, `{"message": …}` or the text itself, the status as its code
    where there is none, and how long to wait."""
    said = error_body(body)
    error = said["error"] if isinstance(said.get("error"), dict) else said
    words = [word for word in (error.get("code"), error.get("type")) if word and isinstance(word, (str, int))]
    texts = [error.get("message"), said.get("error"), said.get("message"), said.get("detail")]
    messages = [text for text in texts if text and isinstance(text, str)]
    message = messages[0] if messages else body.decode("utf-8", "replace").strip()
    # A date is not understood: a plugin has no clock to subtract from it.
    milliseconds, seconds = _number(header(head, "retry-after-ms")), _number(header(head, "retry-after"))
    wait_s = seconds if milliseconds is None else milliseconds / 1000
    return failure(words[0] if words else head.status, message[:4096], wait_s)


def error_body(body: bytes) -> dict[str, Any]:
    """The JSON of an error body; an empty object where it is none."""
    try:
        return fields(_load(body))
    except ValueError:
        return {}


def failure(code: Any, message: Any, wait_s: Any = None) -> Failure:
    """A failure as the host takes it, whatever a server put into it."""
    wait_ms = round(wait_s * 1000) if is_number(wait_s) and 0 <= wait_s < 1e12 else None
    return Failure(*(whole("" if said is None else str(said)) for said in (code, message)), wait_ms)


def whole(text: str) -> str:
    """A text without the half of a pair that JSON can write and UTF-8 cannot."""
    return text if text.isascii() else _HALF.sub("\ufffd", text)


_HALF = re.compile("[\ud800-\udfff]")


def count(value: Any) -> int | None:
    """A whole number that is no less than 0, else None. JSON's true is a number to Python, and none here."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64 else None


def is_number(value: Any) -> bool:
    """Whether it is a number of JSON."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
