/**
 * Write an llmperf plugin in JavaScript. README.md says how; parrot/parrot.js is one.
 *
 * A plugin has no clock, network, file, environment or secret: the host sends what `buildRequest` says, cuts the answer into events
 * and gives those to a decoder. QuickJS lacks TextEncoder, TextDecoder, URL and fetch; `decodeUtf8` and `encodeUtf8` are here.
 */

/**
 * @typedef {{name: string, value: string}} Header
 * @typedef {'sse' | 'ndjson' | 'aws-event-stream' | 'json-array' | 'body'} Framing how the host cuts a body into events
 * @typedef {{name: string, kind: 'string' | 'integer' | 'number' | 'boolean' | 'json', env: string[], default?: string,
 *   required: boolean, help: string}} OptionSpec
 * @typedef {{mime: string, data: Uint8Array}} Media
 * @typedef {{tag: 'text', val: string} | {tag: 'image' | 'audio' | 'video', val: Media} | {tag: 'url', val: string}} Part
 * @typedef {{role: string, parts: Part[]}} Message
 * @typedef {{tag: 'prompt', val: string} | {tag: 'messages', val: Message[]} | {tag: 'token-ids', val: Uint32Array}
 *   | {tag: 'texts', val: string[]}} Input
 * @typedef {{task: string, model: string, stream: boolean, input: Input, maxTokens?: number, sampling: string,
 *   options: [string, string][]}} RequestSpec
 * @typedef {{method: string, path: string[], query: [string, string][], headers: Header[], body: Uint8Array, framing: Framing[]}}
 *   HttpRequest
 * @typedef {{status: number, headers: Header[]}} ResponseHead
 * @typedef {{name: string, data: Uint8Array}} Event
 * @typedef {{inputTokens?: number, outputTokens?: number, cachedInputTokens?: number, cacheWriteTokens?: number,
 *   reasoningTokens?: number}} Usage counts as the server says them
 * @typedef {{code: string, message: string, retryAfterMs?: number}} Failure
 *
 * @typedef {object} Decoder reads one response; keep its state in it, never in a global
 * @property {(event: Event, out: Out) => void} push says what an event means; what it throws fails the response
 * @property {(complete: boolean, out: Out) => void} [finish] the body has ended; `complete` is false where it was cut off
 *
 * @typedef {object} Plugin
 * @property {string} name [a-z0-9-]+, the API's name on the command line
 * @property {string} version
 * @property {string} summary one line for people
 * @property {string[]} [tasks] default: chat
 * @property {OptionSpec[]} [options]
 * @property {string} [providers] providers it brings along, as TOML
 * @property {(spec: RequestSpec) => HttpRequest} buildRequest throws where this API cannot ask it
 * @property {new (task: string, head: ResponseHead) => Decoder} Decoder
 * @property {(head: ResponseHead, body: Uint8Array) => Failure} [explain] what an HTTP error says; default: `explain`
 */

/**
 * Makes a plugin the interface that the component exports: `export const api = plugin({…})`.
 * @param {Plugin} plugin
 */
