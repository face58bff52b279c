"""Where componentize-py looks for the resource of the interface `api`. It has to have this name, and `app` has to be able to find it."""

from llmperf import ExportedDecoder as Decoder

__all__ = ["Decoder"]
