// The results as one SVG: a panel for each row, a bar for each subject, a whisker from the smallest to the largest round.
import { byWork, formatNumber, subjectsOf } from './table.js';

const COLORS = { mink: '#0b6e4f', floor: '#8d99ae', emmett: '#3a6ea5', castore: '#c8553d', 'go-mink': '#b08d00' };
const COLUMNS = 2;
const PANEL_WIDTH = 470;
const LABEL_WIDTH = 62;
const VALUE_WIDTH = 128;
const BAR_HEIGHT = 15;
const BAR_GAP = 4;
const TITLE_HEIGHT = 26;
const MARGIN = 16;
const HEADER_HEIGHT = 58;

export function renderChart({ machine, versions, settings, rows }) {
  const groups = byWork(rows);
  const subjects = subjectsOf(rows);
  const panelHeight = TITLE_HEIGHT + subjects.length * (BAR_HEIGHT + BAR_GAP) + MARGIN;
  const width = COLUMNS * PANEL_WIDTH + (COLUMNS + 1) * MARGIN;
  const height = HEADER_HEIGHT + Math.ceil(groups.length / COLUMNS) * panelHeight + MARGIN;
  const panels = groups.map((group, index) => {
    const x = MARGIN + (index % COLUMNS) * (PANEL_WIDTH + MARGIN);
    const y = HEADER_HEIGHT + Math.floor(index / COLUMNS) * panelHeight;
    return `<g transform="translate(${x} ${y})">${panel(group, subjects)}</g>`;
  });
  const description =
    `PostgreSQL ${versions.postgresql}, Node ${versions.node}, ${machine.cores} cores, ${machine.memoryGb} GB; ` +
    `medians of ${settings.runs > 1 ? `${settings.runs} runs of ` : ''}${settings.rounds} rounds, whiskers: smallest and largest round`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    ` font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Benchmark of mink and others">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    text(
      MARGIN,
      26,
      'mink and others, side by side on one PostgreSQL',
      'font-size="17" font-weight="600" fill="#1b1b1b"',
    ),
    text(MARGIN, 45, description, 'fill="#555555"'),
    ...panels,
    '</svg>',
  ].join('\n')}\n`;
}

function panel(group, subjects) {
  const known = [...group.subjects.values()].flatMap(({ median, rounds }) =>
    median === null ? [] : [median, ...rounds],
  );
  const most = Math.max(...known, Number.MIN_VALUE);
  const room = PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH;
  const scale = (value) => (room * value) / most;
  const title = `${group.work} <tspan font-weight="400" fill="#555555">${escape(group.unit)}, ${group.better} is better</tspan>`;
  const bars = subjects.map((subject, index) => {
    const y = TITLE_HEIGHT + index * (BAR_HEIGHT + BAR_GAP);
    return bar({ subject, row: group.subjects.get(subject), y, scale });
  });
  return [`<text x="0" y="16" font-weight="600" fill="#1b1b1b">${title}</text>`, ...bars].join('');
}

function bar({ subject, row, y, scale }) {
  const middle = y + BAR_HEIGHT / 2;
  const label = text(LABEL_WIDTH - 6, middle + 4, subject, 'text-anchor="end" fill="#1b1b1b"');
  if (row === undefined || row.median === null) {
    return (
      label +
      text(LABEL_WIDTH + 2, middle + 4, shorten(row?.note ?? 'not measured'), 'fill="#777777" font-style="italic"')
    );
  }
  const width = Math.max(1, scale(row.median));
  const [least, most] = [scale(Math.min(...row.rounds)), scale(Math.max(...row.rounds))];
  const whisker =
    row.rounds.length > 1
      ? `<path d="M${LABEL_WIDTH + least} ${middle}H${LABEL_WIDTH + most}M${LABEL_WIDTH + least} ${middle - 3}v6M${LABEL_WIDTH + most} ${middle - 3}v6" stroke="#1b1b1b" fill="none"/>`
      : '';
  const flag = row.note?.includes('LOST') ? ' loses events' : row.note === undefined ? '' : ' *';
  const value = text(
    LABEL_WIDTH + Math.max(width, most) + 5,
    middle + 4,
    formatNumber(row.median) + flag,
    flag === ' loses events' ? 'fill="#b00020" font-weight="600"' : 'fill="#1b1b1b"',
  );
  return (
    label +
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${COLORS[subject]}"/>` +
    whisker +
    value
  );
}

function text(x, y, content, attributes) {
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escape(content)}</text>`;
}

function shorten(note) {
  return note.length > 58 ? `${note.slice(0, 57)}…` : note;
}

function escape(content) {
  return String(content)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
