/** Keeps a byte order mark, and refuses what is not UTF-8: both would make two names look alike. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const ESCAPES: Readonly<Record<number, string>> = {
  0x07: String.raw`\a`,
  0x08: String.raw`\b`,
  0x09: String.raw`\t`,
  0x0a: String.raw`\n`,
  0x0b: String.raw`\v`,
  0x0c: String.raw`\f`,
  0x0d: String.raw`\r`,
  0x22: String.raw`\"`,
  0x5c: String.raw`\\`,
};

/**
 * A path as git shows it with `core.quotePath=false`: as it is, or in double quotes with C escapes where it holds control
 * characters, quotes, backslashes or bytes that are not UTF-8. Different paths stay different.
 */
export function quotePath(path: Uint8Array): string {
  const text = decode(path);
  if (text === undefined) return `"${Array.from(path, (byte) => escape(byte, String.fromCodePoint(byte))).join('')}"`;
  let needsQuotes = false;
  let quoted = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const escaped = code < 0x80 ? escape(code, character) : character;
    if (escaped !== character) needsQuotes = true;
    quoted += escaped;
  }
  return needsQuotes ? `"${quoted}"` : quoted;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function escape(byte: number, character: string): string {
  const known = ESCAPES[byte];
  if (known !== undefined) return known;
  return byte < 0x20 || byte >= 0x7f ? `\\${byte.toString(8).padStart(3, '0')}` : character;
}
