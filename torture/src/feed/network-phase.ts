import type { PhaseResult, Run } from './run.ts';
export async function networkPhase(run: Run, options: unknown): Promise<PhaseResult> { throw new Error(String(run) + String(options)); }
