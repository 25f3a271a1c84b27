import type { Change } from '../../../src/api-types.ts';
import { maskedKind } from '../format/masked.ts';
import { MaskedValue } from './masked-value.tsx';

export type ChangeKind = 'added' | 'removed' | 'changed';

/** JSON has no `undefined`: what is not there on one side was added or removed. */
export function changeKind({ before, after }: Change): ChangeKind {
  if (before === undefined) return 'added';
  return after === undefined ? 'removed' : 'changed';
}

const SIGNS: Readonly<Record<ChangeKind, string>> = { added: '+', removed: '−', changed: '~' };
const MOST = 200;

/** What changed, part by part: before and after. */
export function ChangeList({ changes, label }: { readonly changes: readonly Change[]; readonly label: string }) {
  if (changes.length === 0) return <p class="muted">Nothing changed.</p>;
  return (
    <>
      <ul class="changes" aria-label={label}>
        {changes.slice(0, MOST).map((change) => (
          <ChangeLine key={change.path} change={change} />
        ))}
      </ul>
      {changes.length > MOST && <p class="muted">And {changes.length - MOST} more.</p>}
    </>
  );
}

function ChangeLine({ change }: { readonly change: Change }) {
  const kind = changeKind(change);
  // Both sides would read the same.
  const masked = maskedKind(change.after ?? change.before);
  const isMasked = masked !== undefined;
  return (
    <li class={`change is-${kind}`}>
      <span class="change-sign" aria-hidden="true">
        {SIGNS[kind]}
      </span>
      <span class="visually-hidden">{kind} </span>
      <span class="change-path">{change.path === '' ? '(all of it)' : change.path}</span>
      {isMasked ? null : change.before !== undefined && <del>{asText(change.before)}</del>}
      {kind === 'changed' && !isMasked && (
        <span class="json-mark" aria-hidden="true">
          →
        </span>
      )}
      {masked !== undefined ? (
        <MaskedValue kind={masked} />
      ) : (
        change.after !== undefined && <ins>{asText(change.after)}</ins>
      )}
    </li>
  );
}

const LONGEST = 300;

function asText(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
