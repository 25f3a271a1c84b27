import { useState } from 'preact/hooks';
import type { Change } from '../../../src/api-types.ts';
import { count, counted } from '../format/numbers.ts';
import { maskedKind } from '../format/masked.ts';
import { changeKind, type ChangeKind } from './change-list.tsx';
import { MaskedValue } from './masked-value.tsx';
import { childPath, isWithin } from './json-path.ts';

interface NodeProps {
  readonly name: string | number | undefined;
  readonly value: unknown;
  readonly path: string;
  readonly depth: number;
  readonly changes: readonly Change[];
}

/** How deep a value is opened at first. What is deeper is drawn when it is opened: payloads may be nested at will. */
const OPEN_DEPTH = 3;
const MOST_OPEN = 40;
const PAGE = 100;
const LONG_TEXT = 400;

/** A value as a tree of text, with what changed in it marked. */
export function JsonTree({
  value,
  label,
  changes = [],
}: {
  readonly value: unknown;
  readonly label: string;
  readonly changes?: readonly Change[];
}) {
  return (
    <div class="json" role="group" aria-label={label}>
      <JsonNode name={undefined} value={value} path="" depth={0} changes={changes} />
    </div>
  );
}

function JsonNode(props: NodeProps) {
  const { name, value, path, changes } = props;
  if (typeof value === 'object' && value !== null) return <JsonBranch {...props} value={value} />;
  const change = changes.find((one) => one.path === path);
  return (
    <div class={lineClass(change && changeKind(change))}>
      <JsonKey name={name} />
      <JsonLeaf value={value} />
      {change !== undefined && <span class="visually-hidden"> ({changeKind(change)})</span>}
    </div>
  );
}

const lineClass = (kind: ChangeKind | undefined): string => (kind === undefined ? 'json-line' : `json-line is-${kind}`);

function JsonKey({ name }: { readonly name: string | number | undefined }) {
  if (name === undefined) return null;
  return (
    <>
      <span class={typeof name === 'number' ? 'json-index' : 'json-key'}>{name}</span>
      <span class="json-mark">: </span>
    </>
  );
}

function JsonLeaf({ value }: { readonly value: unknown }) {
  const [isWhole, setIsWhole] = useState(false);
  if (typeof value !== 'string')
    return <span class={`json-${value === null ? 'null' : typeof value}`}>{String(value)}</span>;
  const kind = maskedKind(value);
  if (kind !== undefined) return <MaskedValue kind={kind} />;
  const isCut = value.length > LONG_TEXT && !isWhole;
  return (
    <span class="json-string">
      {JSON.stringify(isCut ? value.slice(0, LONG_TEXT) : value)}
      {isCut && (
        <button type="button" class="link-button" onClick={() => setIsWhole(true)}>
          … {counted(value.length - LONG_TEXT, 'more character')}
        </button>
      )}
    </span>
  );
}

function JsonBranch({ name, value, path, depth, changes }: NodeProps & { readonly value: object }) {
  const isList = Array.isArray(value);
  const within = changes.filter((change) => isWithin(change.path, path));
  const size = isList ? value.length : Object.keys(value).length;
  const [chosen, setChosen] = useState<boolean>();
  const isOpen = chosen ?? ((depth < OPEN_DEPTH && size <= MOST_OPEN) || depth === 0 || within.length > 0);
  const own = changes.find((change) => change.path === path);
  const [open, close] = isList ? ['[', ']'] : ['{', '}'];
  if (size === 0) {
    return (
      <div class={lineClass(own && changeKind(own))}>
        <JsonKey name={name} />
        <span class="json-mark">
          {open}
          {close}
        </span>
      </div>
    );
  }
  return (
    <div class={`json-branch ${own === undefined ? '' : `is-${changeKind(own)}`}`}>
      <button type="button" class="json-toggle" aria-expanded={isOpen} onClick={() => setChosen(!isOpen)}>
        <JsonKey name={name} />
        <span class="json-mark">{isOpen ? open : `${open} ${counted(size, isList ? 'item' : 'field')} ${close}`}</span>
      </button>
      {isOpen && (
        <>
          <div class="json-children">
            <JsonChildren value={value} path={path} depth={depth + 1} changes={within} />
          </div>
          <span class="json-mark">{close}</span>
        </>
      )}
    </div>
  );
}

function JsonChildren({ value, path, depth, changes }: Omit<NodeProps, 'name'> & { readonly value: object }) {
  const [shown, setShown] = useState(PAGE);
  const all: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? value.map((item: unknown, index) => [index, item] as const)
    : Object.entries(value);
  return (
    <>
      {all.slice(0, shown).map(([key, item]) => (
        <JsonNode key={key} name={key} value={item} path={childPath(path, key)} depth={depth} changes={changes} />
      ))}
      {all.length > shown && (
        <button type="button" class="link-button" onClick={() => setShown(shown + 10 * PAGE)}>
          {count(all.length - shown)} more
        </button>
      )}
    </>
  );
}
