import { Link } from '../routing/location.tsx';

export interface Tab {
  readonly label: string;
  readonly to: string;
  readonly isCurrent: boolean;
}

/** Views of one thing, each a link of its own. */
export function Tabs({ label, tabs }: { readonly label: string; readonly tabs: readonly Tab[] }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <Link key={tab.to} to={tab.to} aria-current={tab.isCurrent ? 'page' : undefined}>
          {tab.label}
        </Link>
      ))}
    </nav>
  );
}
