import { randomFillSync } from 'node:crypto';

const POOL_WORDS = 1_024;
const COUNTER_LIMIT = 0x1000;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/iu;

/** Whether `text` is a UUID of any version. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/**
 * Makes a generator of UUID v7: time-ordered, and strictly increasing within one generator. The generator reads the clock
 * unless it is given the time, in milliseconds since 1970.
 *
 * RFC 9562, section 6.2, method 1: 48 bits of milliseconds, then a 12-bit counter that starts at random in the lower
 * half each millisecond, then 62 random bits. When the counter overflows or the clock goes back, the generator runs
 * ahead of the clock rather than repeat itself.
 */
export function createUuidV7Generator(now: () => number): (time?: number) => string {
  const pool = new Uint32Array(POOL_WORDS);
  let used = POOL_WORDS;
  let milliseconds = 0;
  let counter = 0;
  // The first 64 bits of the ids of this millisecond, without the counter.
  let high = 0;
  let low = 0x7000;

  function random(): number {
    if (used === POOL_WORDS) {
      randomFillSync(pool);
      used = 0;
    }
    used += 1;
    return pool[used - 1] ?? 0;
  }

  function begin(time: number): void {
    milliseconds = time;
    counter = random() & 0x7ff;
    high = Math.floor(time / 0x1_0000);
    low = (time << 16) | 0x7000;
  }

  return (time = now()) => {
    counter += 1;
    if (time >= milliseconds + 1) begin(Math.floor(time));
    else if (counter === COUNTER_LIMIT) begin(milliseconds + 1);
    return format(high, low | counter, (random() & 0x3fff_ffff) | 0x8000_0000, random());
  };
}

/** The text of 128 bits, in words of 32. At once, because text that is joined from parts is kept in parts. */
function format(a: number, b: number, c: number, d: number): string {
  // oxfmt-ignore
  return String.fromCharCode(
    digit(a >>> 28), digit(a >>> 24), digit(a >>> 20), digit(a >>> 16),
    digit(a >>> 12), digit(a >>> 8), digit(a >>> 4), digit(a), HYPHEN,
    digit(b >>> 28), digit(b >>> 24), digit(b >>> 20), digit(b >>> 16), HYPHEN,
    digit(b >>> 12), digit(b >>> 8), digit(b >>> 4), digit(b), HYPHEN,
    digit(c >>> 28), digit(c >>> 24), digit(c >>> 20), digit(c >>> 16), HYPHEN,
    digit(c >>> 12), digit(c >>> 8), digit(c >>> 4), digit(c),
    digit(d >>> 28), digit(d >>> 24), digit(d >>> 20), digit(d >>> 16),
    digit(d >>> 12), digit(d >>> 8), digit(d >>> 4), digit(d),
  );
}

const HYPHEN = 0x2d;

const DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** The character code of the last four bits. */
function digit(bits: number): number {
  return DIGITS[bits & 0xf] ?? 0;
}
