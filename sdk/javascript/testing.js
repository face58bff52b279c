/** For a plugin's own tests, which run in Node.js without WebAssembly. README.md has one. */

import { encodeUtf8 } from './llmperf.js';

/**
 * What is asked: a prompt, and whatever else `more` says.
 * @param {string} prompt
 * @param {Partial<import('./llmperf.js').RequestSpec>} [more]
 * @returns {import('./llmperf.js').RequestSpec}
 */
export const ask = (prompt, more) => ({
  task: 'chat', model: 'any', stream: true, input: { tag: 'prompt', val: prompt }, sampling: '{}', options: [], ...more,
});

/**
 * Reads a whole answer: what is found in it. A failure is the first one.
 * @param {ReturnType<typeof import('./llmperf.js').plugin>} api
 * @param {string[]} events their payloads
 */
export function read(api, events) {
  const decoder = new api.Decoder('chat', { status: 200, headers: [] });
  const pushed = decoder.push(events.map((text) => ({ name: '', data: encodeUtf8(text) })));
  const pieces = [...pushed, ...decoder.finish(true)].map(({ piece }) => piece);
  const all = (tag) => pieces.filter((piece) => piece.tag === tag).map(({ val }) => val);
  return {
    text: all('text').join(''),
    reasoning: all('reasoning').join(''),
    usage: all('usage').at(-1),
    finish: all('finish').at(-1),
    failure: all('failure')[0],
    ended: all('end').length > 0,
  };
}
