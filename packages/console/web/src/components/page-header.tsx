import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { useSession } from '../api/session.tsx';
import { Link } from '../routing/location.tsx';
import { CopyButton } from './copy-button.tsx';

export interface PageHeaderProps {
  readonly title: string;
  /** What it belongs to, to go back to; also by Escape. */
  readonly parent?: { readonly label: string; readonly to: string };
  /** Whether the title is a name to copy. */
  readonly isName?: boolean;
  /** Beside the title. */
  readonly badges?: ComponentChildren;
  /** Buttons and filters. */
  readonly children?: ComponentChildren;
}

/** What the page is about. Names the tab of the browser, too. */
export function PageHeader({ title, parent, isName = false, badges, children }: PageHeaderProps) {
  const environment = useSession().session?.environment.name;
  useEffect(() => {
    document.title = [title, parent?.label, environment, 'mink'].filter((part) => part !== undefined).join(' · ');
  }, [title, parent?.label, environment]);
  return (
    <header class="page-head">
      <div class="page-title">
        {parent !== undefined && (
          <Link to={parent.to} class="crumb" data-parent>
            {parent.label}
          </Link>
        )}
        <h1 tabIndex={-1} title={title} class={isName ? 'name' : ''}>
          {title}
        </h1>
        {isName && <CopyButton text={title} label={title} />}
        {badges}
      </div>
      {children !== undefined && <div class="page-tools">{children}</div>}
    </header>
  );
}
