// Medians and quantiles of small samples.

/** The value in the middle; the mean of the two in the middle for an even count. Undefined for none. */
export function median(numbers) {
  if (numbers.length === 0) return undefined;
  const sorted = numbers.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  return Number.isInteger(middle) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[Math.floor(middle)];
}

/** The smallest value that at least the share `q` of the sample does not exceed (nearest rank). */
export function quantile(numbers, q) {
  if (numbers.length === 0) return undefined;
  const sorted = numbers.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
}

/** `items` beginning with another one each round, so that nobody always comes first. */
export function rotate(items, round) {
  const turn = items.length === 0 ? 0 : round % items.length;
  return [...items.slice(turn), ...items.slice(0, turn)];
}

/**
 * Between which values a statistic lies with 95 % confidence: the percentile bootstrap (Efron 1979), with a random generator that
 * always begins alike, so that the same sample gives the same interval.
 */
export function bootstrapInterval(numbers, statistic, { resamples = 1_000, seed = 1 } = {}) {
  const random = mulberry32(seed);
  const drawn = Array.from({ length: resamples }, () =>
    statistic(numbers.map(() => numbers[Math.floor(random() * numbers.length)])),
  );
  return { low: quantile(drawn, 0.025), high: quantile(drawn, 0.975) };
}

/** Numbers from 0 to 1 (Tommy Ettinger's mulberry32). */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
