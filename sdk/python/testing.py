"""For a plugin's own tests, which run in Python without WebAssembly. README.md has one."""

from dataclasses import dataclass
from typing import Any

from wit_world.exports.api import Event, Failure, Input_Prompt, RequestSpec, ResponseHead, Usage

from llmperf import ExportedDecoder


def ask(prompt: str, **more: Any) -> RequestSpec:
    """What is asked: a prompt, and whatever else is said."""
    usual = {"task": "chat", "model": "any", "stream": True, "max_tokens": None, "sampling": "{}", "options": []}
    return RequestSpec(**{**usual, "input": Input_Prompt(prompt), **more})


@dataclass
class Answer:
    """What was found in an answer. `failure` is the first one."""

    text: str = ""
    reasoning: str = ""
    usage: Usage | None = None
    finish: str | None = None
    failure: Failure | None = None
    ended: bool = False


def read(*events: str) -> Answer:
    """Reads a whole answer, of events with these payloads, with the decoder of the plugin that was exported."""
    decoder, answer = ExportedDecoder("chat", ResponseHead(200, [])), Answer()
    for delta in decoder.push([Event("", text.encode()) for text in events]) + decoder.finish(True):
        piece, value = type(delta.piece).__name__, getattr(delta.piece, "value", None)
        match piece:
            case "Piece_Text":
                answer.text += value
            case "Piece_Reasoning":
                answer.reasoning += value
            case "Piece_Usage":
                answer.usage = value
            case "Piece_Finish":
                answer.finish = value
            case "Piece_Failure":
                answer.failure = answer.failure or value
            case "Piece_End":
                answer.ended = True
    return answer
