import type { PageProps } from '../routing/lazy-page.tsx';
import { LogView } from './events/log-view.tsx';
import { WhyView } from './events/why-view.tsx';

/** The log as it grows, or why one event happened. */
export function EventsPage({ names: [position] }: PageProps) {
  return position === undefined ? <LogView /> : <WhyView position={position} />;
}