export function plugin({ buildRequest, Decoder, explain: explainIt = explain, ...description }) {
  return {
    describe: () => ({ tasks: ['chat'], options: [], providers: undefined, ...description }),
    buildRequest(spec) {
      try {
        return buildRequest(spec);
      } catch (error) {
        throw error.message ?? String(error);
      }
    },
    explain: (head, body) => failureOf(explainIt(head, body)),
    Decoder: class {
      #decoder;

      constructor(task, head) {
        this.#decoder = new Decoder(task, head);
      }

      push(events) {
        const out = new Out();
        for (const event of events) {
          out.attempt(() => this.#decoder.push(event, out));
          out.event += 1;
        }
        return out.deltas;
      }

      finish(complete) {
        const out = new Out();
        out.attempt(() => this.#decoder.finish?.(complete, out));
        return out.deltas;
      }
    },
  };
}

/** Where a decoder writes what it found. Empty strings, and what is no string, are skipped: no character is no token. */
export class Out {
  /** Index of the event in its call. */
  event = 0;
  deltas = [];

  text(text) {
    this.#words('text', text);
  }

  /** Reasoning, which is not part of the answer. */
  reasoning(text) {
    this.#words('reasoning', text);
  }

  refusal(text) {
    this.#words('refusal', text);
  }

  /** A fragment of the tool call with this index: first its name, then its arguments as text. */
  toolCall(index, fragment) {
    if (isWord(fragment)) this.#put('tool-call', [count(index) ?? 0, fragment.toWellFormed()]);
  }

  /** Counts as the server says them, without arithmetic; what is no count is left out. @param {Usage} usage */
  usage(usage) {
    const counts = Object.fromEntries(USAGE.map((name) => [name, count(usage[name])]));
    if (USAGE.some((name) => counts[name] !== undefined)) this.#put('usage', counts);
  }

  /** The provider's own word for why it stopped. */
  finish(word) {
    this.#words('finish', word);
  }

  /** The response says that it failed. @param {Failure} failure */
  failure(failure) {
    this.#put('failure', failureOf(failure));
  }

  /** The protocol's own end marker. */
  end() {
    this.#put('end');
  }

  tokenIds(ids) {
    if (ids.length > 0) this.#put('token-ids', ids);
  }

  /** What the server says of its own time; the name ends in its unit: `queue_ms`. */
  serverTiming(name, value) {
    if (Number.isFinite(value)) this.#put('server-timing', [name, value]);
  }

  embedding(dimensions) {
    this.#put('embedding', dimensions);
  }

  /** Runs a step of a decoder; what it throws is a failure of the response. */
  attempt(step) {
    try {
      step();
    } catch (error) {
      this.failure(error instanceof BadResponse ? error : { code: 'bad_response', message: String(error) });
    }
  }

  #words(tag, text) {
    // JSON can write half of a pair, and UTF-8 cannot.
    if (isWord(text)) this.#put(tag, text.toWellFormed());
  }

  #put(tag, val) {
    this.deltas.push({ event: this.event, piece: val === undefined ? { tag } : { tag, val } });
  }
}

const USAGE = ['inputTokens', 'outputTokens', 'cachedInputTokens', 'cacheWriteTokens', 'reasoningTokens'];

/** A failure as the host takes it, whatever a server put into it. */
const failureOf = ({ code, message, retryAfterMs }) => ({
  code: String(code ?? '').toWellFormed(),
  message: String(message ?? '').toWellFormed(),
  retryAfterMs: count(Math.round(retryAfterMs)),
});

const isWord = (text) => typeof text === 'string' && text !== '';

/** A whole number that is no less than 0, or undefined. Never a BigInt: QuickJS takes none for a u64. */
const count = (value) => (Number.isSafeInteger(value) && value >= 0 ? value : undefined);

/** The answer could not be understood, which the host counts apart from the server's own errors. */
export class BadResponse extends Error {
  code = 'bad_response';
}

/**
 * An event's payload, read as JSON; throws where it is none.
 * @param {Event} event
 */
export function readJson(event) {
  let text;
  try {
    text = decodeUtf8(event.data);
    return parse(text);
  } catch (error) {
    throw new BadResponse(`an event is not JSON: ${error.message}: ${(text ?? '').slice(0, 200)}`);
  }
}

/** Far beyond any API's nesting, and far below where a guest's stack ends: the parser goes deeper with every level. */
const MOST_NESTED = 200;

function parse(text) {
  const isLong = text.length > MOST_NESTED;
  if (isLong && hasMany(text, '[', '{') && depth(text) > MOST_NESTED) {
    throw new Error(`it is nested more than ${MOST_NESTED} deep`);
  }
  return JSON.parse(text);
}

/** Whether there are enough of these for it to be nested too deep: quicker than to look at each character. */
function hasMany(text, ...opening) {
  let count = 0;
  for (const one of opening) {
    for (let at = text.indexOf(one); at >= 0 && count <= MOST_NESTED; at = text.indexOf(one, at + 1)) count += 1;
  }
  return count > MOST_NESTED;
}

/** How deep lists and objects are nested, or would be if they were closed; no more than is needed to know that it is too deep. */
function depth(text) {
  let [level, deepest, inText] = [0, 0, false];
  for (let at = 0; at < text.length && deepest <= MOST_NESTED; at += 1) {
    const char = text[at];
    if (char === '"') inText = !inText;
    else if (inText) at += char === '\\' ? 1 : 0;
    else if (char === '[' || char === '{') deepest = Math.max(deepest, (level += 1));
    else if (char === ']' || char === '}') level -= 1;
  }
  return deepest;
}

/** An object, to take fields from; `{}` for any other value. */
export const fields = (value) => (isObject(value) ? value : {});

