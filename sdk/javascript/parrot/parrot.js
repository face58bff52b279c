/** Speaks "parrot", the made-up API that every SDK has as its example (sdk/parrot-cases/README.md describes it). */

import {
  errorBody, explain, fields, isObject, jsonBody, option, plugin, postJson, promptText, readJson,
} from '../llmperf.js';

class Answer {
  /** A line was no JSON: what follows may be out of step with it. */
  isLost = false;

  push(event, out) {
    if (this.isLost) return;
    const line = fields(this.#read(event));
    const tool = fields(line.tool);
    out.reasoning(line.thinks);
    out.toolCall(tool.index, tool.name);
    out.toolCall(tool.index, tool.args);
    out.text(line.squawk);
    if (isObject(line.error)) {
      const { kind, why, wait_s } = line.error;
      out.failure({ code: kind, message: why, retryAfterMs: wait_s * 1000 });
    }
    if (isObject(line.done)) {
      const { reason, heard, said, took_ms } = line.done;
      out.usage({ inputTokens: heard, outputTokens: said });
      out.serverTiming('took_ms', took_ms);
      out.finish(reason);
      out.end();
    }
  }

  #read(event) {
    this.isLost = true;
    const line = readJson(event);
    this.isLost = false;
    return line;
  }
}

export const api = plugin({
  name: 'parrot',
  version: '0.1.0',
  summary: 'a made-up API, in JavaScript',
  options: [{ name: 'accent', kind: 'string', env: ['PARROT_ACCENT'], required: false, help: 'how it is to sound' }],
  Decoder: Answer,

  buildRequest(spec) {
    const { maxTokens: limit, stream } = spec;
    const body = jsonBody({ say: promptText(spec), limit, stream, accent: option(spec, 'accent') }, spec.sampling);
    return postJson(['v1', 'parrot'], body, stream ? 'ndjson' : 'body');
  },

  explain(head, body) {
    const failure = explain(head, body);
    const { why, kind } = errorBody(body);
    return { ...failure, message: why ?? failure.message, code: kind ?? failure.code };
  },
});
