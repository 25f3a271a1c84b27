import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

const SKIPPED = new Set(['node_modules', 'dist', 'coverage', '.git', '.mink']);

/** A fenced block. */
export interface Block {
  /** Relative to the root, with slashes. */
  readonly file: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** What follows the language: `no-run` and its reason, for instance. */
  readonly info: string;
  readonly code: string;
}

/** A link to a file or an anchor of this repository. */
export interface Link {
  readonly file: string;
  readonly line: number;
  readonly target: string;
}

/** A Markdown file taken apart. */
export interface Page {
  readonly file: string;
  readonly blocks: readonly Block[];
  readonly links: readonly Link[];
  /** The anchors of its headings, as GitHub makes them. */
  readonly anchors: ReadonlySet<string>;
}

const FENCE = /^ *(?<fence>`{3,}|~{3,}) *(?<language>[\w-]*) *(?<info>.*)$/u;
const HEADING = /^#{1,6} +(?<title>.+?) *#*$/u;
const LINK = /\]\((?<target>[^()\s]+)(?: +"[^"]*")?\)|^ *\[[^\]]+\]: *(?<reference>\S+)/gu;
const EXTERNAL = /^[a-z][a-z+.-]*:/iu;

/** Every Markdown file of the repository. */
export function readPages(): readonly Page[] {
  return markdownFiles(root).map((path) =>
    parsePage(relative(root, path).replaceAll(sep, '/'), readFileSync(path, 'utf8')),
  );
}

function markdownFiles(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : markdownFiles(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

function parsePage(file: string, text: string): Page {
  const blocks: Block[] = [];
  const links: Link[] = [];
  const anchors = new Set<string>();
  let open: { readonly fence: string; readonly block: Omit<Block, 'code'>; readonly code: string[] } | undefined;
  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1;
    if (open !== undefined) {
      if (content.trim() !== open.fence) {
        open.code.push(content);
        continue;
      }
      blocks.push({ ...open.block, code: open.code.join('\n') });
      open = undefined;
      continue;
    }
    const opening = FENCE.exec(content)?.groups;
    if (opening !== undefined) {
      const { fence = '', language = '', info = '' } = opening;
      open = { fence, block: { file, line, language, info }, code: [] };
      continue;
    }
    const title = HEADING.exec(content)?.groups?.['title'];
    if (title !== undefined) anchors.add(freeAnchor(title, anchors));
    links.push(...linksIn(content).map((target) => ({ file, line, target })));
  }
  if (open !== undefined) throw new Error(`${file}:${open.block.line}: this block is never closed`);
  return { file, blocks, links, anchors };
}

function linksIn(content: string): readonly string[] {
  const text = content.replaceAll(/`[^`]*`/gu, '');
  const targets = [...text.matchAll(LINK)].map(({ groups }) => groups?.['target'] ?? groups?.['reference'] ?? '');
  return targets.filter((target) => !EXTERNAL.test(target));
}

/** GitHub's rule: lower case, no punctuation but "-" and "_", spaces to "-", and a number where there is one already. */
function freeAnchor(title: string, taken: ReadonlySet<string>): string {
  const text = title.replaceAll(/\[(?<label>[^\]]*)\]\([^)]*\)/gu, '$<label>');
  const anchor = text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-');
  let free = anchor;
  for (let number = 1; taken.has(free); number += 1) free = `${anchor}-${number}`;
  return free;
}
