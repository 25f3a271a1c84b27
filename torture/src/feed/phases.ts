/** The parts of the suite, in the order of a lap. */
export const PHASES = ['stress', 'kill', 'reissue', 'freeze', 'network'] as const;

export type Phase = (typeof PHASES)[number];

export function isPhase(name: string): name is Phase {
  return PHASES.some((known) => known === name);
}
