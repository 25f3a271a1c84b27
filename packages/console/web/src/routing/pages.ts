import type { FunctionComponent } from 'preact';
import type { IconName } from '../components/icon.tsx';
import { lazyPage, type PageProps } from './lazy-page.tsx';

/** A page of the console, as menu, keys and routing know it. */
export interface PageEntry {
  /** The first name of its path; empty for the first page. */
  readonly path: string;
  readonly label: string;
  readonly icon: IconName;
  /** Opens it after `g`. */
  readonly key: string;
  readonly page: FunctionComponent<PageProps>;
}

const entry = (
  [path, label, icon, key]: readonly [string, string, IconName, string],
  load: Parameters<typeof lazyPage>[0],
): PageEntry => ({ path, label, icon, key, page: lazyPage(load) });

/** In the order in which operators want them. */
export const pages: readonly PageEntry[] = [
  entry(['', 'Overview', 'activity', 'o'], async () => (await import('../pages/overview-page.tsx')).OverviewPage),
  entry(
    ['projections', 'Projections', 'layers', 'p'],
    async () => (await import('../pages/projections-page.tsx')).ProjectionsPage,
  ),
  entry(
    ['dead-letters', 'Dead letters', 'inbox', 'd'],
    async () => (await import('../pages/dead-letters-page.tsx')).DeadLettersPage,
  ),
  entry(['streams', 'Streams', 'stream', 's'], async () => (await import('../pages/streams-page.tsx')).StreamsPage),
  entry(['events', 'Events', 'list', 'e'], async () => (await import('../pages/events-page.tsx')).EventsPage),
  entry(
    ['snapshots', 'Snapshots', 'camera', 'n'],
    async () => (await import('../pages/snapshots-page.tsx')).SnapshotsPage,
  ),
  entry(['schema', 'Schema', 'braces', 'm'], async () => (await import('../pages/schema-page.tsx')).SchemaPage),
  entry(
    ['commands', 'Commands', 'terminal', 'c'],
    async () => (await import('../pages/commands-page.tsx')).CommandsPage,
  ),
  entry(['health', 'Health', 'heart', 'h'], async () => (await import('../pages/health-page.tsx')).HealthPage),
  entry(['doctor', 'Doctor', 'check', 'r'], async () => (await import('../pages/doctor-page.tsx')).DoctorPage),
  entry(['incident', 'Incident', 'file', 'i'], async () => (await import('../pages/incident-page.tsx')).IncidentPage),
];
