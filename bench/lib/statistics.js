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
