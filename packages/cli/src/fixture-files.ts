import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shapeText, type RecordedShape, type ShapeSample } from 'mink';

const MARK_LENGTH = 8;
const NAME_LENGTH = 60;

/** Writes a file for each shape, unless it is there: somebody may have given it better values. */
export async function writeFixtures(
  directory: string,
  shapes: readonly RecordedShape[],
  samples: readonly (ShapeSample & Pick<RecordedShape, 'hash'>)[],
): Promise<{ readonly written: number; readonly kept: number }> {
  let written = 0;
  for (const { category, type, schemaVersion, hash, shape } of shapes) {
    const isOwn = (it: ShapeSample & { readonly hash: string }): boolean =>
      it.category === category && it.type === type && it.schemaVersion === schemaVersion && it.hash === hash;
    const payloads = samples.filter(isOwn).map(({ data }) => data);
    const folder = join(directory, nameOf(category));
    // Of all that the file is about: names may differ in case only, and the shape that takes in the rest changes.
    const mark = createHash('sha256')
      .update(JSON.stringify([category, type, schemaVersion, shape]))
      .digest('hex');
    const name = `${nameOf(type)}.v${schemaVersion}.${mark.slice(0, MARK_LENGTH)}.json`;
    const fixture = { category, type, schemaVersion, shape: shapeText(shape), payloads };
    await mkdir(folder, { recursive: true });
    if (await writeNew(join(folder, name), `${JSON.stringify(fixture, null, 2)}\n`)) written += 1;
  }
  return { written, kept: shapes.length - written };
}

/** False where it is there already. */
async function writeNew(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** As every file system takes it, and none for a directory above. */
function nameOf(text: string): string {
  return encodeURIComponent(text).replaceAll('.', '%2E').replaceAll('*', '%2A').slice(0, NAME_LENGTH);
}
