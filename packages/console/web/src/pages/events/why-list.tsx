import { Tag } from '../../components/badge.tsx';
import { Link } from '../../routing/location.tsx';
import type { TreeNode } from './why-tree.ts';

export interface WhyListProps {
  readonly tree: readonly TreeNode[];
  /** The event that is asked about. */
  readonly focus: string;
}

/** The picture in words: each cause with its effects below it. */
export function WhyList({ tree, focus }: WhyListProps) {
  return (
    <ul class="why-list">
      {tree.map(({ id, kind, label, detail, to, children }) => (
        <li key={id}>
          <span class="muted">{kind}</span> {to === undefined ? <b>{label}</b> : <Link to={to}>{label}</Link>}{' '}
          <span class="muted name">{detail}</span>
          {id === focus && <Tag>this event</Tag>}
          {children.length > 0 && <WhyList tree={children} focus={focus} />}
        </li>
      ))}
    </ul>
  );
}
