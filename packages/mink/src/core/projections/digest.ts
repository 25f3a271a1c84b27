/** Positions of a bucket: the first bucket is 0 to 65,535. */
const BUCKET = 65_536;
/** What a lane is modulo. */
export const LANE = 0x1_0000_0000;

/** The bucket that a position is in. */
function bucketOf(position: number): number {
  return Math.floor(position / BUCKET);
}

/** The positions of a bucket. */
export function positionsOfBucket(bucket: number): { readonly from: number; readonly to: number } {
  return { from: bucket * BUCKET, to: (bucket + 1) * BUCKET - 1 };
}

/**
 * What was applied in a bucket of positions, as a sum that does not depend on the order: how many pairs of an event and a key,
 * and the sum of their hashes, in two lanes of 32 bits.
 */
export interface Digest {
  readonly bucket: number;
  readonly count: number;
  readonly low: number;
  readonly high: number;
}

/** The hash of an event that is applied to a key, in two lanes. */
export interface PairHash {
  readonly low: number;
  readonly high: number;
}

/** Hashes the place and id of an event and the key it is applied to. */
export function pairHash(position: number, eventId: string, key: string): PairHash {
  return textHash(`${position} ${eventId} ${key}`);
}

/**
 * Two multiplicative lanes over UTF-16 code units with a final mix, after cyrb53 by bryc (public domain): made to tell accidents,
 * not attacks.
 */
export function textHash(text: string): PairHash {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 2_654_435_761);
    low = Math.imul(low ^ unit, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return { low: low >>> 0, high: high >>> 0 };
}

/** Adds up what is applied, bucket by bucket. */
export class DigestSum {
  readonly #buckets = new Map<number, { count: number; low: number; high: number }>();

  add(position: number, { low, high }: PairHash): void {
    const bucket = bucketOf(position);
    const sum = this.#buckets.get(bucket);
    if (sum === undefined) {
      this.#buckets.set(bucket, { count: 1, low, high });
      return;
    }
    sum.count += 1;
    sum.low = (sum.low + low) % LANE;
    sum.high = (sum.high + high) % LANE;
  }

  digests(): readonly Digest[] {
    return Array.from(this.#buckets, ([bucket, sum]) => ({ bucket, ...sum }));
  }
}
