import type { PageProps } from '../routing/lazy-page.tsx';
import { ProjectionDetailView } from './projections/projection-detail-view.tsx';
import { ProjectionList } from './projections/projection-list.tsx';

/** All projections, or a version of one. */
export function ProjectionsPage({ names: [name, version] }: PageProps) {
  if (name === undefined) return <ProjectionList />;
  return <ProjectionDetailView name={name} version={version} />;
}
