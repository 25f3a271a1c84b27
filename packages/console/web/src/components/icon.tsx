/** Strokes on a grid of 24. */
const PATHS = {
  activity: 'M3 12h4l3-8 4 16 3-8h4',
  layers: 'M12 3 3 8l9 5 9-5-9-5Zm-9 9.5 9 5 9-5M3 17l9 5 9-5',
  inbox: 'M3 13h5l2 3h4l2-3h5M3 13l3-8h12l3 8v6H3v-6Zm6.5-5.5 5 5m0-5-5 5',
  stream: 'M6 3v18M6 8h7a4 4 0 0 1 4 4v1M17 13v0m-3 3a3 3 0 1 0 6 0 3 3 0 0 0-6 0Z',
  list: 'M8 6h13M8 12h13M8 18h13M3.5 6h.01M3.5 12h.01M3.5 18h.01',
  camera: 'M3 8h4l2-3h6l2 3h4v11H3V8Zm9 2.5a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4Z',
  braces: 'M8 4c-3 0-3 2-3 4s0 4-2 4c2 0 2 2 2 4s0 4 3 4m8-16c3 0 3 2 3 4s0 4 2 4c-2 0-2 2-2 4s0 4-3 4',
  terminal: 'm5 7 5 5-5 5m7 1h7',
  heart: 'M12 20S3 14.5 3 8.8A4.7 4.7 0 0 1 12 7a4.7 4.7 0 0 1 9 1.8C21 14.500 12 20 12 20Z',
  check: 'M9 11.500 12 14.500 20 6M20 12v8H4V4h11',
  file: 'M6 2h8l5 5v15H6V2Zm8 0v5h5M12.500 11v4m0 3v.01',
  copy: 'M9 9h11v11H9V9ZM5 15H4V4h11v1',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8Zm0-6v2m0 16v2M2 12h2m16 0h2M5 5l1.500 1.500m11 11L19 19M5 19l1.500-1.500m11-11L19 5',
  moon: 'M20 14.500A8.500 8.500 0 1 1 9.500 4a7 7 0 0 0 10.500 10.500Z',
  menu: 'M4 6h16M4 12h16M4 18h16',
  close: 'm6 6 12 12M18 6 6 18',
  play: 'M7 4v16l13-8L7 4Z',
  pause: 'M7 4v16M17 4v16',
  first: 'M6 5v14M19 5 9 12l10 7V5Z',
  last: 'M18 5v14M5 5l10 7L5 19V5Z',
  before: 'm15 5-8 7 8 7',
  next: 'm9 5 8 7-8 7',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14Zm5 12 5 5',
  eye: 'M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12Zm10-3a3 3 0 1 0 0 6 3 3 0 0 0 0-6Z',
  chevron: 'm9 6 6 6-6 6',
  keyboard: 'M3 6h18v12H3V6Zm4 4h.01M11 10h.01M15 10h.01M18 10h.01M8 14h8',
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside words: what it means is said by them, or by the label of its button. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
