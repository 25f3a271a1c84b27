import type { ComponentChildren } from 'preact';

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'idle';

const TONES: Readonly<Record<string, Tone>> = {
  live: 'good',
  inline: 'good',
  healthy: 'good',
  ok: 'good',
  done: 'good',
  applied: 'good',
  notified: 'good',
  succeeded: 'good',
  outcome: 'good',
  catching_up: 'busy',
  rebuilding: 'busy',
  running: 'busy',
  waiting: 'busy',
  attempted: 'busy',
  retrying: 'warn',
  stalled: 'warn',
  paused: 'warn',
  degraded: 'warn',
  warning: 'warn',
  polling: 'warn',
  silent: 'warn',
  discarded: 'warn',
  faulted: 'bad',
  parked: 'bad',
  unhealthy: 'bad',
  failed: 'bad',
  refused: 'bad',
  rejected: 'bad',
};

export const toneOf = (state: string): Tone => TONES[state] ?? 'idle';

/** A state in a word, with a dot in its colour. */
export function StateBadge({ state, tone = toneOf(state) }: { readonly state: string; readonly tone?: Tone }) {
  return (
    <span class={`badge badge-${tone}`}>
      <span class="dot" aria-hidden="true" />
      {state.replaceAll('_', ' ')}
    </span>
  );
}

/** A word beside a name. */
export function Tag({ children, title }: { readonly children: ComponentChildren; readonly title?: string }) {
  return (
    <span class="tag" title={title}>
      {children}
    </span>
  );
}
