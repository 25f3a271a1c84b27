/** Random numbers from 0 up to 1 that a seed repeats. Mulberry32 by Tommy Ettinger, public domain. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of a test: SEED of the environment, or a new one. Printed, so that a failure can be repeated. */
export function seedOf(test: string): { readonly seed: number; readonly random: () => number } {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`${test}: SEED=${seed}`);
  return { seed, random: mulberry32(seed) };
}
