import { useEffect, useMemo, useRef } from 'preact/hooks';
import { go, hrefOf } from '../../routing/location.tsx';
import { placed, type PlacedNode, type TreeNode } from './why-tree.ts';

export interface WhyPictureProps {
  readonly tree: readonly TreeNode[];
  /** The event that is asked about. */
  readonly focus: string;
}

const WIDTH = 208;
const HEIGHT = 44;
const GAP_X = 44;
const GAP_Y = 14;
const MARGIN = 8;
const MOST_LETTERS = 26;

const leftOf = ({ column }: PlacedNode): number => MARGIN + column * (WIDTH + GAP_X);
const topOf = ({ row }: PlacedNode): number => MARGIN + row * (HEIGHT + GAP_Y);

/** From cause to effect, left to right. What is drawn is in the list below, too. */
export function WhyPicture({ tree, focus }: WhyPictureProps) {
  const nodes = useMemo(() => placed(tree), [tree]);
  const box = useRef<HTMLDivElement>(null);
  const focused = nodes.find(({ id }) => id === focus);
  useEffect(() => {
    if (focused === undefined || box.current === null) return;
    box.current.scrollTo({ left: leftOf(focused) - WIDTH, top: topOf(focused) - 2 * HEIGHT });
  }, [focused]);
  const columns = Math.max(...nodes.map(({ column }) => column), 0) + 1;
  const rows = Math.max(...nodes.map(({ row }) => row), 0) + 1;
  const width = columns * (WIDTH + GAP_X) - GAP_X + 2 * MARGIN;
  const height = rows * (HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN;
  return (
    <div class="why" ref={box} tabIndex={0} role="region" aria-label="Picture of causes and effects">
      <svg
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="group"
        aria-label="From cause to effect"
      >
        {nodes.map((node) => node.parent !== undefined && <Edge key={`to ${node.id}`} from={node.parent} to={node} />)}
        {nodes.map((node) => (
          <Node key={node.id} node={node} isFocus={node.id === focus} />
        ))}
      </svg>
    </div>
  );
}

function Edge({ from, to }: { readonly from: PlacedNode; readonly to: PlacedNode }) {
  const startX = leftOf(from) + WIDTH;
  const startY = topOf(from) + HEIGHT / 2;
  const endX = leftOf(to);
  const endY = topOf(to) + HEIGHT / 2;
  const middle = (startX + endX) / 2;
  return <path class="why-edge" d={`M${startX} ${startY}C${middle} ${startY} ${middle} ${endY} ${endX} ${endY}`} />;
}

function Node({ node, isFocus }: { readonly node: PlacedNode; readonly isFocus: boolean }) {
  const { kind, label, detail, to, state } = node;
  const box = (
    <g
      class={`why-node why-${kind} ${isFocus ? 'is-focus' : ''} ${state === undefined ? '' : `why-${state}`}`}
      transform={`translate(${leftOf(node)} ${topOf(node)})`}
    >
      <title>{`${kind} ${label}, ${detail}`}</title>
      <rect width={WIDTH} height={HEIGHT} rx={6} />
      <text x={12} y={18} class="why-label">
        {cut(label)}
      </text>
      <text x={12} y={34} class="why-detail">
        {cut(detail)}
      </text>
    </g>
  );
  if (to === undefined) return box;
  const follow = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={hrefOf(to)} aria-current={isFocus ? 'true' : undefined} onClick={follow}>
      {box}
    </a>
  );
}

const cut = (text: string): string => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text);