export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The input as one text: the prompt, or the text of all messages, joined by line breaks. For APIs that know no roles.
 * @param {RequestSpec} spec
 */
export function promptText({ input }) {
  if (input.tag === 'prompt') return input.val;
  if (input.tag !== 'messages') throw new Error('the input must be a prompt or messages');
  const parts = input.val.flatMap((message) => message.parts);
  if (parts.some((part) => part.tag !== 'text')) throw new Error('the messages must be text');
  return parts.map((part) => part.val).filter(isWord).join('\n');
}

/**
 * The value of an option, as text; undefined where it is not set and has no default.
 * @param {RequestSpec} spec
 */
export function option({ options }, name) {
  return options.find(([known]) => known === name)?.[1];
}

/**
 * A JSON body: these fields, with the sampling parameters over them. A field that is undefined or null is left out.
 * A number becomes what JavaScript makes of it: 1.0 is written as 1.
 * @param {object} own
 * @param {string} sampling
 */
export function jsonBody(own, sampling) {
  let parameters = {};
  try {
    if (sampling.trim() !== '') parameters = JSON.parse(sampling);
  } catch (error) {
    throw new Error(`sampling parameters are not a JSON object: ${error.message}`);
  }
  if (!isObject(parameters)) {
    throw new Error('sampling parameters are not a JSON object');
  }
  const given = Object.entries({ ...own, ...parameters }).filter(([, value]) => value != null);
  return encodeUtf8(JSON.stringify(Object.fromEntries(given)));
}

/**
 * A POST of a JSON body to a path below the provider's base URL, one segment an item; accepts what `framing` cuts.
 * @param {string[]} path
 * @param {Uint8Array} body
 * @param {Framing} framing
 * @returns {HttpRequest}
 */
export function postJson(path, body, framing) {
  const headers = [
    { name: 'content-type', value: 'application/json' },
    { name: 'accept', value: ACCEPT[framing] ?? 'application/json' },
  ];
  return { method: 'POST', path, query: [], headers, body, framing: [framing] };
}

const ACCEPT = {
  sse: 'text/event-stream',
  ndjson: 'application/x-ndjson',
  'aws-event-stream': 'application/vnd.amazon.eventstream',
};

/**
 * The first value of a header, whatever the case of its name.
 * @param {ResponseHead} head
 */
export function header(head, name) {
  return head.headers.find((header) => header.name.toLowerCase() === name)?.value;
}

/**
 * What an HTTP error says: `{"error": {"message", "code" | "type"}}`, `{"message": …}` or the text itself, the status as its code where
 * there is none, and how long to wait.
 * @param {ResponseHead} head
 * @param {Uint8Array} body
 * @returns {Failure}
 */
export function explain(head, body) {
  const said = errorBody(body);
  const error = isObject(said.error) ? said.error : said;
  const word = [error.code, error.type].find((word) => isWord(word) || Number.isFinite(word));
  const message = [error.message, said.error, said.message, said.detail].find(isWord) ?? decodeUtf8(body, true).trim();
  // A date is not understood: a plugin has no clock to subtract from it.
  const retryAfterMs = header(head, 'retry-after-ms') ?? header(head, 'retry-after') * 1000;
  return { code: word ?? head.status, message: message.slice(0, 4096), retryAfterMs };
}

/** The JSON of an error body; `{}` where it is none. @param {Uint8Array} body */
export function errorBody(body) {
  try {
    return fields(parse(decodeUtf8(body, true)));
  } catch {
    return {};
  }
}

/**
 * UTF-8 to text; throws where it is none, or with `lossy` reads each byte as a character.
 * @param {Uint8Array} bytes
 */
export function decodeUtf8(bytes, lossy = false) {
  let latin = '';
  // A call takes so many arguments and no more.
  for (let at = 0; at < bytes.length; at += 8192) {
    latin += String.fromCharCode.apply(null, bytes.subarray(at, at + 8192));
  }
  if (!/[\x80-\xff]/.test(latin)) return latin;
  try {
    return decodeURIComponent(escape(latin));
  } catch {
    if (lossy) return latin;
    throw new BadResponse('an event is not UTF-8');
  }
}

/** Text to UTF-8. @param {string} text */
export function encodeUtf8(text) {
  const latin = unescape(encodeURIComponent(text.toWellFormed()));
  const bytes = new Uint8Array(latin.length);
  for (let at = 0; at < latin.length; at += 1) bytes[at] = latin.charCodeAt(at);
  return bytes;
}
