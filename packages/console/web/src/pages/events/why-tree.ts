import type { Why, WhyNode } from '../../../../src/api-types.ts';
import { pathOf } from '../../routing/location.tsx';

/** A node of the picture: something that happened, with what it led to. */
export interface TreeNode {
  readonly id: string;
  readonly kind: 'command' | 'event' | 'projection';
  readonly label: string;
  /** In small letters below. */
  readonly detail: string;
  /** Where it leads in the console. */
  readonly to: string | undefined;
  readonly state: string | undefined;
  readonly children: readonly TreeNode[];
}

/** Everything of one correlation as trees: commands, their events, what those caused; the projections are below the event itself. */
export function treeOf({ event, nodes, projections }: Why): readonly TreeNode[] {
  const readers: readonly TreeNode[] = projections
    .filter(({ outcome }) => outcome !== 'ignored')
    .map(({ name, version, outcome, keys }) => ({
      id: `projection ${name} ${version}`,
      kind: 'projection',
      label: `${name} ${version}`,
      detail: keys.length === 0 ? outcome : `${outcome}: ${keys.join(', ')}`,
      to: pathOf('projections', name, version),
      state: outcome,
      children: [],
    }));
  return treeOfNodes(nodes, new Map([[event.id, readers]]));
}

/** Nodes below what has caused them, and what else is to be below some of them. */
export function treeOfNodes(
  nodes: readonly WhyNode[],
  more: ReadonlyMap<string, readonly TreeNode[]> = new Map(),
): readonly TreeNode[] {
  const known = new Set(nodes.map(({ id }) => id));
  const childrenOf = Map.groupBy(nodes, ({ causedBy }) =>
    causedBy !== undefined && known.has(causedBy) ? causedBy : '',
  );
  const seen = new Set<string>();
  const grow = (node: WhyNode): TreeNode => {
    // What is said to be caused by itself, over corners, would never end.
    const isNew = !seen.has(node.id);
    seen.add(node.id);
    const caused = isNew ? (childrenOf.get(node.id) ?? []).map(grow) : [];
    return { ...drawn(node), children: [...caused, ...(more.get(node.id) ?? [])] };
  };
  return (childrenOf.get('') ?? []).map(grow);
}

function drawn({ id, kind, label, event }: WhyNode): Omit<TreeNode, 'children'> {
  return {
    id,
    kind,
    label,
    detail: event === undefined ? kind : `${event.streamName} · ${event.streamVersion}`,
    to: event === undefined ? undefined : `/events/${event.globalPosition}`,
    state: undefined,
  };
}

/** A node with its place in a grid: columns from cause to effect, rows so that no two share a place. */
export interface PlacedNode extends TreeNode {
  readonly column: number;
  readonly row: number;
  readonly parent: PlacedNode | undefined;
}

/** Each node beside the first of what it led to. */
export function placed(tree: readonly TreeNode[]): readonly PlacedNode[] {
  const all: PlacedNode[] = [];
  let rows = 0;
  const place = (node: TreeNode, parent: PlacedNode | undefined): void => {
    const own: PlacedNode = { ...node, column: parent === undefined ? 0 : parent.column + 1, row: rows, parent };
    all.push(own);
    if (node.children.length === 0) rows += 1;
    for (const child of node.children) place(child, own);
  };
  for (const root of tree) place(root, undefined);
  return all;
}
