import { createHash } from 'node:crypto';

/** Of this example; made once, at random. */
const NAMESPACE = Buffer.from('5f0f4e6c2a5b4d0c9e0d7b1f3c8a6e21', 'hex');

/**
 * A UUID v5 (RFC 9562, section 5.5): the same parts give the same id, so an append that is repeated after a broken
 * connection is recognised.
 */
export function eventId(...parts: readonly (string | number)[]): string {
  const bytes = createHash('sha1').update(NAMESPACE).update(parts.join('\n')).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
