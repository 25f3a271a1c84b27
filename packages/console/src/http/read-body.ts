import { Refusal } from './problem.ts';

/** Bytes of a request's body. */
const LARGEST = 65_536;
const DEEPEST = 32;

/** The JSON of a request: 64 kB at most, and no deeper than anything that is asked for. An empty body is `{}`. */
export async function readBody(request: Request): Promise<unknown> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json\s*(?:;\s*charset=utf-8\s*)?$/iu.test(type)) {
    throw new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send JSON, with "content-type: application/json".');
  }
  const text = await readText(request);
  if (text === '') return {};
  if (nesting(text) > DEEPEST) throw new Refusal(400, 'BAD_JSON', `The body is nested more than ${DEEPEST} deep.`);
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'BAD_JSON', 'The body is no JSON.');
  }
}

/** Stops reading where it is too long, whatever its length was said to be. */
async function readText(request: Request): Promise<string> {
  const tooLarge = new Refusal(413, 'TOO_LARGE', `The body is larger than ${LARGEST} bytes.`);
  if (Number(request.headers.get('content-length') ?? 0) > LARGEST) throw tooLarge;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // oxlint-disable-next-line typescript/no-unnecessary-condition
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > LARGEST) throw tooLarge;
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new Refusal(400, 'BAD_JSON', 'The body is no UTF-8.');
  }
}

/** How deep the brackets go; those in strings count, too, which harms nobody. */
function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const sign of text) {
    if (sign === '{' || sign === '[') depth += 1;
    else if (sign === '}' || sign === ']') depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
