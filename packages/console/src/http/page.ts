import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

interface File {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** Beside what this was built from, and beside what it was built to. */
const FOLDER = fileURLToPath(new URL('../../dist/web/', import.meta.url));

/** Answers with the files of the page: by their names alone, so that no path leads elsewhere. */
export type Page = (path: string) => Response;

/** The page, mounted under a path. It is read once, when it is first asked for. */
export function createPage(basePath: string, folder = FOLDER): Page {
  let files: ReadonlyMap<string, File> | undefined;
  return (path) => {
    files ??= readFiles(folder);
    const file = files.get(path);
    if (file !== undefined && path !== 'index.html') {
      const cache = path.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
      return new Response(file.bytes, { headers: { 'content-type': file.type, 'cache-control': cache } });
    }
    // A view of the page, whose address people keep. A file that is not there is no view.
    const index = files.get('index.html');
    if (path.startsWith('assets/') || index === undefined) return notFound(index !== undefined);
    const html = new TextDecoder().decode(index.bytes).replace('<head>', `<head>\n    <base href="${basePath}/" />`);
    const type = 'text/html; charset=utf-8';
    return new Response(html, { headers: { 'content-type': type, 'cache-control': 'no-cache' } });
  };
}

function notFound(isBuilt: boolean): Response {
  const text = isBuilt ? 'There is no such file.\n' : 'The page is not built: run "npm run build".\n';
  return new Response(text, { status: 404, headers: { 'content-type': 'text/plain; charset=utf-8' } });
}

function readFiles(folder: string): ReadonlyMap<string, File> {
  const files = new Map<string, File>();
  if (!existsSync(folder)) return files;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const type = TYPES[extname(entry.name)] ?? 'application/octet-stream';
    files.set(relative(folder, path).split(sep).join('/'), { bytes: new Uint8Array(readFileSync(path)), type });
  }
  return files;
}
