import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 8 * 512;
const COUNTER_LIMIT = 0x1000;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/iu;

/** Whether `text` is a UUID of any version. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/**
 * Makes a generator of UUID v7: time-ordered, and strictly increasing within one generator.
 *
 * RFC 9562, section 6.2, method 1: 48 bits of milliseconds, then a 12-bit counter that starts at random in the lower
 * half each millisecond, then 62 random bits. When the counter overflows or the clock goes back, the generator runs
 * ahead of the clock rather than repeat itself.
 */
export function createUuidV7Generator(now: () => number): () => string {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  let milliseconds = 0;
  let counter = 0;

  function advance(random: number): void {
    const current = Math.floor(now());
    if (current > milliseconds) {
      milliseconds = current;
      counter = random & 0x7ff;
      return;
    }
    counter += 1;
    if (counter < COUNTER_LIMIT) return;
    milliseconds += 1;
    counter = random & 0x7ff;
  }

  return () => {
    if (used === POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const at = used;
    used += 8;
    const byte = (offset: number): number => pool[at + offset] ?? 0;

    advance((byte(0) << 8) | byte(1));
    const high = Math.floor(milliseconds / 0x1_0000_0000);
    const low = milliseconds >>> 0;
    return (
      `${hex(high >>> 8)}${hex(high)}${hex(low >>> 24)}${hex(low >>> 16)}-${hex(low >>> 8)}${hex(low)}-` +
      `${hex(0x70 | (counter >>> 8))}${hex(counter)}-` +
      `${hex(0x80 | (byte(0) & 0x3f))}${hex(byte(1))}-` +
      `${hex(byte(2))}${hex(byte(3))}${hex(byte(4))}${hex(byte(5))}${hex(byte(6))}${hex(byte(7))}`
    );
  };
}

function hex(value: number): string {
  return HEX[value & 0xff] ?? '';
}
