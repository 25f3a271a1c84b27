import stringWidth from 'string-width';

// Control characters with DEL and C1, invisible format characters (bidirectional overrides among them), half surrogate
// pairs, line and paragraph separators: whatever moves the cursor, or makes a text look like another one.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Text that cannot steer a terminal: unsafe characters become `\uXXXX`. In a JSON text that changes nothing but the
 * spelling, as they occur within its strings only.
 */
export function escapeControls(text: string): string {
  return text.replaceAll(UNSAFE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** The same for a text of several lines, which stay lines. */
export function escapeLines(text: string): string {
  return text.split('\n').map(escapeControls).join('\n');
}

/** Columns that a text takes in a terminal: Chinese characters and most emoji take two. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

const graphemes = new Intl.Segmenter();

/** As much of a text as fits into so many columns, with an ellipsis where some is left. */
export function cutToWidth(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  for (const { segment } of graphemes.segment(text)) {
    if (widthOf(kept + segment) >= width) break;
    kept += segment;
  }
  return `${kept}…`;
}
