import type { Cluster } from '../cluster/cluster.ts';
import type { Finding } from '../check/finding.ts';
import type { Random } from '../random.ts';

/** What every phase works with. */
export interface Run {
  readonly cluster: Cluster;
  readonly random: Random;
  /** Aborted when the run is interrupted: a phase ends soon, and its result is worth nothing. */
  readonly signal: AbortSignal;
  /** Where phases keep what is needed to explain a failure. */
  readonly directory: string;
  /** Whoever is not there after this long, in milliseconds, is not slow: it has lost something, or hangs. */
  readonly patience: number;
  /** Says how it is going. */
  readonly tell: (message: string) => void;
}

/** A finding, and when it was made. */
export interface PlacedFinding extends Finding {
  readonly phase: string;
  /** After which cycle, or at the end. */
  readonly when: string;
}

/** What a phase has done and found. */
export interface PhaseResult {
  readonly phase: string;
  /** Events in the log at its end. */
  readonly events: number;
  /** How often each kind of thing was done: kills, freezes, network faults. */
  readonly done: Readonly<Record<string, number>>;
  /** Appends whose writer was told, or left, not knowing. */
  readonly unknownOutcomes: number;
  readonly conflicts: number;
  readonly refused: number;
  /** Events that each control lost. */
  readonly controlsLost: Readonly<Record<string, number>>;
  readonly findings: readonly PlacedFinding[];
}
